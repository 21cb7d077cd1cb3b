"""Who may ask the control listener for what: tokens and certificates, over every version of HTTP and over gRPC."""

import asyncio
import json
import os
import socket
import subprocess
import time

import grpc
from aioquic.asyncio import connect

from grpc_calls import PATIENCE, Members, failure
from http3 import Client, client_configuration, connected
from https import curl, shown
from mesh import Failure, expect, run, wait_until

METHOD = "/meshkit.control.v1.Members/List"


class Principals:
    """A file of principals for one node, with tokens that the command makes."""

    def __init__(self, mesh, name):
        self.meshkit, self.folder = mesh.meshkit, mesh.work / f"{name}-access"
        self.folder.mkdir(exist_ok=True)
        self.path, self.entries = self.folder / "principals.json", {}

    def add(self, name, *scopes, **more):
        """A new principal with a token of its own; gives the path of the token's file."""
        out = self.folder / f"{name}.token"
        words = [word for scope in scopes for word in ("--scope", scope)]
        printed = run([self.meshkit, "token", "new", "--name", name, "--out", out, *words])
        expect(out.stat().st_mode & 0o777 == 0o600, "the mode of a token's file", oct(out.stat().st_mode))
        expect(out.read_text().strip() not in printed, "a token that is not printed", printed)
        self.entries[name] = {**json.loads(printed), **more}
        self.write()
        return out

    def remove(self, name):
        del self.entries[name]
        self.write()

    def write(self):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"principals": list(self.entries.values())}))
        os.replace(fresh, self.path)


def bearer(path):
    return f"Authorization: Bearer {path.read_text().strip()}"


def status(mesh, *words):
    return curl(mesh, "--output", "/dev/null", "--write-out", "%{http_code}", *words)


def check_access(mesh):
    """Tokens give their scopes over HTTP/1.1, HTTP/2, HTTP/3 and gRPC; wrong ones and those of nobody give nothing."""
    mesh.issue("guarded")
    known = Principals(mesh, "guarded")
    anna = known.add("anna", "mesh.read", "mesh.operate")
    probe = known.add("probe", "mesh.observe")
    node = mesh.start("guarded", control={"tls": "on", "principalsPath": str(known.path)})
    url = f"https://localhost:{node.control_port}"
    wrong = known.folder / "wrong.token"
    wrong.write_text("mkt_" + "0" * 64)
    for flag in ("--http1.1", "--http2"):
        seen = [status(mesh, flag, "--header", bearer(token), f"{url}{path}") for token, path in (
            (anna, "/control/peers"), (anna, "/healthz"), (probe, "/healthz"), (probe, "/v1/members"),
            (wrong, "/healthz"))]
        expect(seen == ["200", "403", "200", "403", "401"], f"what tokens give over {flag}", seen)
    challenge = curl(mesh, "--output", "/dev/null", "--write-out", "%header{www-authenticate}",
                     "--header", bearer(wrong), f"{url}/healthz")
    expect(challenge == 'Bearer realm="meshkit", error="invalid_token"', "the challenge", challenge)
    seen = asyncio.run(over_http3(mesh, node, [(anna, "/control/peers"), (probe, "/control/peers"), (wrong, "/healthz"),
                                               (None, "/healthz"), (None, "/v1/node/drain")]))
    expect(seen == ["200", "403", "401", "200", "401"], "what tokens give over HTTP/3", seen)
    check_pages(mesh, url, anna)
    check_calls(mesh, node, anna, probe, wrong)
    check_command(mesh, node, url, anna, probe)
    text = node.log.read_text() + known.path.read_text() + curl(mesh, f"{url}/metrics")
    expect("mkt_" not in text, "no token in logs, metrics and the file of principals", "one")


def check_pages(mesh, url, token):
    """DNS rebinding: a foreign Host is refused unless a token comes with it; a foreign Origin always."""
    foreign = ["--header", "Host: evil.example"]
    seen = [status(mesh, *words, f"{url}/control/peers") for words in (
        foreign, [*foreign, "--header", bearer(token)],
        [*foreign, "--header", bearer(token), "--header", "Origin: https://other.example"])]
    expect(seen == ["403", "200", "403"], "answers to a foreign Host", seen)


def check_calls(mesh, node, anna, probe, wrong):
    """gRPC: UNAUTHENTICATED without a principal, PERMISSION_DENIED without the scope."""
    trust = grpc.ssl_channel_credentials((mesh.certificates / "ca.pem").read_bytes())
    with grpc.secure_channel(f"localhost:{node.control_port}", trust) as channel:
        call = channel.unary_unary(METHOD)
        def ask(token):
            return call(b"", timeout=PATIENCE, metadata=[("authorization", f"Bearer {token.read_text().strip()}")])
        expect(b"guarded" in ask(anna), "a call with a token", "no answer")
        codes = [failure(lambda token=token: ask(token)).code() for token in (probe, wrong)]
        expect(codes == [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED], "refused calls", codes)


