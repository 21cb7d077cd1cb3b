"""TLS on the control listener: curl and aioquic meet a node that is configured for it."""

import asyncio
import json
import subprocess

from http3 import connected
from mesh import expect, run, wait_until


def check_https(mesh):
    """Clients over all versions of HTTP find what was negotiated in fields and metrics; clear text finds nothing."""
    mesh.issue("edge")
    node = mesh.start("edge", control={"tls": "on", "loopbackScopes": "mesh.operate"})
    url = f"https://localhost:{node.control_port}"
    for flag, version, protocol in (("--http2", "2", "HTTP/2"), ("--http1.1", "1.1", "HTTP/1.1")):
        form = "\n%{http_version} %header{rpc-transport} %header{rpc-protocol} %header{rpc-encoding}"
        body, printed = curl(mesh, "--fail", flag, "--write-out", form, f"{url}/control/peers").rsplit("\n", 1)
        expect(printed == f"{version} http {protocol} json", f"what curl {flag} negotiated", printed)
        expect(json.loads(body)["localNodeId"] == "edge", "/control/peers", body)
    announced = curl(mesh, "--output", "/dev/null", "--write-out", "%header{alt-svc}", f"{url}/healthz")
    expect(announced == f'h3=":{node.control_port}"; ma=3600', "what announces HTTP/3", announced)
    answer = asyncio.run(over_http3(mesh, node, "/control/peers"))
    negotiated = [answer.fields.get(name) for name in (":status", "rpc-transport", "rpc-protocol", "rpc-encoding")]
    expect(negotiated == ["200", "http", "HTTP/3", "json"], "what aioquic negotiated", answer.fields)
    expect(json.loads(answer.body)["localNodeId"] == "edge", "/control/peers over HTTP/3", answer.body)
    foreign = asyncio.run(over_http3(mesh, node, "/control/peers", authority="elsewhere.example"))
    expect(foreign.status == "403", "a foreign authority over HTTP/3", foreign.fields)
    toggle = f"{url}/omnirelay/control/logging"
    status = curl(mesh, "--json", '{"level":"warning"}', "--output", "/dev/null", "--write-out", "%{http_code}", toggle)
    level = curl(mesh, toggle)
    expect((status, level) == ("204", '{"minimumLevel":"Warning"}'), "the least level of records", (status, level))
    metrics = curl(mesh, f"{url}/metrics")
    for protocol in ("HTTP/1.1", "HTTP/2", "HTTP/3"):
        line = f'mesh_control_requests_total{{protocol="{protocol}",encoding="json",status="2xx"}} '
        expect(line in metrics, "the metric of requests", metrics)
    listed = run([mesh.meshkit, "mesh", "peers", "list", "--url", url, "--cacert", mesh.certificates / "ca.pem"])
    expect("edge" in listed, "the command over TLS", listed)
    expect(exit_code(mesh, f"http://localhost:{node.control_port}/healthz") != 0, "clear text", "an answer")
    expect(exit_code(mesh, "--tls-max", "1.2", f"{url}/healthz") != 0, "TLS 1.2", "an answer")


def check_https_mutual(mesh):
    """Only clients with a certificate of the mesh's authority are heard, where the configuration asks for one."""
    mesh.issue("closed", "client", "revoked-client")
    mesh.revoke("revoked-client")
    node = mesh.start("closed", control={"tls": "mutual"})
    url = f"https://localhost:{node.control_port}/healthz"
    expect(exit_code(mesh, url) != 0, "no certificate", "an answer")
    expect(exit_code(mesh, *shown(mesh, "revoked-client"), url) != 0, "a revoked certificate", "an answer")
    printed = curl(mesh, "--fail", *shown(mesh, "client"), "--write-out", "%{http_code}", "--output", "/dev/null", url)
    expect(printed == "200", "a certificate of the mesh", printed)
    wait_until(lambda: any("revoked" in line for line in node.records("MeshTrustRefused")), "a record of the refusal")
    answer = asyncio.run(over_http3(mesh, node, "/healthz", name="client"))
    expect(answer.status == "200", "a certificate of the mesh over HTTP/3", answer.fields)
    for name in (None, "revoked-client"):
        asyncio.run(refused_over_http3(mesh, node, name))


async def over_http3(mesh, node, path, name=None, authority="localhost"):
    async with connected(mesh, node, name, port=node.control_port) as client:
        return await client.request(path, b"", "GET", "text/plain", authority=authority).end()


async def refused_over_http3(mesh, node, name):
    """A client may finish its handshake before the node has judged its certificate; it gets no answer in any case."""
    try:
        async with connected(mesh, node, name, port=node.control_port) as client:
            client.request("/healthz", b"", "GET", "text/plain", authority="localhost")
            end = await asyncio.wait_for(client.terminated, 10)
            code = end.error_code
    except ConnectionError:
        return
    expect(0x100 <= code < 0x200, f"a TLS alert for {name or 'no certificate'} over HTTP/3", hex(code))


def shown(mesh, name):
    return ["--cert", mesh.certificates / f"{name}.pem", "--key", mesh.certificates / f"{name}-key.pem"]


def curl(mesh, *words):
    return run(["curl", "--silent", "--show-error", "--max-time", "20",
                "--cacert", mesh.certificates / "ca.pem", *words])


def exit_code(mesh, *words):
    command = ["curl", "--silent", "--max-time", "20", "--cacert", mesh.certificates / "ca.pem", *words]
    return subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=False).returncode
