"""HTTP/3 from outside: an aioquic client that says whatever a check wants, and servers that show a chosen certificate."""

import asyncio
import ssl

from aioquic.asyncio import connect, serve
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset

SERVICE = "/meshkit.mesh.v1.Mesh/"
PATIENCE = 10


def frame(message, flags=0, length=None):
    """One gRPC message with its prefix; `length` announces another length than the true one."""
    return bytes([flags]) + (len(message) if length is None else length).to_bytes(4, "big") + message


class Stream:
    """One request and what came back on it."""

    def __init__(self):
        self.fields, self.body = {}, b""
        self.answered, self.ended = asyncio.Event(), asyncio.Event()

    @property
    def status(self):
        return self.fields.get(":status")

    @property
    def grpc_status(self):
        return self.fields.get("grpc-status")

    async def end(self):
        await asyncio.wait_for(self.ended.wait(), PATIENCE)
        return self


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.http = H3Connection(self._quic)
        self.streams, self.resets = {}, asyncio.Queue()
        self.terminated = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated) and not self.terminated.done():
            self.terminated.set_result(event)
        if isinstance(event, StreamReset):
            self.resets.put_nowait((event.stream_id, event.error_code))
        for item in self.http.handle_event(event):
            stream = self.streams.get(getattr(item, "stream_id", None))
            if stream is None:
                continue
            if isinstance(item, HeadersReceived):
                stream.fields.update({name.decode(): value.decode() for name, value in item.headers})
                stream.answered.set()
            elif isinstance(item, DataReceived):
                stream.body += item.data
            if item.stream_ended:
                stream.ended.set()

    def request(self, path, body, method="POST", kind="application/grpc+proto", end=True, more=(), authority="mesh"):
        number = self._quic.get_next_available_stream_id()
        stream = self.streams[number] = Stream()
        stream.number = number
        fields = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path),
                  ("content-type", kind), ("te", "trailers"), *more]
        self.http.send_headers(number, [(name.encode(), value.encode()) for name, value in fields], end_stream=False)
        self.http.send_data(number, body, end_stream=end)
        self.transmit()
        return stream

    def say(self, raw):
        """Bytes of our own making on a new stream. Gives its number."""
        number = self._quic.get_next_available_stream_id()
        self._quic.send_stream_data(number, raw)
        self.transmit()
        return number

    def send(self, stream, body, end=False):
        self.http.send_data(stream.number, body, end_stream=end)
        self.transmit()

    async def open_link(self):
        stream = self.request(SERVICE + "MeshStream", b"", end=False)
        await asyncio.wait_for(stream.answered.wait(), PATIENCE)
        return stream

    @property
    def peer_serial(self):
        return self._quic.tls._peer_certificate.serial_number

    @property
    def port(self):
        return self._transport.get_extra_info("sockname")[1]


def client_configuration(mesh, name=None, pair=None):
    """Trusts the mesh's authority and shows `name`'s certificate, or the files of `pair`, or none."""
    made = QuicConfiguration(is_client=True, alpn_protocols=["h3"], verify_mode=ssl.CERT_NONE)
    made.load_verify_locations(str(mesh.certificates / "ca.pem"))
    if name:
        pair = mesh.certificates / f"{name}.pem", mesh.certificates / f"{name}-key.pem"
    if pair:
        made.load_cert_chain(*map(str, pair))
    return made


def connected(mesh, node, name="visitor", port=None):
    """A connection to the mesh port or another one, for `async with`."""
    return connect("127.0.0.1", port or node.mesh_port, configuration=client_configuration(mesh, name),
                   create_protocol=Client)


async def refused_dial(mesh, node, pair):
    """Dials with a wrong certificate. Gives the own port and the QUIC error code that the node ended it with."""
    async with connect("127.0.0.1", node.mesh_port, configuration=client_configuration(mesh, pair=pair),
                       create_protocol=Client, wait_connected=False) as client:
        client.transmit()
        end = await asyncio.wait_for(client.terminated, PATIENCE)
        return client.port, end.error_code


class Server:
    """A listener with one certificate that counts who came and how each handshake ended."""

    def __init__(self):
        self.port, self.dials, self.ends = 0, 0, []

    async def start(self, pair):
        configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
        configuration.load_cert_chain(*map(str, pair))
        served = self

        class Protocol(QuicConnectionProtocol):
            def __init__(self, *arguments, **more):
                super().__init__(*arguments, **more)
                served.dials += 1

            def quic_event_received(self, event):
                if isinstance(event, ConnectionTerminated):
                    served.ends.append(event.error_code)

        self.listener = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=Protocol)
        self.port = self.listener._transport.get_extra_info("sockname")[1]
        return self

    def close(self):
        self.listener.close()
