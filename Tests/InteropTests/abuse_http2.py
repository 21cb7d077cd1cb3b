"""HTTP/2 as no honest client speaks it: what breaks RFC 9113 ends the stream or the connection with the code that it
prescribes, and what only HTTP/1.1 would misread is refused with a status."""

from abuse import REJECTED, REQUESTS, Findings, clear_victim, counted, counted_once, unharmed
from abuse_frames import (CALM, CANCEL, COMPRESSION, END_HEADERS, END_STREAM, FLOW_CONTROL, FRAME_SIZE, OPEN, PADDED,
                          PATHLESS, PRIORITIZED, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, STREAM_CLOSED, UNKNOWN,
                          WINDOW_UPDATE, literal, number, outcome, request, settings)
from http2 import CONTINUATION, DATA, GOAWAY, HEADERS, PING, REQUEST, RST_STREAM, SETTINGS, frame

# What ends the connection, and with which code.
VIOLATIONS = [
    ("DATA on stream 0", frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    ("DATA on an idle stream", frame(DATA, 0, 1, b"x"), PROTOCOL_ERROR),
    ("DATA after the end", request() + frame(DATA, 0, 1, b"x"), STREAM_CLOSED),
    ("DATA with more padding than frame", OPEN + frame(DATA, PADDED, 1, b"\x05abc"), PROTOCOL_ERROR),
    ("DATA beyond the size of frames", OPEN + frame(DATA, 0, 1, b"x" * 16385), FRAME_SIZE),
    ("a frame of 16 MiB", b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", FRAME_SIZE),
    ("an unknown frame beyond the size", frame(UNKNOWN, 0, 0, b"x" * 16385), FRAME_SIZE),
    ("HEADERS on stream 0", request(0), PROTOCOL_ERROR),
    ("HEADERS on a stream of the server", request(2), PROTOCOL_ERROR),
    ("HEADERS after the end", request() + request(), STREAM_CLOSED),
    ("HEADERS with more padding than frame", frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff" + REQUEST),
     PROTOCOL_ERROR),
    ("HEADERS without room for their priority", frame(HEADERS, END_HEADERS | PRIORITIZED, 1, b"\0\0"), FRAME_SIZE),
    ("PRIORITY of another length", frame(PRIORITY, 0, 1, b"\0"), FRAME_SIZE),
    ("PRIORITY on stream 0", frame(PRIORITY, 0, 0, b"\0\0\0\1\0"), PROTOCOL_ERROR),
    ("RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, CANCEL), PROTOCOL_ERROR),
    ("RST_STREAM on an idle stream", frame(RST_STREAM, 0, 1, CANCEL), PROTOCOL_ERROR),
    ("RST_STREAM of another length", OPEN + frame(RST_STREAM, 0, 1, b"\0\0\0"), FRAME_SIZE),
    ("SETTINGS on a stream", frame(SETTINGS, 0, 1), PROTOCOL_ERROR),
    ("SETTINGS of another length", frame(SETTINGS, 0, 0, b"\0\1\0\0\0"), FRAME_SIZE),
    ("SETTINGS that acknowledge with a setting", frame(SETTINGS, 1, 0, b"\0\1\0\0\0\0"), FRAME_SIZE),
    ("a window of 2^31", settings((4, 2**31)), FLOW_CONTROL),
    ("frames smaller than allowed", settings((5, 16383)), PROTOCOL_ERROR),
    ("frames larger than allowed", settings((5, 2**24)), PROTOCOL_ERROR),
    ("ENABLE_PUSH 2", settings((2, 2)), PROTOCOL_ERROR), ("33 settings", settings(*[(1, 0)] * 33), CALM),
    ("PUSH_PROMISE", OPEN + frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + REQUEST), PROTOCOL_ERROR),
    ("PING on a stream", frame(PING, 0, 1, b"12345678"), PROTOCOL_ERROR),
    ("PING of another length", frame(PING, 0, 0, b"1234567"), FRAME_SIZE),
    ("GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
    ("GOAWAY that is too short", frame(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE),
    ("WINDOW_UPDATE of 0", frame(WINDOW_UPDATE, 0, 0, number(0)), PROTOCOL_ERROR),
    ("WINDOW_UPDATE of 0 on a stream", OPEN + frame(WINDOW_UPDATE, 0, 1, number(0)), PROTOCOL_ERROR),
    ("WINDOW_UPDATE over the largest window", frame(WINDOW_UPDATE, 0, 0, number(2**31 - 1)), FLOW_CONTROL),
    ("WINDOW_UPDATE of another length", frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), FRAME_SIZE),
    ("WINDOW_UPDATE on an idle stream", frame(WINDOW_UPDATE, 0, 1, number(1)), PROTOCOL_ERROR),
    ("CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, REQUEST), PROTOCOL_ERROR),
    ("CONTINUATION on another stream", frame(HEADERS, 1, 1, REQUEST) + frame(CONTINUATION, 4, 3), PROTOCOL_ERROR),
    ("another frame among CONTINUATION", frame(HEADERS, 1, 1, REQUEST) + frame(PING, 0, 0, bytes(8)), PROTOCOL_ERROR),
    ("an unknown frame among CONTINUATION", frame(HEADERS, 1, 1, REQUEST) + frame(UNKNOWN), PROTOCOL_ERROR),
    ("nine CONTINUATION frames", frame(HEADERS, 1, 1, REQUEST) + frame(CONTINUATION, 0, 1) * 9, CALM),
    ("an index of 0", request(block=b"\x80"), COMPRESSION),
    ("an index beyond the table", request(more=b"\xbe"), COMPRESSION),
    ("an index without an end", request(more=b"\xff" * 12 + b"\x7f"), COMPRESSION),
    ("a field cut off", request(more=b"\0\x05ab"), COMPRESSION),
    ("a table larger than allowed", request(block=b"\x3f\xe2\x1f" + REQUEST), COMPRESSION),
    ("a table changed among fields", request(more=b"\x20"), COMPRESSION),
    ("the end of Huffman's code inside", request(more=b"\0\x84\xff\xff\xff\xff\x01x"), COMPRESSION),
    ("wrong padding of Huffman's code", request(more=b"\0\x81\0\x01x"), COMPRESSION),
]

# What ends one stream, by RST_STREAM with this code; or what is refused with a status.
MALFORMED = [
    *((f"the field {name} {value}", request(more=literal(name, value)), PROTOCOL_ERROR) for name, value in [
        (b"X-Upper", b"x"), (b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"upgrade", b"h2c"),
        (b"keep-alive", b"1"), (b"proxy-connection", b"close"), (b"te", b"gzip"), (b":evil", b"x"), (b":path", b"/"),
        (b":status", b"200"), (b":protocol", b"websocket"), (b"content-length", b"5"), (b"content-length", b"+0"),
        (b"content-length", b"99999999999999999999")]),
    *((f"the path {path}", request(block=PATHLESS, more=literal(b":path", path)), PROTOCOL_ERROR)
      for path in (b"", b"x", b"/ x", b"/\r\nHost: evil", b"/\0")),
    *((f"without {what}", request(block=block), PROTOCOL_ERROR) for what, block in [
        ("fields", b""), ("a method", b"\x86\x84\x01\x09localhost"), ("a path", PATHLESS),
        ("a scheme", b"\x82\x84\x01\x09localhost"), ("an authority", b"\x82\x86\x84")]),
    ("a pseudo-field after others", request(block=b"\x82\x86" + literal(b"x", b"y") + b"\x84\x01\x09localhost"),
     PROTOCOL_ERROR),
    ("two lengths", request(more=literal(b"content-length", b"3") + literal(b"content-length", b"4"), ended=False)
     + frame(DATA, END_STREAM, 1, b"abc"), PROTOCOL_ERROR),
    ("less than the length", request(more=literal(b"content-length", b"5"), ended=False)
     + frame(DATA, END_STREAM, 1, b"abc"), PROTOCOL_ERROR),
    ("more than the length", request(more=literal(b"content-length", b"2"), ended=False)
     + frame(DATA, 0, 1, b"abc"), PROTOCOL_ERROR),
    ("trailers that are not the end", OPEN + request(more=literal(b"x", b"y"), block=b"", ended=False), PROTOCOL_ERROR),
    ("trailers with a path", OPEN + request(block=b"\x84"), PROTOCOL_ERROR),
    ("a window over the largest", OPEN + frame(WINDOW_UPDATE, 0, 1, number(2**31 - 1)), FLOW_CONTROL),
]
REFUSED_REQUESTS = [
    *((f"the field {name} {value}", request(more=literal(name, value)), 400) for name, value in [
        (b"x", b"a\r\nHost: evil"), (b"x", b"a\0"), (b"x", b" a"), (b"a:b", b"c"), (b"a b", b"c"), (b"a\r\nb", b"c"),
        (b"", b"c"), (b"host", b"evil"), (b"host", b"x@localhost")]),
    ("a path above ASCII", request(block=PATHLESS, more=literal(b":path", b"/\xff")), 400),
    ("a name before the authority", request(block=b"\x82\x86\x84\x01\x0bx@localhost"), 400),
    ("a foreign authority", request(block=b"\x82\x86\x84\x01\x04evil"), 403),
    ("CONNECT", request(block=b"\x01\x09localhost" + literal(b":method", b"CONNECT")), 501),
    ("an expectation", request(more=literal(b"expect", b"x")), 417),
    ("a length over the limit", request(more=literal(b"content-length", b"1048577"), ended=False), 413),
    ("a body over the limit", OPEN + frame(DATA, 0, 1, b"x" * 16384) * 65, 413),
    ("101 fields", request(more=literal(b"x", b"y") * 101), 431),
    ("16 KiB of fields", request(more=literal(b"x", b"y" * 120) * 120 + b"\x8f"), 431),
    ("a field of 20 KiB", frame(HEADERS, 1, 1, REQUEST + b"\0\1x\x7f\xa1\x9b\1" + b"y" * 16000)
     + frame(CONTINUATION, 4, 1, b"y" * 4000), 431),
    ("a target of 9 KiB", request(block=PATHLESS, more=b"\0\x05:path\x7f\xa9\x45/" + b"a" * 8999), 414),
]


def check_http2_violations(mesh):
    """Frames that break RFC 9113 or 7541 end the connection with the code that these prescribe."""
    victim = clear_victim(mesh)
    with unharmed(victim), Findings() as findings:
        for what, said, code in VIOLATIONS:
            found = outcome(victim, said, waits=False)
            findings.expect(found == ("goaway", code), f"{what} ends with {code}", found)


def check_http2_malformed(mesh):
    """Requests that break RFC 9113 end their stream alone, or are refused with the status that HTTP/1.1 gets."""
    victim = clear_victim(mesh)
    with unharmed(victim), Findings() as findings, \
            counted(victim, REQUESTS, len(REFUSED_REQUESTS) - 1, protocol="HTTP/2", status="4xx"):
        for what, said, code in MALFORMED:
            found = outcome(victim, said)
            findings.expect(found == ("reset", code), f"{what} ends its stream with {code}", found)
        for what, said, status in REFUSED_REQUESTS:
            found = outcome(victim, said)
            findings.expect(found == status, f"{what} is {status}", found)


def check_http2_counts(mesh):
    """What breaks HTTP/2 is counted as what breaks HTTP/3 is, whether it ends the connection or a stream."""
    victim = clear_victim(mesh)
    with unharmed(victim), Findings() as findings:
        for what, said, _ in (VIOLATIONS[0], VIOLATIONS[-1], MALFORMED[0]):
            with counted_once(victim, findings, what, REJECTED):
                outcome(victim, said)
