"""Absurd queries, escapes, media types and bodies on the routes of the control plane (docs/reference/http-api.md)."""

import gzip
import json

from abuse import REQUESTS, Findings, clear_victim, counted, unharmed
from abuse_frames import OPENING, PATHLESS, connection, literal, request as request2
from abuse_smuggling import answers, request
from mesh import expect, wait_until

MEMBERS, LOGGING = b"/v1/members?", b"/omnirelay/control/logging"
JSON = b"Content-Type: application/json\r\n"
WATCHES_MAX = 1024

# Percent escapes that are none, or whose bytes aren't UTF-8 (RFC 3629 §3): cut off, overlong, surrogates, out of range.
BROKEN_ESCAPES = (
    b"%", b"%1", b"%zz", b"%-1", b"%u0041", b"+", b"%ff", b"%fe", b"%80", b"%c3", b"%e2%82", b"%f0%9f%98", b"%c0%80",
    b"%c1%bf", b"%e0%80%af", b"%f0%80%80%af", b"%ed%a0%80", b"%ed%bf%bf", b"%f4%90%80%80", b"%f8%88%80%80%80",
    b"%c3%28",
)
NO_SIZES = (
    b"", b"x", b"1.5", b"1e3", b"0x10", b"1_000", b"1,000", b"%201", b"1%20", b"1%00", b"%d9%a3", b"--1", b"NaN",
    b"null", b"9223372036854775808", b"-9223372036854775809", b"1" + b"0" * 300,
)
NO_STATUSES = (
    b"Dead", b"Unknown", b"2", b"alive,left", b"Alive%20", b"%00Alive", b"Al%C4%B1ve", b"alive%E2%80%8B",
)
NO_CURSORS = (
    b"x", b"v1.", b"v2.a", b"v1.%2e%2e", b"v1.a%2fb", b"v1.%00", b"v1." + b"a" * 129, b"V1.a",
)
REFUSED_QUERIES = [
    *(b"role=" + escape for escape in BROKEN_ESCAPES), *(escape + b"=x" for escape in BROKEN_ESCAPES),
    *(b"pageSize=" + value for value in NO_SIZES), *(b"status=" + value for value in NO_STATUSES),
    *(b"cursor=" + value for value in NO_CURSORS),
    *(b"watch=" + value for value in (b"1", b"TRUE", b"yes", b"true%20")),
    b"after=1-1", b"watch=false&after=1-1", b"watch=true&pageSize=5", b"watch=true&cursor=v1.a", b"label=",
    b"label=%3Dx", b"&".join([b"label=a"] * 5), b"pagesize=1", b"unknown=", b"=", b"=x", b"role=a&role=a",
    b"pageSize=1&pageSize=1", b"watch=true&watch=true", b"role=a&r%6fle=b", b"%00=1", b"role[]=x", b"a" * 7000 + b"=1",
]
# What is odd and allowed, and the plain query that has the same answer.
NOBODY, EVERYBODY = b"role=none", b""
ALLOWED_QUERIES = [
    *((query, EVERYBODY) for query in (
        b"&&&&", b"&" * 7000, b"role&cursor&region", b"pageSize=0", b"pageSize=-9223372036854775808",
        b"pageSize=9223372036854775807",
    )),
    *((query, NOBODY) for query in (
        b"role=%00", b"role=%F0%9F%98%80", b"role=%EF%BF%BD", b"role=w%C3%B6rker", b"role=a;status=Alive",
        b"role=" + b"a" * 7000, b"cursor=v1." + b"z" * 128, b"label=none", b"label=a%3Db%3Dc",
    )),
    (b"status=aLIVE", b"status=Alive"), (b"st%61tus=Left", b"status=Left"), (b"role=WORKER", b"role=worker"),
    (b"pageSize=" + b"0" * 99 + b"1", b"pageSize=1"),
]
UNKNOWN_PATHS = (
    b"/v1/members/", b"/v1/members/a/b", b"/v1/Members", b"/v1//members", b"/v1/members%3f", b"/v1/members%20",
    b"/v1/%6dembers", b"/v1/members;x=1", b"/v1/members/..%2f", b"/healthz%2f", b"/healthz%00", b"/%c0%afhealthz",
    b"/..;/healthz", b"/\\healthz",
)
NO_JSON_TYPES = (
    b"", b"text/plain", b"text/json", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x",
    b"application/jsonx", b"application/json, text/plain", b"application/+json", b"json", b"*/*",
    b"application/grpc+proto", b"\xff",
)
# Bodies that ask for no level.
NO_LEVELS = (
    b"", b" ", b"null", b"[]", b"1", b'"Error"', b"{", b"}", b'{"level":"Error"', b'{"level":"Error"}}',
    b'{"level":"Error",}', b"{level:1}", b"{'level':'Error'}", b'{"level":4}', b'{"level":true}',
    b'{"level":["Error"]}', b'{"level":{}}', b'{"level":"Loud"}', b'{"level":"7"}', b'{"level":"-1"}',
    b'{"level":"4.0"}', b'{"level":"04"}', b'{"level":"Error\\u0000"}', b'{"level":"Erro\xff"}',
    b'{"level":"\xc0\x80"}', b'{"level":"\xed\xa0\x80"}', b'{"level":"\\ud800"}', b'{"level":"\\udc00\\ud800"}',
    b'{"level":"\\x"}', b'{"level":"\n"}', b'\xef\xbb\xbf{"level":"Error"}', '{"level":"Error"}'.encode("utf-16"),
    gzip.compress(b'{"level":"Error"}'), b'{"level":"Error","level":"Error"}', b'{"level":"Error"}' + b" " * 4096,
    b'{"a":"' + b"x" * 4096 + b'"}', b"[" * 4000, b'{"a":' * 600, b'{"level":1e999999}',
    b'{"level":' + b"9" * 3000 + b"}", b'{"level":"' + b"x" * 3000 + b'"}', b"\0" * 100,
)


