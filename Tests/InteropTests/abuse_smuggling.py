"""HTTP/1.1 as it is written to deceive: what two readers could understand differently is refused (RFC 9112 §11.2)."""

from abuse import REQUESTS, Findings, clear_victim, counted, unharmed
from mesh import expect

BODY_BYTES_MAX = 1 << 20
# What is hidden behind or inside another request. It must never be answered where the other is refused.
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

# Values of Content-Length and of Transfer-Encoding.
NO_LENGTHS = (
    b"", b"+3", b"-1", b"3 3", b"3, 3", b"3, 4", b"0x3", b"3.0", b"3e0", b"'3'", b"3;", b"\xd9\xa3",
)
CODINGS = [
    (b"", 400), (b"identity", 400), (b"xchunked", 400), (b"chunked, identity", 400), (b"chunked, chunked", 400),
    (b"chunked\r\nTransfer-Encoding: chunked", 400), (b"chunked\r\nTransfer-Encoding: x", 400), (b"\x0bchunked", 400),
    (b"chunked\0", 400), (b"\"chunked\"", 400), (b"chunked;q=1", 400), (b"\xc2\xa0chunked", 400), (b"gzip", 400),
    (b"gzip, chunked", 501), (b"x\r\nTransfer-Encoding: chunked", 501),
]
# Fields that say two things of one body, or that are no fields.
CONTRADICTIONS = (
    b"Content-Length: 3\r\n" + CHUNKED, CHUNKED + b"Content-Length: 3\r\n",
    b"Content-Length: 3\r\nTransfer-Encoding: identity\r\n", b"Content-Length: 3\r\ncontent-length: 4\r\n",
    b"Content-Length: 3\r\nTransfer-encoding:chunKED\r\n",
)
NO_FIELDS = (
    b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding\t: chunked\r\n", b" Transfer-Encoding: chunked\r\n",
    b"\tTransfer-Encoding: chunked\r\n", b"X: y\r\n chunked\r\n", b"X: y\r\n\t\r\n", b": chunked\r\n", b"X\r\n",
    b"Transfer-Encoding\0: chunked\r\n", b"Trans\xc3\xa9: x\r\n", b"X: a\rTransfer-Encoding: chunked\r\n",
    b"X: a\nTransfer-Encoding: chunked\r\n", b"X: a\n\nGET / HTTP/1.1\r\n", b"X: a\0b\r\n", b"X: a\x7f\r\n",
    b"X: y\r\r\n", b"(X): y\r\n", b"X:\r\n\n",
)
NO_CHUNKS = (
    b"\r\n", b"-1\r\n", b"+1\r\nx\r\n", b"0x1\r\nx\r\n", b"1 1\r\nx\r\n", b" 1\r\nx\r\n", b"1 \r\nx\r\n", b"g\r\n",
    b"1\nx\r\n", b"1;a\nx\r\n", b"1;a\n\r\nx\r\n", b"1;\0\r\nx\r\n", b"1,\r\nx\r\n", b"1\r\r\nx\r\n", b"1\r\nxx\r\n",
    b"1\r\nx\n", b"1\r\nx0\r\n\r\n", b"1\r\nx\r0\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\nX: y\n\r\n",
    b"0\r\n y\r\n\r\n", b"00000000000000001\r\nx\r\n", b"0" * 2000 + b"1\r\nx\r\n", b"1;" + b"a" * 2000 + b"\r\nx\r\n",
)
LONG_SIZES = (b"100001", b"7fffffff", b"80000000", b"ffffffff", b"100000000", b"7fffffffffffffff", b"ffffffffffffffff")
# Request lines with what they get, and what is wrong between the words of one.
LINES = [
    (b"GET * HTTP/1.1", 400), (b"GET healthz HTTP/1.1", 400), (b"GET localhost:80 HTTP/1.1", 400),
    (b"GET ?x HTTP/1.1", 400), (b"GET https://localhost/healthz HTTP/1.1", 400), (b"GET http:/healthz HTTP/1.1", 400),
    (b"GET http:///healthz HTTP/1.1", 400), (b"GET http://x@localhost/healthz HTTP/1.1", 400),
    (b"GET http://localhost@evil/healthz HTTP/1.1", 400), (b"GET http://localhost:99999/healthz HTTP/1.1", 400),
    (b"GET http://localhost,evil/healthz HTTP/1.1", 400), (b"GET file:///etc/passwd HTTP/1.1", 400),
    (b"GET http://evil.example/healthz HTTP/1.1", 403), (b"GET HTTP://127.0.0.1.evil/healthz HTTP/1.1", 403),
    (b"GET //localhost/healthz HTTP/1.1", 404), (b"GET /./healthz HTTP/1.1", 404), (b"GET /x/../healthz HTTP/1.1", 404),
    (b"GET /healthz/ HTTP/1.1", 404), (b"GET /healthz%00 HTTP/1.1", 404), (b"GET /%68ealthz HTTP/1.1", 404),
    (b"GET /healthz;x HTTP/1.1", 404), (b"OPTIONS * HTTP/1.1", 404), (b"TRACE /healthz HTTP/1.1", 404),
    (b"get /healthz HTTP/1.1", 404), (b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1", 414),
    (b"CONNECT localhost:80 HTTP/1.1", 501), (b"CONNECT evil.example:443 HTTP/1.1", 501),
    (b"GET /healthz HTTP/0.9", 505), (b"GET /healthz HTTP/2.0", 505), (b"GET /healthz HTTP/9.9", 505),
    (b"G\0T /healthz HTTP/1.1", 400), (b"G(T /healthz HTTP/1.1", 400), (b"\x80 /healthz HTTP/1.1", 400),
]
NO_TARGETS = (
    b"/healthz x", b"/health\tz", b"/healthz\0", b"/healthz\x7f", b"/\xc3\xa9", b"/\xff", b" /healthz", b"",
)
NO_VERSIONS = (
    b"", b" ", b" HTTP/1.1 ", b"  HTTP/1.1", b"\tHTTP/1.1", b" http/1.1", b" HTTP/1", b" HTTP/1.10", b" HTTP/01.1",
    b" HTTP/1,1", b" HTTP/-1.1", b" HTTP 1.1", b" HTTPS/1.1", b" HTTP/1.1\0",
)
# Host fields, by what they get.
HOSTS = {
    400: (
        b"", b"Host: localhost\r\nHost: localhost\r\n", b"Host: localhost\r\nhost: evil\r\n",
        b"Host: localhost, evil\r\n", b"Host: localhost evil\r\n", b"Host: evil@localhost\r\n",
        b"Host: localhost/x\r\n", b"Host: localhost:x\r\n", b"Host: localhost:65536\r\n", b"Host: localhost:1:2\r\n",
        b"Host: [::1\r\n", b"Host: [::1]evil\r\n", b"Host: [localhost]\r\n", b"Host: localhost\\evil\r\n",
        b"Host: \xff\r\n",
    ),
    403: (
        b"Host: \r\n", b"Host: evil\r\n", b"Host: localhost.\r\n", b"Host: localhost.evil\r\n", b"Host: 127.1\r\n",
        b"Host: 0x7f.0.0.1\r\n", b"Host: 2130706433\r\n", b"Host: 0.0.0.0\r\n", b"Host: [::]\r\n",
        b"Host: [::ffff:127.0.0.1]\r\n", b"Host: 127.0.0.1%00.evil\r\n", b"Host: 127.0.0.256\r\n",
        b"Host: evil\r\nX-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n",
    ),
    200: (
        b"Host: LOCALHOST:1\r\n", b"Host: 127.255.255.254\r\n", b"Host: [::1]:65535\r\n",
        b"Host: localhost\r\nX-Forwarded-Host: evil\r\n",
    ),
}


def request(line=b"POST /healthz HTTP/1.1", fields=b"", body=b"", host=b"Host: localhost\r\n"):
    return line + b"\r\n" + host + fields + b"\r\n" + body


def answers(connection):
    """Status, fields and body of each answer, up to the end of the connection; nothing may be left over."""
    said = bytearray()
    try:
        while part := connection.recv(65536):
            said += part
    except ConnectionResetError:
        said += b"RESET"
    except TimeoutError:
        said += b"OPEN"
    found, start = [], 0
    while (end := said.find(b"\r\n\r\n", start)) >= 0:
        line, *lines = bytes(said[start:end]).split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (field.partition(b":") for field in lines)}
        start = end + 4 + int(fields.get(b"content-length", b"0"))
        if start > len(said):
            break
        found.append((int(line.split(b" ")[1]), fields, bytes(said[end + 4:start])))
    if start != len(said):
        found.append((bytes(said[-20:]), {}, b""))
    return found


