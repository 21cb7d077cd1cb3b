"""Clients that are slow on purpose, over TLS with each version of HTTP: they end when docs/internals/transport.md says.

Its deadlines are ten and thirty seconds, so one check begins and another, later one looks at the ends."""

import asyncio
import ssl
import threading
import time

from abuse import LIMITS, REQUESTS, Findings, unharmed, victim
from abuse_frames import CALM, NO_ERROR, OPENING, PATHLESS, literal, request as request2, settings, status_of
from abuse_streams import CONTROL, connected, request as request3
from http2 import DATA, GOAWAY, HEADERS, PING, REQUEST, frame

HEAD_SECONDS, REQUEST_SECONDS, READER_SECONDS = 10, 30, 30
# How much later than its deadline an end may be seen.
SLACK_SECONDS = 10
SECTION = "control connection: a field section that took too long"
NO_ERROR_3, EXCESSIVE_LOAD = 0x100, 0x107
METRICS = literal(b":path", b"/metrics")


class Slow:
    """All slow clients of one run, on a thread of their own, and how each ended: after how long, and with what."""

    def __init__(self, mesh):
        self.victim = victim(mesh, "abused-slowly", "on")
        self.before = self.counts()
        self.ends = {}
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self.thread.start()

    def counts(self):
        """What has been counted so far."""
        return {"sections": self.victim.count(LIMITS, limit=SECTION), "limits": self.victim.count(LIMITS),
                "late": self.victim.count(REQUESTS, encoding="text", status="4xx")}

    async def run(self):
        await asyncio.gather(*(self.watch(what, client) for what, (client, _, _) in CLIENTS.items()))

    async def watch(self, what, client):
        began = time.monotonic()
        try:
            end = await asyncio.wait_for(client(self.victim), REQUEST_SECONDS + 10)
        except Exception as failure:  # one client that breaks must not hide the others
            end = f"{type(failure).__name__}: {failure}"
        self.ends[what] = time.monotonic() - began, end


# MARK: TCP

async def opened(victim, alpn, limit=65536):
    """A connection by TLS, or in clear if `alpn` is None."""
    trust = ssl.create_default_context(cafile=victim.mesh.certificates / "ca.pem") if alpn else None
    if trust:
        trust.set_alpn_protocols([alpn])
    return await asyncio.open_connection("127.0.0.1", victim.port, ssl=trust, limit=limit,
                                         server_hostname="localhost" if trust else None)


async def drip(writer, piece, count=60):
    """Says `piece` each second."""
    for _ in range(count if piece else 0):
        writer.write(piece)
        await asyncio.sleep(1)


def tcp(first, alpn="http/1.1", then=b"", pause=0):
    """A client that says `first`, then `then` each second, and reads nothing for `pause` seconds. Its end is what it
    read up to the end of the connection or, of HTTP/2, a status or GOAWAY."""
    async def client(victim):
        reader, writer = await opened(victim, alpn, 1024 if pause else 65536)
        writer.write(first)
        dripping = asyncio.create_task(drip(writer, then))
        text = b""
        try:
            await asyncio.sleep(pause)
            while part := await reader.read(65536):
                text += part
                if alpn == "h2" and (found := end_of_http2(text)) is not None:
                    return found
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            dripping.cancel()
            writer.transport.abort()
        return len(text) if pause else "closed" if alpn == "h2" else text[:12]
    return client


def end_of_http2(text):
    """The status of an answer but 200, or the code of GOAWAY; None while there is neither."""
    while len(text) >= 9 and len(text) >= 9 + (length := int.from_bytes(text[:3], "big")):
        if text[3] == GOAWAY:
            return "goaway", int.from_bytes(text[13:17], "big")
        if text[3] == HEADERS and (status := status_of(text[9:9 + length])) != 200:
            return status
        text = text[9 + length:]
    return None


# MARK: HTTP/3

def http3(said=(), then=None, windows=True):
    """A client of HTTP/3 that says `said`, then a PING and a byte of `then` on stream 0 each second. Without `windows`
    it opens none. Its end is a status, ("reset", code) or ("closed", code)."""
    async def client(victim):
        more = {} if windows else {"max_data": 2000, "max_stream_data": 100}
        async with connected(victim, **more) as raw:
            if not windows:
                raw._quic._write_connection_limits = raw._quic._write_stream_limits = lambda **_: None
            for piece in (CONTROL, *said):
                raw.say(*piece)
            for second in range(READER_SECONDS + 5):
                if await raw.until(lambda: 0 in raw.ends, 1):
                    break
                if then:
                    raw.say(0, then[second:second + 1])
                raw._quic.send_ping(second)
                raw.transmit()
            return raw.ends.get(0) if raw.closed is None else ("closed", raw.closed)
    return client


