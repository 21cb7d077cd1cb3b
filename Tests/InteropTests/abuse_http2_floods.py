"""HTTP/2 as it is written to exhaust: floods, bombs, windows that never open, more bodies than there is room for. What
each gets is told in docs/internals/transport.md."""

import time

from abuse import LIMITS, REQUESTS, Findings, clear_victim, counted, counted_once, secure_victim, unharmed
from abuse_frames import (CALM, CANCEL, NO_ERROR, OPEN, OPENING, PADDED, PATHLESS, PRIORITY, PROTOCOL_ERROR, REFUSED,
                          UNKNOWN, WINDOW_UPDATE, connection, literal, number, outcome, outcomes, request, settings)
from http2 import CONTINUATION, DATA, GOAWAY, HEADERS, PING, REQUEST, RST_STREAM, SETTINGS, frame
from mesh import expect


def streams(count, of):
    return b"".join(of(stream) for stream in range(1, 2 * count, 2))


def broken(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, code)


USELESS, BROKEN_OFF, CONTINUED = "frames without use", "streams that are broken off", "CONTINUATION frames"
FLOODS = [
    ("acknowledged PING", frame(PING, 1, 0, bytes(8)) * 1200, USELESS),
    ("PING that nobody reads", frame(PING, 0, 0, bytes(8)) * 100_000, USELESS),
    ("SETTINGS of 32 settings", settings(*[(4, 1)] * 32) * 1200, USELESS),
    ("SETTINGS that move 100 windows", streams(99, lambda stream: request(stream, ended=False))
     + (settings((4, 0)) + settings((4, 65535))) * 1000, USELESS),
    ("PRIORITY", frame(PRIORITY, 0, 1, b"\0\0\0\3\0") * 1200, USELESS),
    ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, number(1)) * 1200, USELESS),
    ("WINDOW_UPDATE on a stream", OPEN + frame(WINDOW_UPDATE, 0, 1, number(1)) * 1200, USELESS),
    ("unknown frames", frame(UNKNOWN, 0xFF, 1, b"x" * 1000) * 1200, USELESS),
    ("ALTSVC and PRIORITY_UPDATE", (frame(10, 0, 0, b"\0\0") + frame(16, 0, 0, b"\0\0\0\1u=1")) * 600, USELESS),
    ("DATA of padding alone", OPEN + frame(DATA, PADDED, 1, b"\0") * 2400, USELESS),
    ("HEADERS on a stream that was broken off", OPEN + broken(1) + request(ended=False) * 2400, USELESS),
    ("RST_STREAM on a closed stream", request() + broken(1) * 1200, BROKEN_OFF),
    ("bodies that are broken off", streams(1200, lambda stream: request(stream, ended=False) + frame(
        DATA, 0, stream, b"x") + broken(stream)), BROKEN_OFF),
    ("streams that are too many", streams(1200, lambda stream: request(stream, ended=False)), BROKEN_OFF),
    # CVE-2025-8671: the node itself is made to break them off.
    ("windows over the largest", streams(1200, lambda stream: request(stream, ended=False) + frame(
        WINDOW_UPDATE, 0, stream, number(2**31 - 1))), BROKEN_OFF),
    ("malformed requests", streams(1200, lambda stream: request(stream, literal(b"X", b"y"))), BROKEN_OFF),
    ("wrong lengths", streams(1200, lambda stream: request(stream, literal(b"content-length", b"1"))), BROKEN_OFF),
    ("full CONTINUATION", frame(HEADERS, 1, 1, REQUEST) + frame(
        CONTINUATION, 0, 1, literal(b"x", b"y" * 120) * 130) * 100, CONTINUED),
]


def check_http2_more_floods(mesh):
    """Each flood, in clear and by TLS, ends with ENHANCE_YOUR_CALM, is counted, and costs no memory."""
    for victim in (clear_victim(mesh), secure_victim(mesh)):
        with unharmed(victim), Findings() as findings:
            for what, said, limit in FLOODS:
                with counted_once(victim, findings, f"a flood of {what}", LIMITS, limit=f"control connection: {limit}"):
                    began = time.monotonic()
                    found = outcome(victim, said, waits=False)
                    took = time.monotonic() - began
                findings.expect(found == ("goaway", CALM) and took < 10, f"a flood of {what} ends", (found, took))


