"""HTTP/1.1 as it is written to exhaust: bombs, endless pipelines, slow heads, more clients and bodies than there
is room for. What each gets is told in docs/internals/transport.md."""

import contextlib
import select
import socket
import time

from abuse import LIMITS, REQUESTS, Findings, clear_victim, counted, unharmed
from abuse_smuggling import CHUNKED, answers, expect_statuses, request
from mesh import expect, wait_until

CONNECTIONS_MAX = 256
HEAD_SECONDS = 10
BODIES_BYTES_MAX = 32 << 20
BODY_BYTES_MAX = 1 << 20
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def check_http1_bombs(mesh):
    """Heads and bodies beyond each limit are 413, 414 or 431 as soon as they are, without an end in sight."""
    million = b"x" * (1 << 20)
    expect_statuses(clear_victim(mesh), [
        ("a request line without an end", million, 414), ("a method without an end", b"GET" + million, 414),
        ("a field name without an end", GET + million, 431),
        ("a field value without an end", GET + b"X: " + million, 431),
        ("101 fields", GET + b"X: y\r\n" * 100 + b"\r\n", 431), ("a million fields", GET + b"a:\r\n" * 250_000, 431),
        ("16 KiB and a byte of fields", GET + b"X:" + b"y" * (16384 - 20) + b"\r\n\r\n", 431),
        ("a folded line without an end", GET + b"X: y\r\n" + b" " * (1 << 20), 431),
        ("a length over the limit", request(fields=b"Content-Length: 1048577\r\n", body=million), 413),
        ("a body of single bytes", request(fields=CHUNKED, body=b"1\r\nx\r\n" * (BODY_BYTES_MAX + 1)), 413),
        ("trailers without an end", request(fields=CHUNKED, body=b"0\r\nX: " + million), 431),
    ])


