#!/usr/bin/env python3
"""Speaks to a running node with aioquic, an HTTP/3 client that is not ours.

usage: ping.py HOST PORT CA CERT KEY [OTHER_CERT OTHER_KEY]

Proves: `Ping` is answered with a client certificate, the handshake is refused without one and with a certificate of
another authority (when given), `MeshStream` answers, and wrong paths, methods and types get their statuses.
Exit 0 when all hold; otherwise one line says what did not. Needs: pip install aioquic
"""
import asyncio
import ssl
import sys

from aioquic.asyncio import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated

SERVICE = "/meshkit.mesh.v1.Mesh/"
TIMEOUT = 10


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.streams = {}
        self.terminated = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated) and not self.terminated.done():
            self.terminated.set_result(event.error_code)
        for item in self.http.handle_event(event):
            stream = self.streams.get(getattr(item, "stream_id", None))
            if stream is None:
                continue
            if isinstance(item, HeadersReceived):
                stream["fields"].update({k.decode(): v.decode() for k, v in item.headers})
                stream["answered"].set()
            elif isinstance(item, DataReceived):
                stream["body"] += item.data
            if item.stream_ended:
                stream["ended"].set()

    def request(self, path, body, method="POST", content_type="application/grpc+proto", end=True):
        number = self._quic.get_next_available_stream_id()
        stream = {"fields": {}, "body": b"", "answered": asyncio.Event(), "ended": asyncio.Event()}
        self.streams[number] = stream
        fields = [(":method", method), (":scheme", "https"), (":authority", "mesh"), (":path", path),
                  ("content-type", content_type), ("te", "trailers")]
        self.http.send_headers(number, [(k.encode(), v.encode()) for k, v in fields], end_stream=False)
        self.http.send_data(number, body, end_stream=end)
        self.transmit()
        return stream


def frame(message):
    return b"\0" + len(message).to_bytes(4, "big") + message


def configuration(ca, cert=None, key=None):
    made = QuicConfiguration(is_client=True, alpn_protocols=["h3"], verify_mode=ssl.CERT_NONE)
    made.load_verify_locations(ca)
    if cert:
        made.load_cert_chain(cert, key)
    return made


def expect(condition, what):
    if not condition:
        raise SystemExit(f"FAILED: {what}")
    print(f"ok: {what}")


async def trusted(host, port, config):
    async with connect(host, port, configuration=config, create_protocol=Client) as client:
        ping = client.request(SERVICE + "Ping", frame(b""))
        await asyncio.wait_for(ping["ended"].wait(), TIMEOUT)
        expect(ping["fields"].get(":status") == "200", "Ping is answered with 200")
        # An empty request may be refused by the engine, but by a gRPC status and no other way.
        expect("grpc-status" in ping["fields"], f"Ping ends with grpc-status {ping['fields'].get('grpc-status')}")
        if ping["fields"]["grpc-status"] == "0":
            length = int.from_bytes(ping["body"][1:5], "big")
            expect(ping["body"][:1] == b"\0" and length == len(ping["body"]) - 5, "the reply is one gRPC message")
        unknown = client.request(SERVICE + "Nothing", frame(b""))
        await asyncio.wait_for(unknown["ended"].wait(), TIMEOUT)
        expect(unknown["fields"].get("grpc-status") == "12", "an unknown method is UNIMPLEMENTED")
        for path, method, kind, status in [("/", "GET", "text/plain", "404"),
                                           (SERVICE + "Ping", "GET", "application/grpc", "405"),
                                           (SERVICE + "Ping", "POST", "text/plain", "415")]:
            other = client.request(path, b"", method, kind)
            await asyncio.wait_for(other["ended"].wait(), TIMEOUT)
            expect(other["fields"].get(":status") == status, f"{method} {path} as {kind} is {status}")
        for body, status in [(b"\1\0\0\0\1x", "12"), (b"\0\xff\xff\xff\xff", "8"), (b"\0\0\0\0\7x", "13")]:
            broken = client.request(SERVICE + "Ping", body)
            await asyncio.wait_for(broken["ended"].wait(), TIMEOUT)
            expect(broken["fields"].get("grpc-status") == status, f"a broken message ends with grpc-status {status}")
        link = client.request(SERVICE + "MeshStream", b"", end=False)
        await asyncio.wait_for(link["answered"].wait(), TIMEOUT)
        expect(link["fields"].get(":status") == "200", "MeshStream is answered with 200")


async def refused(host, port, config, what):
    try:
        async with connect(host, port, configuration=config, create_protocol=Client, wait_connected=False) as client:
            client.transmit()
            code = await asyncio.wait_for(client.terminated, TIMEOUT)
    except ConnectionError:
        code = None
    expect(code is None or 0x100 <= code <= 0x1ff, f"{what} is refused ({hex(code) if code else 'no connection'})")


async def main():
    if len(sys.argv) not in (6, 8):
        raise SystemExit(__doc__)
    host, port, ca, cert, key = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
    await trusted(host, port, configuration(ca, cert, key))
    await refused(host, port, configuration(ca), "a client without a certificate")
    if len(sys.argv) == 8:
        await refused(host, port, configuration(ca, *sys.argv[6:8]), "a certificate of another authority")


asyncio.run(main())
