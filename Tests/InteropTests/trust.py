"""Wrong certificates, from peers that dial a node and from seeds that a node dials."""

import asyncio
import time

from certificates import CLIENT, SERVER, wrong_certificates
from http3 import SERVICE, Server, connected, frame, refused_dial
from mesh import Failure, expect, wait_until

WATCHED_SECONDS = 11
DIAL_SECONDS = 5


def is_certificate_alert(code):
    """Whether a QUIC error is a TLS alert (RFC 9001 section 4.8) that refuses a certificate."""
    return 0x100 + 42 <= code <= 0x100 + 49 or code == 0x100 + 116


def check_wrong_clients(mesh):
    """A node refuses each wrong client certificate with a TLS alert, one record and one count, and stays healthy."""
    node, other = mesh.nodes[0], mesh.nodes[1]
    revoke(mesh)
    wait_until(lambda: node.records("MeshCertificateReloaded"), f"{node.name} reads the new revocation list")
    cases = {**wrong_certificates(mesh, mesh.work / "clients", CLIENT), "no-certificate": None}
    before = suspicions(node, other)
    for reason, pair in cases.items():
        count = node.metric("mesh_trust_refused_total", reason=reason, direction="inbound")
        port, code = asyncio.run(refused_dial(mesh, node, pair))
        expect(is_certificate_alert(code), f"the alert for {reason}", hex(code))
        expect_one_record(node, f"127.0.0.1:{port}", reason, "inbound")
        counted = node.metric("mesh_trust_refused_total", reason=reason, direction="inbound") - count
        expect(counted == 1, f"the count of {reason}", counted)
    expect_healthy(mesh, (node, other), before)


def check_wrong_seeds(mesh):
    """A node refuses each wrong seed once per dial and dials it at most every 5 s; beside them it is a member."""
    revoke(mesh)
    cases = wrong_certificates(mesh, mesh.work / "seeds", SERVER)
    mesh.issue("mesh-seeded")
    asyncio.run(watch_seeds(mesh, cases))


async def watch_seeds(mesh, cases):
    servers = {reason: await Server().start(pair) for reason, pair in cases.items()}
    # It is trusted, but never answers a request.
    silent = await Server().start((mesh.certificates / "visitor.pem", mesh.certificates / "visitor-key.pem"))
    try:
        started, others = time.monotonic(), mesh.nodes[:2]
        before = suspicions(*others)
        seeds = [mesh.nodes[0].mesh_port, silent.port, *(server.port for server in servers.values())]
        node = await asyncio.to_thread(mesh.start, "mesh-seeded", [f"127.0.0.1:{port}" for port in seeds])
        await asyncio.sleep(WATCHED_SECONDS)
        refused_of = {peer for peer, _, _ in node.refusals()}
        expect(f"127.0.0.1:{silent.port}" not in refused_of, "a seed that says nothing is no refusal", refused_of)
        expect(1 <= silent.dials <= 5, f"dials of a silent seed in {WATCHED_SECONDS} s", silent.dials)
        expect(node.records("MeshDialFailed"), "a record of the silent seed", "none")
        for reason, server in servers.items():
            await settle(node, reason, server)
            expect(all(map(is_certificate_alert, server.ends)), f"alerts to the seed {reason}", server.ends)
            allowed = 1 + (time.monotonic() - started) // DIAL_SECONDS
            expect(1 <= server.dials <= allowed, f"dials of the seed {reason} in {WATCHED_SECONDS} s", server.dials)
        await asyncio.to_thread(expect_healthy, mesh, (node, *others), [0, *before])
        expect(await asyncio.to_thread(node.stop) == 0, "exit code", node.process.returncode)
    finally:
        for server in (silent, *servers.values()):
            server.close()


async def settle(node, reason, server):
    """Waits until the metric and the server's own count agree. Records of one cause are spared for some seconds."""
    seen, end = None, time.monotonic() + 5
    while time.monotonic() < end:
        records = [(why, way) for peer, why, way in node.refusals() if peer == f"127.0.0.1:{server.port}"]
        counted = await asyncio.to_thread(
            node.metric, "mesh_trust_refused_total", reason=reason, direction="outbound")
        seen = f"{server.dials} dials, {len(server.ends)} ends, {counted} counted, records {records}"
        is_told = 1 <= len(records) <= server.dials and set(records) == {(reason, "outbound")}
        if is_told and counted == server.dials == len(server.ends):
            return
        await asyncio.sleep(0.05)
    raise Failure(f"a record, and one count for each dial of the seed {reason}: {seen}")


def check_unpinned(mesh):
    """A node with allowed thumbprints refuses a valid certificate that isn't among them, and takes one that is."""
    mesh.issue("mesh-pinning")
    pins = [thumbprint(mesh.certificates / f"{name}.pem") for name in ("mesh-a", "visitor")]
    node = mesh.start("mesh-pinning", tls={"allowedThumbprints": pins})
    port, code = asyncio.run(refused_dial(mesh, node, tuple(
        mesh.certificates / f"mesh-b{end}.pem" for end in ("", "-key"))))
    expect(is_certificate_alert(code), "the alert", hex(code))
    expect_one_record(node, f"127.0.0.1:{port}", "not-pinned", "inbound")
    expect(node.metric("mesh_trust_refused_total", reason="not-pinned", direction="inbound") == 1, "count", "another")
    expect_answers_ping(mesh, node)
    expect(node.stop() == 0, "exit code", node.process.returncode)


def thumbprint(path):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    return x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(hashes.SHA256()).hex()


def revoke(mesh):
    """Makes a certificate for `revoked` and puts it on the list, once."""
    if not (mesh.certificates / "revoked.pem").exists():
        mesh.issue("revoked")
        mesh.revoke("revoked")


def expect_one_record(node, peer, reason, direction):
    def own():
        return [(why, way) for who, why, way in node.refusals() if who == peer]

    wait_until(own, f"{node.name} records the refusal of {reason}")
    expect(own() == [(reason, direction)], f"records of {peer}", own())


def suspicions(*nodes):
    """How many each has recorded."""
    return [len(node.records("MeshGossipPeerSuspect")) for node in nodes]


def expect_healthy(mesh, nodes, suspected_before):
    """Each node sees the others alive, has recorded no suspicion but the first `suspected_before`, and answers."""
    names = {node.name for node in nodes}
    for node, before in zip(nodes, suspected_before):
        alive = {name for name, status in node.statuses().items() if status == "Alive"}
        expect(names <= alive, f"{node.name} sees the others alive", node.statuses())
        suspected = node.records("MeshGossipPeerSuspect")[before:]
        expect(not suspected, f"{node.name} suspects nobody", suspected)
        expect_answers_ping(mesh, node)


def expect_answers_ping(mesh, node):
    """An honest client is answered."""
    async def ping():
        async with connected(mesh, node) as client:
            return await client.request(SERVICE + "Ping", frame(b"")).end()

    answer = asyncio.run(ping())
    expect((answer.status, answer.grpc_status) == ("200", "0"), f"Ping of {node.name}", answer.fields)
    expect(node.name.encode() in answer.body, "the name in the reply", answer.body)
