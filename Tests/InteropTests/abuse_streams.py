"""QUIC and HTTP/3 that are written by hand, on chosen streams or as frames of QUIC, and what a node makes of them."""

import asyncio
import contextlib
import ssl
import struct
import time

import pylsqpack
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import StreamDataReceived, StreamReset
from aioquic.quic.packet import QuicPacketType
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.tls import Epoch

PATIENCE = 8
DATA, HEADERS, CANCEL_PUSH, SETTINGS, PUSH_PROMISE, GOAWAY, MAX_PUSH_ID, PRIORITY_UPDATE = 0, 1, 3, 4, 5, 7, 13, 0xF0700
# A type that means nothing (RFC 9114 §7.2.8).
GREASE = 0x21
RESET_STREAM, STOP_SENDING, STREAM = 4, 5, 0x0A


def varint(number):
    """RFC 9000 §16."""
    length = next(length for length in (1, 2, 4, 8) if number < 1 << 8 * length - 2)
    return (number | {1: 0, 2: 1, 4: 2, 8: 3}[length] << 8 * length - 2).to_bytes(length, "big")


def frame(kind, payload=b"", length=None):
    """A frame of HTTP/3; `length` announces another length than the true one."""
    return varint(kind) + varint(len(payload) if length is None else length) + payload


def prefixed(bits, first, number):
    """RFC 9204 §4.1.1."""
    most = (1 << bits) - 1
    if number < most:
        return bytes([first | number])
    made, number = [first | most], number - most
    while number >= 128:
        made, number = [*made, number % 128 | 128], number // 128
    return bytes([*made, number])


def field(name, value):
    """A field without any table (RFC 9204 §4.5.6)."""
    return prefixed(3, 0x20, len(name)) + name + prefixed(7, 0, len(value)) + value


def section(*fields):
    return frame(HEADERS, b"\0\0" + b"".join(field(name, value) for name, value in fields))


def request(*more, method=b"GET", scheme=b"https", authority=b"localhost", path=b"/healthz"):
    """The fields of a request; those that are None are left out."""
    pseudo = [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", path)]
    return section(*((name, value) for name, value in pseudo if value is not None), *more)


# What each client begins with: stream and bytes.
CONTROL, ENCODER, DECODER = (2, b"\0" + frame(SETTINGS)), (6, b"\2"), (10, b"\3")


def reset(stream, size, code=0x10C):
    """RESET_STREAM, as QUIC's frames are given here: type and content."""
    return RESET_STREAM, varint(stream) + varint(code) + varint(size)


def stream_frame(stream, text, last=False):
    return STREAM | last, varint(stream) + varint(len(text)) + text


class Raw(QuicConnectionProtocol):
    """A client that knows QUIC and nothing of HTTP/3."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.said, self.ends = {}, {}

    def quic_event_received(self, event):
        if isinstance(event, StreamReset):
            self.ends[event.stream_id] = "reset", event.error_code
        elif isinstance(event, StreamDataReceived):
            self.said[event.stream_id] = self.said.get(event.stream_id, b"") + event.data
            if event.end_stream:
                self.ends[event.stream_id] = self.status(event.stream_id)

    @property
    def closed(self):
        """The code that the node closed the connection with; QUIC's own are negative. None while it is open."""
        end = self._quic._close_event
        return end and (end.error_code if end.frame_type is None else -end.error_code)

    def say(self, stream, text, last=False):
        with contextlib.suppress(ValueError, RuntimeError):  # the node asked to stop
            self._quic.send_stream_data(stream, text, end_stream=last)
        self.transmit()

    def send(self, *packets):
        """Packets of frames, each given by type and content, whatever QUIC allows."""
        quic = self._quic
        for frames in packets:
            builder = QuicPacketBuilder(
                host_cid=quic.host_cid, is_client=True, max_datagram_size=1200, packet_number=quic._packet_number,
                peer_cid=quic._peer_cid.cid, version=quic._version)
            builder.start_packet(QuicPacketType.ONE_RTT, quic._cryptos[Epoch.ONE_RTT])
            for kind, content in frames:
                builder.start_frame(kind, capacity=len(content) + 8).push_bytes(content)
            quic._packet_number += 1
            for datagram in builder.flush()[0]:
                self._transport.sendto(datagram, quic.get_peer_address())

    def expect_answers_on(self, stream):
        """Lets answers come on a stream that only `send` speaks of."""
        self._quic._get_or_create_stream_for_send(stream)

    def status(self, stream):
        """The status that came on a stream; None when it said something else."""
        text = self.said[stream]
        if text[:1] != b"\1":
            return None
        start, length = (2, text[1]) if text[1] < 64 else (3, struct.unpack_from("!H", text, 1)[0] & 0x3FFF)
        return int(dict(pylsqpack.Decoder(0, 0).feed_header(stream, text[start:start + length])[1])[b":status"])

    async def until(self, condition, patience=PATIENCE):
        """Waits for `condition` or the end of the connection. Gives whether either came."""
        end = time.monotonic() + patience
        while not condition() and self.closed is None:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.005)
        return True


def configuration(**more):
    return QuicConfiguration(is_client=True, alpn_protocols=["h3"], verify_mode=ssl.CERT_NONE,
                             server_name="localhost", **more)


@contextlib.asynccontextmanager
async def connected(victim, member=None, **more):
    """A connection to the control listener, or as `member` to the mesh port, that ends without a goodbye."""
    made, port = configuration(**more), victim.port
    if member:
        folder, port = victim.mesh.certificates, victim.node.mesh_port
        made.load_cert_chain(folder / f"{member}.pem", folder / f"{member}-key.pem")
    transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Raw(QuicConnection(configuration=made)), local_addr=("127.0.0.1", 0))
    try:
        client.connect(("127.0.0.1", port))
        await asyncio.wait_for(client.wait_connected(), 15)
        yield client
    finally:
        transport.close()
        for due in (client._timer, client._transmit_task):
            if due is not None:
                due.cancel()


def outcome(victim, said, frames=(), pause=0, member=None):
    """What stream 0 comes to after `said`, pieces with their streams, and `frames`: its status, ("reset", code), or, as
    the whole connection, ("closed", code), where codes of QUIC itself are negative; None when nothing happens."""
    async def talk():
        async with connected(victim, member) as client:
            for piece in said:
                client.say(*piece)
                await asyncio.sleep(pause)
            if frames:
                client.send(*([each] for each in frames))
            await client.until(lambda: 0 in client.ends)
            return client.ends.get(0) if client.closed is None else ("closed", client.closed)

    return asyncio.run(talk())
