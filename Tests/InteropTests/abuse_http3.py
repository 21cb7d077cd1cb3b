"""HTTP/3 as no honest client speaks it, on the control listener: what breaks RFC 9114 or 9204 ends the stream or the
connection with the code that they prescribe, and is counted."""

from abuse import REJECTED, REQUESTS, Findings, counted, secure_victim, unharmed
from abuse_streams import (CANCEL_PUSH, CONTROL, DATA, DECODER, ENCODER, GOAWAY, GREASE, HEADERS, MAX_PUSH_ID,
                           PRIORITY_UPDATE, PUSH_PROMISE, SETTINGS, STOP_SENDING, frame, outcome, request, reset,
                           section, varint)

(STREAM_CREATION, CLOSED_CRITICAL, FRAME_UNEXPECTED, FRAME_ERROR, EXCESSIVE_LOAD, ID_ERROR, SETTINGS_ERROR,
 MISSING_SETTINGS) = range(0x103, 0x10B)
MESSAGE_ERROR = 0x10E
DECOMPRESSION_FAILED, ENCODER_ERROR, DECODER_ERROR = 0x200, 0x201, 0x202
GET = request()
TRAILERS = section((b"x", b"y"))


def control(*frames):
    """A control stream that says `frames` after its settings."""
    return [(2, CONTROL[1] + b"".join(frames))]


def on_request(text, last=False):
    return [CONTROL, (0, text, last)]


# What ends the connection: pieces with their streams, and the code.
VIOLATIONS = [
    ("no SETTINGS first", [(2, b"\0" + frame(MAX_PUSH_ID, b"\0"))], MISSING_SETTINGS),
    ("a second SETTINGS", control(frame(SETTINGS)), FRAME_UNEXPECTED),
    ("DATA on the control stream", control(frame(DATA, b"x")), FRAME_UNEXPECTED),
    ("HEADERS on the control stream", control(GET), FRAME_UNEXPECTED),
    ("PUSH_PROMISE on the control stream", control(frame(PUSH_PROMISE, b"\0\0\0")), FRAME_UNEXPECTED),
    *((f"the type {kind} of HTTP/2 on the control stream", control(frame(kind, bytes(8))), FRAME_UNEXPECTED)
      for kind in (2, 6, 8, 9)),
    *((f"the type {kind} of HTTP/2 on a request stream", on_request(GET + frame(kind, bytes(8))), FRAME_UNEXPECTED)
      for kind in (2, 6, 8, 9)),
    *((f"the type {kind} on a request stream", on_request(GET + frame(kind, b"\0")), FRAME_UNEXPECTED)
      for kind in (CANCEL_PUSH, SETTINGS, PUSH_PROMISE, GOAWAY, MAX_PUSH_ID)),
    *((f"the setting {name} of HTTP/2", [(2, b"\0" + frame(SETTINGS, bytes([name, 0])))], SETTINGS_ERROR)
      for name in (2, 3, 4, 5)),
    ("a setting without a value", [(2, b"\0" + frame(SETTINGS, b"\1"))], FRAME_ERROR),
    ("a setting cut off", [(2, b"\0" + frame(SETTINGS, b"\1\x40"))], FRAME_ERROR),
    ("GOAWAY that takes back", control(frame(GOAWAY, b"\1"), frame(GOAWAY, b"\2")), ID_ERROR),
    ("the end of the control stream", [(2, CONTROL[1], True)], CLOSED_CRITICAL),
    ("the end of the encoder's stream", [CONTROL, (6, b"\2\x20", True)], CLOSED_CRITICAL),
    ("the end of the decoder's stream", [CONTROL, (6, b"\3\x40", True)], CLOSED_CRITICAL),
    ("a second control stream", [CONTROL, (6, b"\0" + frame(SETTINGS))], STREAM_CREATION),
    ("a second encoder's stream", [CONTROL, ENCODER, (10, b"\2")], STREAM_CREATION),
    ("a push stream", [CONTROL, (6, b"\1\0")], STREAM_CREATION),
    *((f"the encoder says {text}", [CONTROL, (6, b"\2" + text)], ENCODER_ERROR)
      for text in (b"\x3f\xe1\x1f", b"\x41a\1b", b"\xc0\1b", b"\0", b"\x3f" + b"\xff" * 12)),
    *((f"the decoder says {text}", [CONTROL, (6, b"\3" + text)], DECODER_ERROR) for text in (b"\x80", b"\0", b"\1")),
    *((f"the section {text}", on_request(frame(HEADERS, text), True), DECOMPRESSION_FAILED) for text in (
        b"\2\0\xc1", b"\0\x80\xc1", b"\0\0\x80", b"\0\0\x10", b"\0\0\xff\xff\1", b"\0\0\x27",
        b"\0\0\xff" + b"\xff" * 12, b"\0\0\x51\x84\xff\xff\xff\xff")),
    ("DATA first", on_request(frame(DATA, b"x")), FRAME_UNEXPECTED),
    ("HEADERS after trailers", on_request(GET + TRAILERS + TRAILERS), FRAME_UNEXPECTED),
    ("DATA after trailers", on_request(GET + TRAILERS + frame(DATA, b"x")), FRAME_UNEXPECTED),
    ("HEADERS cut off", on_request(GET[:9], True), FRAME_ERROR),
    ("DATA cut off", on_request(GET + frame(DATA, b"abc", 10), True), FRAME_ERROR),
    ("a section of 70 KiB", on_request(request((b"x", b"y" * 70_000)), True), EXCESSIVE_LOAD),
    ("a section of 12,000 fields", on_request(frame(HEADERS, b"\0\0" + b"\xdd" * 12_000), True), EXCESSIVE_LOAD),
    ("trailers of 70 KiB", on_request(GET + section((b"x", b"y" * 70_000)), True), EXCESSIVE_LOAD),
]
# The same by frames of QUIC, after all three streams were opened.
CLOSING_FRAMES = [
    ("the control stream is broken off", reset(2, len(CONTROL[1]))),
    ("the encoder's stream is broken off", reset(6, 1)), ("the decoder's stream is broken off", reset(10, 1)),
    *((f"our stream {stream} is refused", (STOP_SENDING, varint(stream) + varint(0x10C))) for stream in (3, 7, 11)),
]