def check_http2_bombs(mesh):
    """Sections of 16 and of 144 KiB that unpack to 48 and 512 MiB are 431, and hold up nobody else for long."""
    victim = clear_victim(mesh)
    # RFC 7541 §6.2.1: a field of 4,000 bytes enters the table, and each byte after it names it again.
    first = REQUEST + b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4000
    small = streams(10, lambda stream: request(stream, block=first + b"\xbe" * 12000))
    large = frame(HEADERS, 1, 1, first + b"\xbe" * 12000) + frame(CONTINUATION, 0, 1, b"\xbe" * 16384) * 7 + frame(
        CONTINUATION, 4, 1, b"\xbe" * 16384)
    for what, said, numbers in (("small", small, range(1, 20, 2)), ("large", large, [1])):
        with unharmed(victim), counted(victim, REQUESTS, len(numbers), protocol="HTTP/2", status="4xx"):
            with connection(victim) as other:
                other.sendall(OPENING + said)
                began = time.monotonic()
                status = victim.get("/healthz")[0]
                took = time.monotonic() - began
                expect(status == 200 and took < 10, f"/healthz beside a {what} bomb", (status, took))
            found = outcomes(victim, said, numbers)
            expect(found == ({stream: 431 for stream in numbers}, {}), f"what {what} bombs get", found)
    found = outcome(victim, settings((1, 2**32 - 1)) + request())
    expect(found == 404, "a request of a client that offers a table of 4 GiB", found)


def check_http2_streams(mesh):
    """A request more than allowed is REFUSED_STREAM, or PROTOCOL_ERROR once the limit is acknowledged."""
    victim = clear_victim(mesh)
    many = streams(101, lambda stream: request(stream, ended=False))
    with unharmed(victim):
        found = outcomes(victim, many, [201])
        expect(found == ({}, {201: ("reset", REFUSED)}), "the 101st request", found)
        found = outcome(victim, frame(SETTINGS, 1) + many)
        expect(found == ("goaway", PROTOCOL_ERROR), "the 101st request of one who knows the limit", found)


def check_http2_bodies(mesh):
    """More than 4 MiB of bodies at once are 503, and who is refused and sends on is broken off after 256 KiB more."""
    victim = clear_victim(mesh)
    dropped = "reset", NO_ERROR
    with unharmed(victim, 16), counted(victim, REQUESTS, 2, protocol="HTTP/2", status="5xx"):
        said = streams(6, lambda stream: request(stream, ended=False) + frame(DATA, 0, stream, b"x" * 16384) * 63)
        found = outcomes(victim, said, [9, 11])
        expect(found == ({9: 503, 11: 503}, {9: dropped, 11: dropped}), "bodies of 6 MiB", found)
        for count, ends in ((16, {}), (17, {1: dropped})):
            refused = request(more=literal(b"content-length", b"9999999"), ended=False)
            found = outcomes(victim, refused + frame(DATA, 0, 1, b"x" * 16384) * count + request(3), [3])
            expect(found == ({1: 413, 3: 404}, ends), f"{count * 16} KiB after a refusal", found)


def check_http2_windows(mesh):
    """Answers wait for a window, 1 MiB of them at most, and all come once it opens; byte by byte is no flood."""
    victim = clear_victim(mesh)
    ask = literal(b":path", b"/metrics")
    with unharmed(victim), connection(victim) as reader, reader.makefile("rb") as taken:
        reader.sendall(OPENING + settings((4, 0)) + streams(100, lambda stream: request(stream, ask, block=PATHLESS)))
        time.sleep(0.5)
        status = victim.get("/healthz")[0]
        expect(status == 200, "/healthz meanwhile", status)
        reader.sendall(settings((4, 65535)) + frame(WINDOW_UPDATE, 0, 0, number(1 << 30)))
        seen = frames_of(taken, lambda seen: sum(is_last for is_last, _ in seen) == 100)
        ended = [stream for is_last, stream in seen if is_last]
        expect(sorted(ended) == list(range(1, 200, 2)), "streams that ended", ended)
    with unharmed(victim), connection(victim) as reader, reader.makefile("rb") as taken:
        reader.sendall(OPENING + settings((4, 0)) + request(1, ask, block=PATHLESS))
        for count in range(1, 2001):
            reader.sendall(frame(WINDOW_UPDATE, 0, 1, number(1)))
            frames_of(taken, lambda seen: len(seen) == 1)


def frames_of(taken, is_enough):
    """Whether it is the last one, and the stream, of each frame of DATA, until `is_enough`."""
    seen = []
    while not is_enough(seen):
        head = taken.read(9)
        expect(len(head) == 9 and head[3] != GOAWAY, "frames", head)
        taken.read(int.from_bytes(head[:3], "big"))
        if head[3] == DATA:
            seen.append((head[4] & 1, int.from_bytes(head[5:], "big")))
    return seen
