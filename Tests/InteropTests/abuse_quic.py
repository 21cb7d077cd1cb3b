"""QUIC as no honest client speaks it, within a connection to the control listener: frames that break RFC 9000, floods
of them, streams that are broken off, and readers that take nothing."""

import asyncio
import time

from abuse import LIMITS, REJECTED, Findings, counted, counted_once, secure_victim, unharmed
from abuse_streams import (CONTROL, DECODER, ENCODER, STOP_SENDING, connected, frame, outcome, request, reset,
                           stream_frame, varint)
from mesh import expect

FLOW_CONTROL, STREAM_LIMIT, STREAM_STATE, FINAL_SIZE, FRAME_ENCODING = range(3, 8)
CONNECTION_ID_LIMIT, PROTOCOL_VIOLATION, CRYPTO_BUFFER, UNEXPECTED_MESSAGE = 9, 10, 13, 0x10A
EXCESSIVE_LOAD = 0x107
GET = request()

# Frames of QUIC by type and content, and the error of RFC 9000 §20.1 or the alert of TLS.
VIOLATIONS = [
    ("an unknown type", [(0x42, b"")], FRAME_ENCODING),
    ("a type that is longer than needed", [(0x40, b"")], FRAME_ENCODING),
    ("a frame cut off", [(0x10, b"\xff")], FRAME_ENCODING),
    ("STREAM longer than its packet", [(0x0A, b"\0\x53\x88x")], FRAME_ENCODING),
    ("an ACK range below 0", [(2, b"\0\0\0\x09")], FRAME_ENCODING),
    ("2^60 streams and one", [(0x12, varint(2**60 + 1))], FRAME_ENCODING),
    ("an id without bytes", [(0x18, b"\1\0\0" + bytes(16))], FRAME_ENCODING),
    ("an id of 21 bytes", [(0x18, b"\1\0\x15" + bytes(37))], FRAME_ENCODING),
    ("an id that retires itself", [(0x18, b"\1\2\x08" + bytes(24))], FRAME_ENCODING),
    ("more ids than allowed", [(0x18, varint(n) + b"\0\x08" + bytes([n] * 24)) for n in range(100, 110)],
     CONNECTION_ID_LIMIT),
    ("an ACK of what was not sent", [(2, varint(9999) + b"\0\0\0")], PROTOCOL_VIOLATION),
    ("HANDSHAKE_DONE", [(0x1E, b"")], PROTOCOL_VIOLATION), ("NEW_TOKEN", [(7, b"\1x")], PROTOCOL_VIOLATION),
    ("DATAGRAM", [(0x30, b"x")], PROTOCOL_VIOLATION),
    ("an id that was never given", [(0x19, varint(99))], PROTOCOL_VIOLATION),
    ("a stream of the server", [stream_frame(1, b"x")], STREAM_STATE),
    ("the server's own stream", [stream_frame(3, b"x")], STREAM_STATE),
    ("a window for our own stream", [(0x11, b"\2\5")], STREAM_STATE),
    ("a window for no stream", [(0x11, b"\1\5")], STREAM_STATE),
    ("an end of our own sending", [(STOP_SENDING, b"\2\0")], STREAM_STATE),
    ("the 101st request", [stream_frame(400, b"x")], STREAM_LIMIT),
    ("a fourth stream one way", [stream_frame(14, b"x")], STREAM_LIMIT),
    ("bytes beyond a stream's window", [(0x0E, b"\0" + varint(65536) + b"\1x")], FLOW_CONTROL),
    ("bytes beyond the connection's window", [(0x0E, varint(4 * n) + varint(65535) + b"\1x") for n in range(5)],
     FLOW_CONTROL),
    ("bytes at the end of numbers", [(0x0E, b"\0" + varint(2**62 - 1) + b"\1x")], FLOW_CONTROL),
    ("an end before the end", [stream_frame(0, b"\x21\5abc"), reset(0, 1)], FINAL_SIZE),
    ("bytes after the end", [(0x0F, b"\0\5\1x"), (0x0E, b"\0\x0a\1x")], FINAL_SIZE),
    ("two ends", [(0x0F, b"\0\5\1x"), (0x0F, b"\0\7\1x")], FINAL_SIZE),
    ("CRYPTO far off", [(6, varint(2**30) + b"\1\0")], CRYPTO_BUFFER),
    ("a key update of TLS", [(6, b"\0\5\x18\0\0\1\0")], UNEXPECTED_MESSAGE),
]
# Packets of frames, and the error they end with.
FLOODS = [
    ("PING", [[(1, b"")] * 800] * 300, None), ("PATH_CHALLENGE", [[(0x1A, b"12345678")] * 100] * 300, None),
    ("MAX_DATA", [[(0x10, varint(2**40))] * 100] * 300, None), ("DATA_BLOCKED", [[(0x14, b"\1")] * 400] * 300, None),
    ("ACK", [[(2, b"\0\0\0\0")] * 200] * 300, None),
    ("ids that retire each other",
     [[(0x18, varint(number) * 2 + b"\x08" + number.to_bytes(8, "big") + bytes(16))
       for number in range(first, first + 25)] for first in range(2, 502, 25)], -CONNECTION_ID_LIMIT),
]


