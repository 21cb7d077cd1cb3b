"""HTTP/2 in frames that are written by hand, and what a node makes of them."""

import ssl
import struct

from http2 import GOAWAY, HEADERS, PING, PREFACE, REQUEST, RST_STREAM, SETTINGS, frame
from mesh import expect

PRIORITY, PUSH_PROMISE, WINDOW_UPDATE, UNKNOWN = 2, 5, 8, 0xBB
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL, STREAM_CLOSED, FRAME_SIZE, REFUSED, COMPRESSION, CALM = 0, 1, 3, 5, 6, 7, 9, 11
# GET over http from an authority that stands in no table, but for the path, so that a literal `:path` can follow.
PATHLESS = b"\x82\x86\x01\x09localhost"
PADDED, PRIORITIZED, END_HEADERS, END_STREAM = 8, 32, 4, 1


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


# The node may not use the dynamic table (RFC 7541 §4.2), so that each status is to be read by itself.
OPENING = PREFACE + settings((1, 0))


def literal(name, value):
    """A field that enters no table, of at most 126 bytes each (RFC 7541 §6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def number(value):
    return struct.pack(">I", value)


def request(stream=1, more=b"", ended=True, block=REQUEST):
    return frame(HEADERS, END_HEADERS | ended, stream, block + more)


# A request whose body is still to come.
OPEN = request(ended=False)
CANCEL = number(8)


def connection(victim):
    """A connection that speaks HTTP/2, by TLS where the node does."""
    if not victim.is_secure:
        return victim.connect()
    trust = ssl.create_default_context(cafile=victim.mesh.certificates / "ca.pem")
    trust.set_alpn_protocols(["h2"])
    return trust.wrap_socket(victim.connect(), server_hostname="localhost")


def outcome(victim, said, stream=1, waits=True):
    """What `stream`, or all of the connection, comes to: its status, ("reset", code), ("goaway", code), or nothing."""
    statuses, ends = outcomes(victim, said, [stream] if waits else [])
    return ends.get(0, ends.get(stream, statuses.get(stream)))


def outcomes(victim, said, streams):
    """The statuses and the ends by stream, until each of `streams` has one and the node has answered a PING; or
    until the node closes, whose code is then the end of stream 0."""
    statuses, ends, is_there, text = {}, {}, False, b""
    with connection(victim) as open_one:
        try:
            open_one.sendall(OPENING + said + frame(PING, 0, 0, b"are you?"))
        except ConnectionError:
            pass
        while not is_there or not all(stream in ends or stream in statuses for stream in streams):
            try:
                part = open_one.recv(65536)
            except TimeoutError:
                return statuses, {0: "silence", **ends}
            except ConnectionError:
                part = b""
            if not part:
                return statuses, {0: "no GOAWAY", **ends}
            text += part
            while len(text) >= 9 and len(text) >= 9 + (length := int.from_bytes(text[:3], "big")):
                kind, stream, payload = text[3], int.from_bytes(text[5:9], "big"), text[9:9 + length]
                text = text[9 + length:]
                if kind == GOAWAY:
                    ends[0] = "goaway", int.from_bytes(payload[4:8], "big")
                elif kind == RST_STREAM:
                    ends[stream] = "reset", int.from_bytes(payload, "big")
                elif kind == HEADERS:
                    statuses.setdefault(stream, status_of(payload))
                is_there = is_there or kind == PING and payload == b"are you?"
    return statuses, ends


def status_of(block):
    """The status that a field section begins with (RFC 7541 §6)."""
    while 0x20 <= block[0] < 0x40:  # the size of the table, by how many bytes it takes
        size = next(at for at in range(1, 7) if block[at] < 0x80) if block[0] == 0x3F else 0
        block = block[size + 1:]
    if block[0] & 0x80:
        return {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}[block[0] & 0x7F]
    expect(block[0] & 0x0F in range(8, 15), "a section that begins with :status", block)
    text = block[2:2 + (block[1] & 0x7F)]
    if not block[1] & 0x80:
        return int(text)
    # RFC 7541 appendix B: digits 0 to 2 have five bits, and the others six, from 011001 on.
    bits, digits = "".join(f"{byte:08b}" for byte in text), ""
    while len(digits) < 3:
        width = 5 if bits[:5] < "00011" else 6
        digits += str(int(bits[:width], 2) - (0 if width == 5 else 0b011001 - 3))
        bits = bits[width:]
    return int(digits)