def check_queries(mesh):
    """Each absurd query is 400 and told why in few words; odd ones, and absurd paths, get what plain ones would."""
    victim = clear_victim(mesh)
    with unharmed(victim), Findings() as findings, victim.connect() as client, \
            counted(victim, REQUESTS, len(REFUSED_QUERIES), protocol="HTTP/1.1", encoding="json", status="4xx"):
        for query in REFUSED_QUERIES:
            status, kind, body = ask(client, b"GET", MEMBERS + query)
            told = json.loads(body) if kind == b"application/problem+json" else {}
            findings.expect((status, told.get("status")) == (400, 400), f"{query[:60]} is 400", (status, body[:100]))
            findings.expect(len(body) < 400, f"the length of what {query[:60]} is told", len(body))
        for query, plain in ALLOWED_QUERIES:
            found, expected = members(client, query), members(client, plain)
            findings.expect(found == expected, f"{query[:60]} gives what {plain} does, {expected}", found)
        for path in UNKNOWN_PATHS:
            method = b"DELETE" if path == b"/v1/members/a/b" else b"GET"
            status, _, body = ask(client, method, path)
            findings.expect((status, body) == (404, b""), f"{path} is 404", (status, body))
        for name in (b"..", b".", b"%2e%2e", b"a%00", b"%ff", b"a" * 129, b"a" * 7000, b"nobody", b"$(reboot)", b"'--"):
            status, _, body = ask(client, b"DELETE", b"/v1/members/" + name)
            findings.expect(status == 404 and len(body) < 400, f"the member {name[:20]} is 404", (status, body[:100]))


def members(client, query):
    """The names on a page, or what came in its place."""
    status, _, body = ask(client, b"GET", MEMBERS + query)
    return [member["nodeId"] for member in json.loads(body)["members"]] if status == 200 else (status, body[:100])