def check_command(mesh, node, url, anna, probe):
    """meshkit shows the token of a file, and its refusals say what is missing; a record names who asked."""
    words = ["--url", url, "--cacert", mesh.certificates / "ca.pem"]
    listed = run([mesh.meshkit, "mesh", "peers", "list", *words, "--token-file", anna])
    expect("guarded" in listed, "the members", listed)
    run([mesh.meshkit, "mesh", "drain", *words], env={**os.environ, "MESHKIT_TOKEN_FILE": str(anna)})
    for more, reason in ((["--token-file", probe], "403 Forbidden"), ([], "401 Unauthorized")):
        try:
            run([mesh.meshkit, "mesh", "resume", *words, *more])
        except Failure as refused:
            expect(reason in str(refused) and "mesh.operate" in str(refused), "the refusal", refused)
        else:
            raise Failure("a resume without the scope went well")
    told = wait_for_record(node, "MeshControlOperation")
    expect(len(told) == 1 and "Principal=anna" in told[0] and "Operation=drain" in told[0], "who asked", told)
    run([mesh.meshkit, "mesh", "resume", *words, "--token-file", anna])


def wait_for_record(node, name):
    wait_until(lambda: node.records(name), f"a record {name}")
    return node.records(name)


async def over_http3(mesh, node, asked, name=None):
    """The statuses of requests of one connection, each a token's file or None and a path."""
    async with connected(mesh, node, name, port=node.control_port) as client:
        seen = []
        for token, path in asked:
            more = [("authorization", bearer(token).split(": ", 1)[1])] if token else []
            method = "POST" if path.startswith("/v1/node") else "GET"
            stream = client.request(path, b"", method, "text/plain", authority="localhost", more=more)
            seen.append((await stream.end()).status)
        return seen


def check_access_rotation(mesh):
    """Who loses its token or its certificate loses open connections: the next request, and streams that go on."""
    mesh.issue("rotating", "operator-a")
    known = Principals(mesh, "rotating")
    anna = known.add("anna", "mesh.read", "mesh.observe")
    known.add("operator", "mesh.read", nodes=["operator-a"])
    node = mesh.start("rotating", control={"tls": "on", "principalsPath": str(known.path)})
    url = f"https://localhost:{node.control_port}"
    certificate = shown(mesh, "operator-a")
    seen = [status(mesh, *certificate, f"{url}{path}") for path in ("/control/peers", "/healthz")]
    expect(seen == ["200", "403"], "what a certificate gives", seen)
    with Stream(mesh, url, "--header", bearer(anna)) as by_token, Stream(mesh, url, *certificate) as by_certificate:
        asyncio.run(lose(mesh, node, known, anna, by_token, by_certificate))
    # They come with the engine's next turn.
    wait_until(lambda: {"unknown-token", "untrusted-certificate"} <= {
        line.rsplit("Reason=", 1)[-1].split()[0] for line in node.records("MeshControlRefused")},
        "the records of refusals")


async def lose(mesh, node, known, anna, by_token, by_certificate):
    """One live connection with a token, and one with a certificate, over HTTP/3 each."""
    trust = grpc.ssl_channel_credentials((mesh.certificates / "ca.pem").read_bytes())
    field = ("authorization", bearer(anna).split(": ", 1)[1])
    async with connected(mesh, node, None, port=node.control_port) as tokens, \
            connected(mesh, node, "operator-a", port=node.control_port) as certificates, \
            grpc.aio.secure_channel(f"localhost:{node.control_port}", trust) as channel:
        async def status_of(client, *more):
            stream = client.request("/control/peers", b"", "GET", "text/plain", authority="localhost", more=more)
            return (await stream.end()).status
        seen = [await status_of(tokens, field), await status_of(certificates)]
        expect(seen == ["200", "200"], "answers before", seen)
        watch = channel.unary_stream("/meshkit.control.v1.Members/Watch")(b"", metadata=[field], timeout=30)
        await watch.read()
        await asyncio.to_thread(known.remove, "anna")
        await asyncio.to_thread(by_token.wait_for_end)
        expect(await status_of(tokens, field) == "401", "a removed token on a live connection", "an answer")
        # What was on its way to the reader still comes.
        ended = await read_to_end(watch)
        expect(ended == grpc.StatusCode.UNAUTHENTICATED, "the end of a call whose token is removed", ended)
        expect(await status_of(certificates) == "200" and by_certificate.is_open, "who kept its place", "a refusal")
        await asyncio.to_thread(mesh.revoke, "operator-a")
        await asyncio.to_thread(by_certificate.wait_for_end)
        expect(await status_of(certificates) == "401", "a revoked certificate on a live connection", "an answer")


