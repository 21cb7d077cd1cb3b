"""HTTP/1.1 over TLS as Kestrel serves it and as HttpClient asks for it [gossip.md §1].

No ALPN, chunked bodies both ways, and connections that are kept and reused one request after the other.
"""

import asyncio
import email.utils
import re
import time
import zlib
from typing import NamedTuple

# Kestrel's limits [D16].
HEAD_BYTES_MAX = 40_960
BODY_BYTES_MAX = 30_000_000
# HttpClient closes a connection that nobody used for so long.
IDLE_SECONDS = 60
# Who is refused before its request is read may send the rest for so long, else it would not see the answer.
LINGER_SECONDS = 5
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*[;\r]")
# What a read or write of a broken connection may raise.
BROKEN = (EOFError, OSError, asyncio.LimitOverrunError)


class BadMessage(Exception):
    """Not HTTP/1.1; `status` is what a server answers before it closes."""

    def __init__(self, why, status="400 Bad Request"):
        super().__init__(why)
        self.status = status


class Message(NamedTuple):
    """A request or an answer: the words of its first line, fields by lower-case name, and the whole body."""

    first: list
    fields: dict
    body: bytes


class Answer(NamedTuple):
    """What a server says; an empty body has no type."""

    status: str
    body: bytes = b""
    type: str = "application/json"


async def read_head(reader):
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    fields = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadMessage(f"field {line!r}")
        name = name.lower()
        fields[name] = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
    return lines[0].split(" ", 2), fields


async def read_body(reader, fields, until_end=False):
    """The body that `fields` announce; without an announcement what follows `until_end`, or nothing."""
    if "transfer-encoding" in fields:
        if fields["transfer-encoding"].lower() != "chunked":
            raise BadMessage(f"coding {fields['transfer-encoding']!r}")
        return await read_chunks(reader)
    if "content-length" in fields:
        if not fields["content-length"].isdecimal():
            raise BadMessage("length")
        return await reader.readexactly(bounded(int(fields["content-length"])))
    return await reader.read(-1) if until_end else b""


async def read_chunks(reader):
    parts, total = [], 0
    while True:
        line = await reader.readuntil(b"\r\n")
        found = CHUNK_SIZE.match(line)
        if not found:
            raise BadMessage(f"size of a chunk: {line[:20]!r}")
        size = int(found[1], 16)
        if size == 0:
            break
        total = bounded(total + size)
        parts.append(await reader.readexactly(size))
        if await reader.readexactly(2) != b"\r\n":
            raise BadMessage("end of a chunk")
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    return b"".join(parts)


async def discard(reader):
    while await reader.read(65_536):
        pass


def bounded(size):
    if size > BODY_BYTES_MAX:
        raise BadMessage("body", "413 Payload Too Large")
    return size