GET = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\n"
MANY = b"".join(request2(stream, METRICS, block=PATHLESS) for stream in range(1, 201, 2))
LATE = b"HTTP/1.1 408"
# What each does, the seconds after which it ends, and with what. Who reads nothing sees the end after a pause.
CLIENTS = {
    "who says nothing": (tcp(b"", None), HEAD_SECONDS, b""),
    "who never ends the hello of TLS": (tcp(b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3", None, b"\0"), HEAD_SECONDS, b""),
    "who asks nothing over HTTP/1.1": (tcp(b""), HEAD_SECONDS, b""),
    "who asks nothing over HTTP/2": (tcp(OPENING, "h2"), HEAD_SECONDS, ("goaway", NO_ERROR)),
    "who only sends PING": (tcp(OPENING, "h2", frame(PING, 0, 0, bytes(8))), HEAD_SECONDS, ("goaway", NO_ERROR)),
    "who asks nothing over HTTP/3": (http3(), HEAD_SECONDS, ("closed", NO_ERROR_3)),
    "a head byte by byte": (tcp(GET, then=b"x"), HEAD_SECONDS, LATE),
    "a section that never ends": (tcp(OPENING + frame(HEADERS, 1, 1, REQUEST), "h2"), HEAD_SECONDS, ("goaway", CALM)),
    "a section byte by byte": (http3(then=request3((b"x", b"y" * 200))), HEAD_SECONDS, ("closed", EXCESSIVE_LOAD)),
    "a body byte by byte": (tcp(POST + b"Content-Length: 99\r\n\r\n", then=b"x"), REQUEST_SECONDS, LATE),
    "chunks one by one": (tcp(POST + b"Transfer-Encoding: chunked\r\n\r\n", then=b"1\r\nx\r\n"), REQUEST_SECONDS, LATE),
    "DATA byte by byte": (tcp(OPENING + request2(ended=False), "h2", frame(DATA, 0, 1, b"x")), REQUEST_SECONDS, 408),
    "DATA of HTTP/3 byte by byte": (http3([(0, request3() + b"\0\x40\x63")], b"x" * 60), REQUEST_SECONDS, 408),
    "who opens no window of HTTP/2": (tcp(OPENING + settings((4, 0)) + MANY, "h2", frame(PING, 0, 0, bytes(8))),
                                      READER_SECONDS, "closed"),
    "who opens no window of HTTP/3": (http3([(0, request3(path=b"/metrics"), True)], windows=False), READER_SECONDS,
                                      ("closed", NO_ERROR_3)),
    "who reads no answer": (tcp((GET + b"\r\n") * 3000, pause=READER_SECONDS + 3), READER_SECONDS + 3, "cut off"),
}
begun = {}


def check_slow_begin(mesh):
    """Sixteen clients that are slow in sixteen ways begin, and nobody else waits for them."""
    begun[mesh] = slow = Slow(mesh)
    time.sleep(0.5)
    with unharmed(slow.victim, 16):
        pass


def check_slow_end(mesh):
    """Each slow client is ended at its deadline and in its way, is counted, and leaves nothing behind."""
    if mesh not in begun:
        check_slow_begin(mesh)
    slow = begun.pop(mesh)
    slow.thread.join(READER_SECONDS + 20)
    with unharmed(slow.victim), Findings() as findings:
        for what, (_, seconds, expected) in CLIENTS.items():
            took, end = slow.ends.get(what, (0, "no end"))
            if expected == "cut off":
                whole = len(slow.victim.get("/metrics")[2]) * 3000
                findings.expect(isinstance(end, int) and end < whole // 2, f"bytes for {what}, of {whole}", end)
            else:
                findings.expect(end == expected, f"{what} is told {expected}", end)
            findings.expect(seconds - 1 < took < seconds + SLACK_SECONDS, f"{what} ends after {seconds} s", took)
        counts = {name: count - slow.before[name] for name, count in slow.counts().items()}
        findings.expect(counts["late"] == 5, "408 for each head and body", counts)
        findings.expect(counts["sections"] == 2, "sections that took too long", counts)
        findings.expect(counts["limits"] >= 5, f"sections and three readers that are counted in {LIMITS}", counts)