def ask(client, method, target, fields=b"", body=b""):
    """Status, type and body of one answer; the connection stays."""
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    client.sendall(request(method + b" " + target + b" HTTP/1.1", fields + length, body))
    said = b""
    while b"\r\n\r\n" not in said:
        said += received(client)
    head, _, rest = said.partition(b"\r\n\r\n")
    fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    named = {name.lower(): value.strip() for name, _, value in fields}
    while len(rest) < int(named.get(b"content-length", b"0")):
        rest += received(client)
    return int(head.split(b" ")[1]), named.get(b"content-type"), rest


def received(client):
    part = client.recv(65536)
    expect(part, "a connection that stays", "its end")
    return part


def check_bodies(mesh):
    """Wrong types of content are 415, bodies that can't be read or name no level 400, and none changes the level."""
    victim = clear_victim(mesh)
    with unharmed(victim), Findings() as findings, victim.connect() as client:
        status, _, _ = ask(client, b"POST", LOGGING, JSON, b'{"level":"Debug"}')
        findings.expect(status == 204, "a level", status)
        for kind in NO_JSON_TYPES:
            fields = b"Content-Type: " + kind + b"\r\n" if kind else b""
            status, _, body = ask(client, b"POST", LOGGING, fields, b'{"level":"Error"}')
            findings.expect(status == 415, f"the type {kind} is 415", (status, body))
        for text in NO_LEVELS:
            status, _, body = ask(client, b"POST", LOGGING, JSON, text)
            findings.expect(status == 400 and "error" in json.loads(body), f"{text[:40]} is 400", (status, body[:100]))
            findings.expect(len(body) < 400, f"the length of what {text[:40]} is told", len(body))
        status, _, body = ask(client, b"GET", LOGGING)
        findings.expect(json.loads(body) == {"minimumLevel": "Debug"}, "the level afterwards", body)
        status, _, _ = ask(client, b"POST", LOGGING, JSON, b"{}")
        findings.expect(status == 204, "no level", status)
        for path in (b"/v1/node/drain", b"/v1/node/resume"):
            status, _, body = ask(client, b"POST", path, b"Content-Type: \xff/\xff\r\n", b"\xff" * 1000)
            findings.expect(status == 202, f"{path} with a body that it doesn't read", (status, body))


def check_watches(mesh):
    """1,024 callers may watch, the next is told 503 and when to return; who goes on from nowhere begins anew."""
    victim = clear_victim(mesh)
    path = literal(b":path", b"/v1/members?watch=true")
    ask_watch = b"".join(request2(stream, path, block=PATHLESS) for stream in range(1, 201, 2))
    with unharmed(victim, 32):
        clients = [connection(victim) for _ in range(10)]
        for client in clients:
            client.sendall(OPENING + ask_watch)
        wait_until(lambda: victim.count("mesh_control_watches") == 1000, "1,000 watches")
        clients.append(connection(victim))
        clients[-1].sendall(OPENING + ask_watch)
        wait_until(lambda: victim.count("mesh_control_watches") == WATCHES_MAX, "as many watches as may be")
        with victim.connect() as client:
            client.sendall(request(b"GET /v1/members?watch=true HTTP/1.1", b"Connection: close\r\n"))
            (status, fields, _), = answers(client)
            expect((status, fields[b"retry-after"]) == (503, b"5"), "one watch more", (status, fields))
        for client in clients:
            client.close()
        wait_until(lambda: victim.count("mesh_control_watches") == 0, "no watches")
        for place in (b"0-0", b"zzzzzzzzzzzzz-zzzzzzzzzzzzz", b"-", b"1", b"1-1-1", b"%2B1--1", b"%00", b"a" * 7000,
                      b"%F0%9F%98%80"):
            with victim.connect() as client:
                client.sendall(request(b"GET /v1/members?watch=true&after=" + place + b" HTTP/1.1"))
                said = b""
                while b"members" not in said.partition(b"\r\n\r\n")[2]:
                    said += received(client)
                is_right = said.startswith(b"HTTP/1.1 200 ") and b"token-unknown" in said
                expect(is_right, f"a watch after {place[:20]}", said)