# What ends its stream alone, with H3_MESSAGE_ERROR; and what is refused or answered.
MALFORMED = [
    *((f"the field {name} {value}", request((name, value))) for name, value in [
        (b"X", b"y"), (b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"te", b"gzip"),
        (b"upgrade", b"x"), (b":evil", b"x"), (b":status", b"200"), (b":path", b"/"), (b"content-length", b"+0"),
        (b"content-length", b"9" * 30)]),
    *((f"without {name}", request(**{name: None})) for name in ("method", "path", "scheme", "authority")),
    *((f"the path {path}", request(path=path)) for path in (b"", b"x", b"*", b"/ x", b"/\r\nHost: evil")),
    ("a blank in the method", request(method=b"GET /")), ("a path in the scheme", request(scheme=b"http://evil/")),
    ("an empty section", section()), ("trailers with a path", GET + section((b":path", b"/"))),
]
ANSWERED = [
    ("a user at the authority", request(authority=b"x@localhost"), 400),
    ("a path above ASCII", request(path=b"/\xff"), 400),
    ("another Host", request((b"host", b"evil")), 400), ("a foreign authority", request(authority=b"evil"), 403),
    ("a body over 1 MiB", GET + frame(DATA, b"x" * ((1 << 20) + 1)), 413),
    ("a target of 9 KiB", request(path=b"/" * 9000), 414),
    ("an expectation", request((b"expect", b"x")), 417), ("101 fields", request(*[(b"x", b"y")] * 101), 431),
    ("16 KiB of fields", request((b"x", b"y" * 16384)), 431),
    ("CONNECT", request(method=b"CONNECT", scheme=None, path=None), 501),
    # RFC 9114 §9: what is unknown is ignored.
    ("unknown frames around", frame(GREASE, b"x" * 100) + GET + frame(0x1F * 2**40 + 0x21), 200),
]