def check_quic_violations(mesh):
    """Frames that break RFC 9000 end the connection with the code that it prescribes."""
    victim = secure_victim(mesh)
    with unharmed(victim), Findings() as findings:
        for what, frames, code in VIOLATIONS:
            found = outcome(victim, [CONTROL, ENCODER, DECODER], frames)
            findings.expect(found == ("closed", -code), f"{what} is {code:#x}", found)


def check_quic_counts(mesh):
    """What breaks QUIC's rules, or those of a single request over HTTP/3, is counted as what breaks HTTP/3 is."""
    victim = secure_victim(mesh)
    with unharmed(victim), Findings() as findings:
        for what, said, frames in [("an unknown type of frame", [CONTROL], [(0x42, b"")]),
                                   ("a malformed request", [CONTROL, (0, request((b"X", b"y")), True)], ())]:
            with counted_once(victim, findings, what, REJECTED):
                outcome(victim, said, frames)


def check_quic_floods(mesh):
    """Floods of frames without use cost no memory and hold up nobody; those of ids are CONNECTION_ID_LIMIT_ERROR."""
    victim = secure_victim(mesh)

    async def flood(packets):
        async with connected(victim) as client:
            for piece in (CONTROL, ENCODER, DECODER):
                client.say(*piece)
            for start in range(0, len(packets), 20):
                client.send(*packets[start:start + 20])
                await asyncio.sleep(0.002)
            await client.until(lambda: False, 0.3)
            return client.closed

    with unharmed(victim), Findings() as findings:
        for what, packets, code in FLOODS:
            began = time.monotonic()
            found = asyncio.run(flood(packets))
            status, took = victim.get("/healthz")[0], time.monotonic() - began
            findings.expect(found == code and status == 200, f"a flood of {what} ends with {code}", (found, status))
            findings.expect(took < 15, f"seconds of a flood of {what}", took)


def check_http3_streams(mesh):
    """Each way to break off request after request ends with H3_EXCESSIVE_LOAD after some hundreds, and is counted."""
    victim = secure_victim(mesh)

    async def flood(packet):
        async with connected(victim) as client:
            client.say(*CONTROL)
            number, end = 0, time.monotonic() + 5
            while client.closed is None and time.monotonic() < end:
                room = range(number, min(client._quic._remote_max_streams_bidi, number + 40))
                for stream in (4 * each for each in room):
                    client.expect_answers_on(stream)
                    client.send(packet(stream))
                number += len(room)
                await asyncio.sleep(0.005)
            return client.closed, number

    limit = "control connection: streams that are broken off"
    with unharmed(victim), Findings() as findings:
        for what, packet in [
            ("half a request", lambda stream: [stream_frame(stream, GET[:20]), reset(stream, 20)]),
            ("a request", lambda stream: [stream_frame(stream, GET), reset(stream, len(GET))]),
            ("a request, by H3_NO_ERROR", lambda stream: [stream_frame(stream, GET), reset(stream, len(GET), 0x100)]),
            ("the answer", lambda stream: [stream_frame(stream, GET, True), (STOP_SENDING, varint(stream) + b"\0")]),
            ("an unknown frame", lambda stream: [stream_frame(stream, b"\x21\0"), reset(stream, 2)]),
            ("a malformed request", lambda stream: [stream_frame(stream, request((b"X", b"y")), True)]),
        ]:
            with counted(victim, LIMITS, limit=limit):
                found, number = asyncio.run(flood(packet))
            findings.expect(found == EXCESSIVE_LOAD and number < 1000, f"breaking off {what}", (found, number))


def check_http3_windows(mesh):
    """100 answers that nobody takes cost 1 MiB at most, and nobody else waits for them; empty frames are borne."""
    victim = secure_victim(mesh)
    path = request(path=b"/metrics")

    async def read_nothing():
        async with connected(victim, max_data=2000, max_stream_data=100) as client:
            client._quic._write_connection_limits = client._quic._write_stream_limits = lambda **_: None
            client.say(*CONTROL)
            for stream in range(0, 400, 4):
                client.say(stream, path, True)
            await client.until(lambda: False, 1)
            status = await asyncio.to_thread(victim.get, "/healthz")
            expect(status[0] == 200, "/healthz meanwhile", status)
            return client.closed, sum(map(len, client.said.values()))

    with unharmed(victim):
        found = asyncio.run(read_nothing())
        expect(found[0] is None and found[1] <= 2000, "what a reader without windows gets", found)
        for what, text in [("empty DATA", frame(0) * 100_000), ("DATA of one byte", frame(0, b"x") * 100_000),
                           ("unknown frames", frame(0x21) * 100_000),
                           ("a large unknown frame", frame(0x21, bytes(500_000)))]:
            found = outcome(victim, [CONTROL, (0, GET), (0, text, True)])
            expect(found == 200, f"a request with {what}", found)