def statuses(victim, said):
    """What the node answers to `said` until it closes the connection of its own accord."""
    with victim.connect(timeout=8) as connection:
        try:
            connection.sendall(said)
        except ConnectionError:
            pass
        found = answers(connection)
    for status, fields, _ in found[:-1]:
        expect(fields.get(b"connection") != b"close", "the last answer", found)
    return [status for status, _, _ in found]


def expect_statuses(victim, cases):
    """Each case is refused once, counted, and the connection closed before what follows it is looked at."""
    clients = sum(400 <= status < 500 for _, _, status in cases)
    with unharmed(victim), counted(victim, REQUESTS, clients, protocol="HTTP/1.1", encoding="text", status="4xx"), \
            counted(victim, REQUESTS, len(cases) - clients, protocol="HTTP/1.1", encoding="text", status="5xx"), \
            Findings() as findings:
        for what, said, status in cases:
            found = statuses(victim, said + HIDDEN)
            findings.expect(found == [status], f"{what} is {status}, and nothing after it is answered", found)


def check_smuggling(mesh):
    """Each form in which two readers could see different bodies is 400 or 501, closes, and hides no second request."""
    cases = [(f"Content-Length {value}", request(fields=b"Content-Length: " + value + b"\r\n"), 400)
             for value in NO_LENGTHS]
    cases += [(f"Content-Length {value}", request(fields=f"Content-Length: {value}\r\n".encode()), 413)
              for value in (BODY_BYTES_MAX + 1, 2**31, 2**63, 2**64 + 3, 10**100)]
    cases += [(f"Transfer-Encoding {value}", request(fields=b"Transfer-Encoding: " + value + b"\r\n"), status)
              for value, status in CODINGS]
    cases += [(f"the fields {fields}", request(fields=fields), 400) for fields in (*CONTRADICTIONS, *NO_FIELDS)]
    cases.append(("a chunked body in HTTP/1.0", request(b"POST /healthz HTTP/1.0", CHUNKED, b"0\r\n\r\n"), 400))
    expect_statuses(clear_victim(mesh), cases)