def check_http3_violations(mesh):
    """Frames and streams that break RFC 9114 or 9204 end the connection with the code of these, and each is counted."""
    victim = secure_victim(mesh)
    with unharmed(victim), Findings() as findings, counted(victim, REJECTED, len(VIOLATIONS)):
        for what, said, code in VIOLATIONS:
            found = outcome(victim, said)
            findings.expect(found == ("closed", code), f"{what} is {code:#x}", found)
        for what, closing in CLOSING_FRAMES:
            found = outcome(victim, [CONTROL, ENCODER, DECODER], [closing])
            findings.expect(found == ("closed", CLOSED_CRITICAL), f"{what} is {CLOSED_CRITICAL:#x}", found)


def check_http3_malformed(mesh):
    """Requests that break RFC 9114 end their stream alone, or are refused with the status that HTTP/1.1 gets."""
    victim = secure_victim(mesh)
    refused = sum(400 <= status < 500 for _, _, status in ANSWERED)
    with unharmed(victim), Findings() as findings, counted(victim, REQUESTS, refused, protocol="HTTP/3", status="4xx"):
        for what, text in MALFORMED:
            found = outcome(victim, on_request(text, True))
            findings.expect(found == ("reset", MESSAGE_ERROR), f"{what} is {MESSAGE_ERROR:#x}", found)
        for what, text, status in ANSWERED:
            found = outcome(victim, on_request(text, True))
            findings.expect(found == status, f"{what} is {status}", found)
        found = outcome(victim, [CONTROL, (6, varint(0x1F * 2**40 + 0x21) + b"x" * 5000), (0, GET, True)])
        findings.expect(found == 200, "a request beside a stream of unknown type", found)


def check_http3_pieces(mesh):
    """Streams that come byte by byte, or cut at any place, are read as if they came at once, and end no process."""
    victim = secure_victim(mesh)
    settings = frame(SETTINGS, varint(6) + varint(100_000) + varint(GREASE) + varint(7))
    pushes = frame(MAX_PUSH_ID, varint(70)) + frame(GOAWAY, varint(64)) + frame(0x1F * 9999 + 0x21, b"abc")
    asked = request((b"x", b"y" * 200)) + frame(DATA, b"abc") + frame(GREASE, b"x") + TRAILERS
    cases = []
    for what, stream, text in [
        ("settings", 2, b"\0" + settings), ("frames of the control stream", 2, CONTROL[1] + pushes),
        ("the encoder's stream", 6, b"\2" + b"\x20" * 4), ("the decoder's stream", 6, b"\3\x40\x7f\x80\1"),
        ("a stream of unknown type", 6, varint(0x1F * 9999 + 0x21) + b"abc"), ("a request", 0, asked),
        ("a priority", 2, CONTROL[1] + frame(PRIORITY_UPDATE, varint(64) + b"u=1")),
    ]:
        first, last = ([] if stream == 2 else [CONTROL]), ([] if stream == 0 else [(0, GET)]) + [(0, b"", True)]
        cases.append((f"{what}, byte by byte", [*first, *((stream, bytes([byte])) for byte in text), *last]))
        cases += [(f"{what}, cut after {place} bytes", [*first, (stream, text[:place]), (stream, text[place:]), *last])
                  for place in range(1, min(len(text), 20))]
    with unharmed(victim), Findings() as findings:
        for what, pieces in cases:
            found = outcome(victim, pieces, pause=0.001)
            findings.expect(found == 200, what, found)
            if victim.node.process.poll() is not None:
                break