async def read_to_end(watch):
    try:
        while await watch.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return await watch.code()


class Stream:
    """curl that follows the members."""

    def __init__(self, mesh, url, *words):
        self.log = mesh.work / f"stream-{time.monotonic_ns()}"
        command = ["curl", "--silent", "--no-buffer", "--max-time", "40", "--cacert", mesh.certificates / "ca.pem",
                   "--output", self.log, *words, f"{url}/v1/members?watch=true"]
        self.process = subprocess.Popen([str(word) for word in command])
        wait_until(lambda: self.log.exists() and b"members.snapshot" in self.log.read_bytes(), "a stream of events")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def is_open(self):
        return self.process.poll() is None

    def wait_for_end(self):
        wait_until(lambda: not self.is_open, "the end of a stream")


def check_access_beyond(mesh):
    """Beyond loopback a node opens only with TLS and principals, and serves nothing, health included, without one."""
    mesh.issue("outside", "outside-operator")
    known = Principals(mesh, "outside")
    probe = known.add("probe", "mesh.observe")
    known.entries["operator"] = {"name": "operator", "scopes": ["mesh.read"], "nodes": ["outside-operator"]}
    known.write()
    for control in ({}, {"tls": "on"}, {"principalsPath": str(known.path)}, {"tls": "mutual"}):
        path = mesh.configuration("outside", control={"address": "0.0.0.0", **control})
        done = subprocess.run([mesh.meshkit, "node", "run", "--config", path], capture_output=True, text=True,
                              timeout=20, check=False)
        expect(done.returncode == 1 and "mesh:control:address" in done.stderr, f"no opening with {control}", done)
    node = mesh.start("outside", control={"address": "0.0.0.0", "tls": "on", "principalsPath": str(known.path)})
    address = own_address()
    if address is None:
        return
    target = ["--connect-to", f"localhost:{node.control_port}:{address}:{node.control_port}"]
    url = f"https://localhost:{node.control_port}"
    seen = [status(mesh, *target, *words, f"{url}{path}") for words, path in (
        ([], "/healthz"), ([], "/nothing"), (["--header", bearer(probe)], "/healthz"),
        (["--header", bearer(probe)], "/nothing"), (shown(mesh, "outside-operator"), "/control/peers"),
        (shown(mesh, "visitor"), "/control/peers"))]
    expect(seen == ["401", "401", "200", "404", "200", "401"], f"answers at {address}", seen)
    expect(status(mesh, f"{url}/healthz") == "200", "health on its own host", "a refusal")
    asyncio.run(over_quic(mesh, address, node.control_port, probe))
    check_further_addresses(mesh, address, known, probe)


def check_further_addresses(mesh, address, known, probe):
    """In clear for this host, and with TLS for all others: one node, two addresses, one set of rules."""
    mesh.issue("both")
    node = mesh.start("both", control={"alsoListenOn": ["https://0.0.0.0:0"], "principalsPath": str(known.path)})
    port = node.further_ports[0]
    target = ["--connect-to", f"localhost:{port}:{address}:{port}"]
    seen = [status(mesh, *words, f"{url}/healthz") for words, url in (
        ([], node.url), (target, f"https://localhost:{port}"),
        ([*target, "--header", bearer(probe)], f"https://localhost:{port}"), ([], f"https://localhost:{port}"))]
    expect(seen == ["200", "401", "200", "200"], "answers at both addresses", seen)
    asyncio.run(over_quic(mesh, address, port, probe))


async def over_quic(mesh, address, port, token):
    """The same over HTTP/3, where nobody gets a ticket: nothing is resumed, and there is no early data."""
    tickets = []
    async with connect(address, port, configuration=client_configuration(mesh), create_protocol=Client,
                       session_ticket_handler=tickets.append) as client:
        field = ("authorization", bearer(token).split(": ", 1)[1])
        seen = []
        for more in ([], [field]):
            stream = client.request("/healthz", b"", "GET", "text/plain", authority="localhost", more=more)
            seen.append((await stream.end()).status)
        expect(seen == ["401", "200"], "answers over HTTP/3", seen)
        await asyncio.sleep(0.5)
    expect(not tickets, "no session ticket over QUIC", tickets)


def own_address():
    """An address of this host that isn't loopback; None where it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address
