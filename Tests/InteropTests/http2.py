"""HTTP/2 by prior knowledge on the control listener: curl, nghttp, h2load, and frames that no honest client sends."""

import json
import re
import socket
import struct

from malformed import target
from mesh import expect, get, run, wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
ENHANCE_YOUR_CALM = 11
# GET / over http, and an authority that stands in no table (RFC 7541 §6.2.2).
REQUEST = b"\x82\x86\x84\x01\x09localhost"


def curl(*words):
    """One request: Debian's curl 7.88 can't use such a connection twice, with any server (its issue 10634)."""
    return run(["curl", "--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "20", *words])


def check_http2(mesh):
    """curl, nghttp and h2load get over HTTP/2 what HTTP/1.1 gives, refusals included."""
    node = mesh.nodes[0]
    for path in ("/healthz", "/readyz", "/control/nothing"):
        status, headers, body = get(node.url + path)
        answer = curl("--write-out", "\n%{http_version} %{http_code} %header{content-type}", node.url + path)
        expect(answer == f"{body.decode()}\n2 {status} {headers['Content-Type'] or ''}", path, answer)
    peers = json.loads(curl("--fail", f"{node.url}/control/peers"))
    expect(peers["localNodeId"] == node.name, "/control/peers", peers)
    for what, words in (("a foreign Host", ["--header", "Host: evil.example"]),
                        ("a foreign Origin", ["--header", "Origin: https://evil.example"])):
        printed = curl("--output", "/dev/null", "--write-out", "%{http_code}", *words, f"{node.url}/control/peers")
        expect(printed == "403", what, printed)
    printed = curl("--output", "/dev/null", "--write-out", "%{http_code}", "--data-binary", f"@{large(mesh)}",
                   f"{node.url}/healthz")
    expect(printed == "413", "a long body", printed)
    printed = run(["nghttp", "--stat", "--null-out", "--multiply=10", f"{node.url}/healthz"])
    expect(len(re.findall(r" 200 +\S+ /healthz", printed)) == 10, "nghttp's answers", printed)
    printed = run(["h2load", "-n", "2000", "-c", "4", "-m", "32", f"{node.url}/healthz"])
    expect("2000 succeeded, 0 failed, 0 errored, 0 timeout" in printed and "status codes: 2000 2xx" in printed,
           "h2load's answers", printed)


def large(mesh):
    """A file of two MiB."""
    path = mesh.work / "large"
    path.write_bytes(b"x" * (2 << 20))
    return path


def check_http2_floods(mesh):
    """Floods of PING, SETTINGS, CONTINUATION and broken-off streams end with ENHANCE_YOUR_CALM and a record."""
    node = target(mesh)
    opening = PREFACE + frame(SETTINGS)
    streams = range(1, 2401, 2)
    for what, flood in [
        ("PING", frame(PING, payload=b"12345678") * 1200),
        ("SETTINGS", frame(SETTINGS) * 1200),
        ("empty DATA", frame(HEADERS, 4, 1, REQUEST) + frame(DATA, 0, 1) * 1200),
        ("CONTINUATION", frame(HEADERS, 1, 1, REQUEST) + frame(CONTINUATION, 0, 1) * 100),
        ("rapid reset", b"".join(
            frame(HEADERS, 5, stream, REQUEST) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08") for stream in streams)),
    ]:
        code = goaway(spoken(node, opening + flood))
        expect(code == ENHANCE_YOUR_CALM, f"the end of a flood of {what}", code)
    wait_until(lambda: any("control connection" in line for line in node.records("MeshLimitReached")), "a record")
    expect(get(f"{node.url}/healthz")[0] == 200, "/healthz afterwards", "another")


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def spoken(node, sent):
    """All that the node answers to `sent` until it closes; nothing is read before all is sent."""
    with socket.create_connection(("127.0.0.1", node.control_port), timeout=10) as connection:
        answer = b""
        try:
            connection.sendall(sent)
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
        return answer


def goaway(answer):
    """The code of the last GOAWAY among the frames of `answer`."""
    code = None
    while len(answer) >= 9:
        length = int.from_bytes(answer[:3], "big")
        if answer[3] == GOAWAY:
            code = int.from_bytes(answer[13:17], "big")
        answer = answer[9 + length:]
    return code
