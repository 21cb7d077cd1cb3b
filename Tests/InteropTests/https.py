"""TLS on the control listener: curl and openssl meet a node that is configured for it."""

import json
import subprocess

from mesh import expect, run, wait_until


def check_https(mesh):
    """Clients over HTTP/2 and HTTP/1.1 find what was negotiated in fields and metrics; clear text finds nothing."""
    mesh.issue("edge")
    node = mesh.start("edge", control={"tls": "on", "loopbackScopes": "mesh.operate"})
    url = f"https://localhost:{node.control_port}"
    for flag, version, protocol in (("--http2", "2", "HTTP/2"), ("--http1.1", "1.1", "HTTP/1.1")):
        form = "\n%{http_version} %header{rpc-transport} %header{rpc-protocol} %header{rpc-encoding}"
        body, printed = curl(mesh, "--fail", flag, "--write-out", form, f"{url}/control/peers").rsplit("\n", 1)
        expect(printed == f"{version} http {protocol} json", f"what curl {flag} negotiated", printed)
        expect(json.loads(body)["localNodeId"] == "edge", "/control/peers", body)
    toggle = f"{url}/omnirelay/control/logging"
    status = curl(mesh, "--json", '{"level":"warning"}', "--output", "/dev/null", "--write-out", "%{http_code}", toggle)
    level = curl(mesh, toggle)
    expect((status, level) == ("204", '{"minimumLevel":"Warning"}'), "the least level of records", (status, level))
    metrics = curl(mesh, f"{url}/metrics")
    for protocol in ("HTTP/1.1", "HTTP/2"):
        line = f'mesh_control_requests_total{{protocol="{protocol}",encoding="json",status="2xx"}} '
        expect(line in metrics, "the metric of requests", metrics)
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


def shown(mesh, name):
    return ["--cert", mesh.certificates / f"{name}.pem", "--key", mesh.certificates / f"{name}-key.pem"]


def curl(mesh, *words):
    return run(["curl", "--silent", "--show-error", "--max-time", "20",
                "--cacert", mesh.certificates / "ca.pem", *words])


def exit_code(mesh, *words):
    command = ["curl", "--silent", "--max-time", "20", "--cacert", mesh.certificates / "ca.pem", *words]
    return subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=False).returncode