def chunked(body, size):
    """`body` in chunks of `size` bytes and the last, empty one."""
    parts = (body[start:start + size] for start in range(0, len(body), size))
    return b"".join(b"%X\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def is_kept(first, fields):
    """Whether another message may follow on the connection."""
    return "HTTP/1.1" in first and "close" not in fields.get("connection", "").lower()


class Server:
    """Serves a socket that listens already. `answer` takes the Message of a request and gives an Answer."""

    def __init__(self, socket, context, answer, chunk_bytes):
        self.socket, self.context, self.answer, self.chunk_bytes = socket, context, answer, chunk_bytes
        self.connections = {}
        self._server = None
        self._is_closed = False

    async def open(self):
        self._server = await asyncio.start_server(
            self._serve, sock=self.socket, ssl=self.context, limit=HEAD_BYTES_MAX)

    async def close(self):
        """Closes the socket and breaks all connections, as the end of a process does."""
        self._is_closed = True
        self._server.close()
        for task, writer in list(self.connections.items()):
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self.connections[task] = writer
        try:
            # A handshake may end after the server did.
            while not self._is_closed and await self._serve_one(reader, writer):
                pass
        except BROKEN:
            pass
        except asyncio.CancelledError:
            pass  # close() ends the task; there is nobody left to tell
        finally:
            del self.connections[task]
            writer.close()

    async def _serve_one(self, reader, writer):
        """Whether another request may follow."""
        try:
            request = await self._read(reader, writer)
        except BadMessage as failure:
            writer.write(self.written(Answer(failure.status), kept=False))
            async with asyncio.timeout(LINGER_SECONDS):
                await discard(reader)
            return False
        kept = is_kept(request.first, request.fields)
        writer.write(self.written(await self.answer(request), kept))
        await writer.drain()
        return kept

    async def _read(self, reader, writer):
        first, fields = await read_head(reader)
        if len(first) != 3 or not first[2].startswith("HTTP/1.") or "host" not in fields:
            raise BadMessage("request")
        if fields.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Message(first, fields, await read_body(reader, fields))

    def written(self, answer, kept):
        lines = [f"HTTP/1.1 {answer.status}", f"Date: {email.utils.formatdate(usegmt=True)}", "Server: Kestrel"]
        lines += [] if kept else ["Connection: close"]
        if not answer.body:
            return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()
        lines += [f"Content-Type: {answer.type}", "Transfer-Encoding: chunked", "", ""]
        return "\r\n".join(lines).encode() + chunked(answer.body, self.chunk_bytes)


class Client:
    """Posts JSON, and keeps connections for the next request to the same endpoint."""

    def __init__(self, context, agent, chunk_bytes):
        self.context, self.agent, self.chunk_bytes = context, agent, chunk_bytes
        self._idle = {}

    async def post(self, endpoint, path, body):
        """The answer, whatever its status. A connection that breaks in between is not tried again."""
        reader, writer = self._kept(endpoint) or await self._connect(endpoint)
        try:
            # [§1] These fields and no others; `Accept-Encoding` is what AutomaticDecompression adds.
            writer.write((f"POST {path} HTTP/1.1\r\nHost: {endpoint}\r\nUser-Agent: {self.agent}\r\n"
                          "Accept-Encoding: gzip, deflate, br\r\nTransfer-Encoding: chunked\r\n"
                          "Content-Type: application/json; charset=utf-8\r\n\r\n").encode()
                         + chunked(body, self.chunk_bytes))
            await writer.drain()
            first, fields = await read_head(reader)
            while first[1:2] and first[1].startswith("1"):
                first, fields = await read_head(reader)
            if len(first) < 2 or not first[0].startswith("HTTP/1.") or not first[1].isdecimal():
                raise BadMessage("answer")
            received = await read_body(reader, fields, until_end=first[1] not in ("204", "304"))
        except BaseException:
            writer.transport.abort()
            raise
        if is_kept(first, fields) and ("content-length" in fields or "transfer-encoding" in fields):
            self._idle.setdefault(endpoint, []).append((reader, writer, time.monotonic()))
        else:
            writer.close()
        return Message(first, fields, decoded(received, fields))

    def close(self):
        for connections in self._idle.values():
            for _, writer, _ in connections:
                writer.transport.abort()
        self._idle.clear()

    def _kept(self, endpoint):
        """A connection that is still good, the last one used first."""
        connections = self._idle.get(endpoint, [])
        while connections:
            reader, writer, since = connections.pop()
            if not reader.at_eof() and not writer.is_closing() and time.monotonic() - since < IDLE_SECONDS:
                return reader, writer
            writer.transport.abort()
        return None

    async def _connect(self, endpoint):
        host, port = endpoint.dialled()
        return await asyncio.open_connection(
            host, port, ssl=self.context, server_hostname=host, limit=HEAD_BYTES_MAX)


def decoded(body, fields):
    """Without its compression; `br` is not in Python's library, so who answers with it is a failure here."""
    coding = fields.get("content-encoding", "identity").lower()
    if coding == "identity" or not body:
        return body
    if coding not in ("gzip", "deflate"):
        raise BadMessage(f"coding {coding!r}")
    try:
        return zlib.decompress(body, wbits=47)  # 47: of gzip or of zlib, whichever its head says
    except zlib.error as failure:
        raise BadMessage(f"coding {coding!r}") from failure