def check_http1_limits_hold(mesh):
    """What is as long as each limit allows, to the byte, is answered."""
    victim = clear_victim(mesh)
    close = b"Connection: close\r\n"
    with unharmed(victim), Findings() as findings:
        for what, said, status in [
            ("8 KiB of request line", request(b"GET /".ljust(8192 - 9, b"a") + b" HTTP/1.1", close), 404),
            ("16 KiB of fields", GET + close + b"X:" + b"y" * (16384 - 17 - 19 - 4) + b"\r\n\r\n", 200),
            ("100 fields", GET + close + b"X: y\r\n" * 98 + b"\r\n", 200),
            ("1 MiB of body", request(fields=close + b"Content-Length: 1048576\r\n", body=b"x" * BODY_BYTES_MAX), 404),
            ("1 MiB in chunks", request(fields=close + CHUNKED, body=(b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 32
                                        + b"0\r\n\r\n"), 404),
        ]:
            with victim.connect() as connection:
                connection.sendall(said)
                found = [status for status, _, _ in answers(connection)]
            findings.expect(found == [status], what, found)


def check_http1_pipeline(mesh):
    """An endless pipeline whose answers nobody reads is read no further; who reads then gets them all, in order."""
    victim = clear_victim(mesh)
    turns = (b"GET /control/peers HTTP/1.1\r\nHost: localhost\r\n\r\n",
             b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
             b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nGET")
    endless = b"".join(turns) * 200_000
    with unharmed(victim), victim.connect() as connection:
        connection.setblocking(False)
        sent = 0
        while select.select([], [connection], [], 1)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += connection.send(endless[sent:sent + 65536])
        expect(sent < len(endless) // 2, "bytes that were taken before the node stopped to read", sent)
        status = victim.get("/healthz")[0]
        expect(status == 200, "/healthz meanwhile", status)
        connection.settimeout(15)
        connection.shutdown(socket.SHUT_WR)
        found = [status for status, _, _ in answers(connection)]
        turn, rest = divmod(sent, len(b"".join(turns)))
        whole = turn * 3 + sum(rest >= len(b"".join(turns[:count])) for count in (1, 2, 3))
        expect(found == ([200, 404, 404] * (turn + 1))[:whole], f"answers to {whole} requests",
               (len(found), found[-6:]))


def check_http1_slow_heads(mesh):
    """256 clients who send a head byte by byte are told 408 after ten seconds; who comes meanwhile is answered then."""
    victim = clear_victim(mesh)
    limit = f"control connections: {CONNECTIONS_MAX}"
    with unharmed(victim), counted(victim, LIMITS, limit=limit), contextlib.ExitStack() as stack, \
            counted(victim, REQUESTS, CONNECTIONS_MAX, protocol="HTTP/1.1", encoding="text", status="4xx"):
        began = time.monotonic()
        slow = [stack.enter_context(victim.connect()) for _ in range(CONNECTIONS_MAX)]
        for byte in GET[:7]:
            for connection in slow:
                connection.sendall(bytes([byte]))
            time.sleep(max(0, 1 - (time.monotonic() - began) % 1))
        ready = select.select(slow, [], [], 0)[0]
        expect(not ready, "answers before the time is over", len(ready))
        status = victim.get("/healthz")[0]
        waited = time.monotonic() - began
        expect(status == 200 and HEAD_SECONDS - 1 < waited < HEAD_SECONDS + 10, "/healthz meanwhile", (status, waited))
        found = [[status for status, _, _ in answers(connection)] for connection in slow]
        others = [each for each in found if each != [408]]
        expect(not others, "what the slow ones are told", others[:3])


def check_http1_crowd(mesh):
    """One client more than there is room for takes the place of the one that was idle for longest, and of no other."""
    victim = clear_victim(mesh)
    with unharmed(victim), contextlib.ExitStack() as stack:
        busy = stack.enter_context(victim.connect())
        busy.sendall(GET)
        idle = []
        for count in (20, CONNECTIONS_MAX - 21):
            idle += [stack.enter_context(victim.connect()) for _ in range(count)]
            time.sleep(0.5)
        more = [stack.enter_context(victim.connect()) for _ in range(20)]
        for connection in more:
            connection.sendall(GET + b"\r\n")
            expect(connection.recv(12) == b"HTTP/1.1 200", "who comes late", "another answer")
        gone = [number for number, connection in enumerate(idle) if select.select([connection], [], [], 0)[0]]
        expect(gone == list(range(20)), "who lost the place", gone)
        busy.sendall(b"\r\n")
        expect(busy.recv(12) == b"HTTP/1.1 200", "who was busy", "another answer")


def check_http1_bodies(mesh):
    """The bodies of all clients have 32 MiB together: who brings more is told 503, when to return, and is counted."""
    victim = clear_victim(mesh)
    head = request(fields=b"Content-Length: %d\r\n" % BODY_BYTES_MAX)
    limit = f"control bodies: {BODIES_BYTES_MAX} bytes"
    with unharmed(victim, 80):
        # The memory is taken once, however often.
        for _ in range(3):
            with counted(victim, LIMITS, limit=limit), contextlib.ExitStack() as stack, \
                    counted(victim, REQUESTS, 7, protocol="HTTP/1.1", encoding="text", status="5xx"):
                greedy = [stack.enter_context(victim.connect()) for _ in range(40)]
                for connection in greedy:
                    with contextlib.suppress(ConnectionError):
                        connection.sendall(head + b"x" * (BODY_BYTES_MAX - 1))
                expect_bodies(greedy)


def expect_bodies(greedy):
    """Of 40 clients whose bodies have 40 MiB some 8 are refused and the others answered."""
    wait_until(lambda: len(select.select(greedy, [], [], 0)[0]) >= 7, "refusals")
    time.sleep(0.5)
    refused = select.select(greedy, [], [], 0)[0]
    expect(7 <= len(refused) <= 9, "clients that are refused of 40", len(refused))
    for connection in refused:
        status, fields, _ = answers(connection)[0]
        expect((status, fields.get(b"retry-after")) == (503, b"1"), "a refusal", (status, fields))
    for connection in set(greedy) - set(refused):
        connection.sendall(b"x")
        expect(connection.recv(12) == b"HTTP/1.1 404", "who had room", "another answer")