def check_chunks(mesh):
    """Chunk sizes, ends, extensions and trailers that can be misread are 400, those that exhaust 400, 413 or 431."""
    cases = [(f"the chunk {body}", request(fields=CHUNKED, body=body), 400) for body in NO_CHUNKS]
    cases += [(f"the size {size}", request(fields=CHUNKED, body=size + b"\r\nx\r\n"), 413) for size in LONG_SIZES]
    extended, large = b"1;" + b"a" * 1000 + b"\r\nx\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    cases += [
        ("extensions of 17 KiB", request(fields=CHUNKED, body=extended * 17), 400),
        ("many chunks over 1 MiB", request(fields=CHUNKED, body=large * 33), 413),
        ("trailers of 17 KiB", request(fields=CHUNKED, body=b"0\r\n" + b"X: " + b"y" * 17000 + b"\r\n\r\n"), 431),
        ("101 trailers", request(fields=CHUNKED, body=b"0\r\n" + b"X: y\r\n" * 101 + b"\r\n"), 431),
    ]
    expect_statuses(clear_victim(mesh), cases)


def check_one_reading(mesh):
    """What may be read in one way only is read so: a request inside of a body is none, one that follows is answered."""
    victim = clear_victim(mesh)
    inside = b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n"
    last = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    length = b"Content-Length: %d\r\n" % len(HIDDEN)
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    cases = [(what, said + last, [404, 200]) for what, said in [
        ("a request in a body with a length", request(fields=length, body=HIDDEN)),
        ("a request in a chunk", request(fields=CHUNKED, body=inside)),
        ("a coding in other letters", request(fields=b"TRANSFER-ENCODING:\t chunKED \r\n", body=inside)),
        ("a length with zeros", request(fields=b"Content-Length: 0003\r\n", body=b"GET")),
        ("an extension with blanks", request(fields=CHUNKED, body=b"1 ; a=\"\t\"\r\nx\r\n0\r\n\r\n")),
        ("fields that only look alike", request(fields=b"Transfer_Encoding: chunked\r\nContent-Lengths: 99\r\n")),
        ("fields that Connection names", request(fields=length + b"Connection: content-length\r\n", body=HIDDEN)),
    ]]
    cases += [
        ("a length after GET", request(b"GET /healthz HTTP/1.1", length, HIDDEN) + last, [200, 200]),
        ("an offer of HTTP/2", request(b"GET /healthz HTTP/1.1", offer) + b"PRI * HTTP/2.0\r\n\r\n", [200, 505]),
        ("what follows the last request", last + HIDDEN, [200]), ("one empty line before", b"\r\n" + last, [200]),
        ("two empty lines before", b"\r\n\r\n" + last, [400]), ("a blank before", b" " + last, [400]),
        ("a long method", request(b"A" * 8000 + b" / HTTP/1.1", b"Connection: close\r\n"), [404]),
        ("a question for a long body", request(fields=b"Expect: 100-continue\r\nContent-Length: 9999999\r\n"), [413]),
        ("an unknown expectation", request(fields=b"Expect: 100-continue, x\r\n"), [417]),
    ]
    with unharmed(victim), Findings() as findings:
        for what, said, expected in cases:
            found = statuses(victim, said)
            findings.expect(found == expected, what, found)


def check_targets(mesh):
    """Absurd targets, versions and hosts are 400, 403, 404, 414, 501 or 505, and none of them reaches a route."""
    victim = clear_victim(mesh)
    lines = LINES + [(b"GET " + target + b" HTTP/1.1", 400) for target in NO_TARGETS]
    lines += [(b"GET /healthz" + version, 400) for version in NO_VERSIONS]
    with unharmed(victim), Findings() as findings:
        for line, status in lines:
            found = statuses(victim, request(line, b"Connection: close\r\n"))
            findings.expect(found == [status], f"{line[:60]} is {status}", found)
        for status, hosts in HOSTS.items():
            for host in hosts:
                found = statuses(victim, request(b"GET /healthz HTTP/1.1", b"Connection: close\r\n", host=host))
                findings.expect(found == [status], f"{host} is {status}", found)
