"""Nodes that speak OmniRelay's gossip (v1) beside MeshKit's own, against the independent v1 peers of gossip_v1."""

import contextlib
import http.client
import json
import ssl
import time

from certificates import Authority
from cryptography import x509
from gossip_v1.fleet import Fleet, issue
from gossip_v1.hostile import envelope, metadata
from gossip_v1.settings import Identity, Settings
from gossip_v1.table import ALIVE, LEFT
from mesh import Failure, expect, wait_until

MESSAGES = "/mesh/gossip/v1/messages"
MIXED_V1, MIXED_MESHKIT, CALM_SECONDS = 30, 10, 15
# All v1 peers live in one Python process, which speaks slower than their default knobs want: all take three times as long.
SLOWER = 3
# Sooner than a v1 peer gives up one that says nothing any more.
HEARD_SECONDS = 9


def gossip(**more):
    """The keys of `mesh:gossip` that switch v1 on."""
    return {"v1": {"enabled": True, **more}}


@contextlib.contextmanager
def scene(mesh, name):
    """An event loop for v1 peers, the mesh's authority, and a folder for their certificates. Nodes end with it."""
    folder, before = mesh.work / name, list(mesh.nodes)
    folder.mkdir(exist_ok=True)
    try:
        with Fleet() as fleet:
            yield fleet, Authority.of_mesh(mesh.certificates), folder
    finally:
        for node in [node for node in mesh.nodes if node not in before]:
            node.process.kill()
            node.process.wait()
            mesh.nodes.remove(node)


def stop(mesh, *nodes):
    for node in nodes:
        node.process.terminate()
    for node in nodes:
        expect(node.process.wait(timeout=15) == 0, f"exit code of {node.name}", node.process.returncode)
        mesh.nodes.remove(node)


def wait_for_all(node, everybody, patience):
    """Until `node` sees everybody as it should; else says whom it doesn't."""
    try:
        wait_until(lambda: node.statuses() == everybody, "", patience)
    except Failure:
        seen = node.statuses()
        wrong = {name: seen.get(name) for name in everybody.keys() | seen.keys()
                 if seen.get(name) != everybody.get(name)}
        raise Failure(f"{node.name} sees all: not within {patience} s, but {wrong}") from None


def peers_of(node):
    return {peer["nodeId"]: peer for peer in node.peers()["peers"]}


def check_v1(mesh):
    """Two nodes with v1 on and three v1 peers see each other, their metadata, and each one's end."""
    mesh.issue("bridge-a:gateway", "bridge-b:worker")
    with scene(mesh, "v1") as (fleet, authority, folder):
        def settings(name, **more):
            return Settings(name, cluster_id=mesh.cluster, **more)

        def identity(name):
            return issue(authority, folder, name)

        old = fleet.start(settings("v1-a", tls="1.2", chunk_bytes=7, role="dispatcher", labels={"zone": "z1"}),
                          identity("v1-a"))
        new = fleet.start(settings("v1-b", seeds=[old.endpoint]), identity("v1-b"))
        a = mesh.start("bridge-a", seeds=[old.endpoint], gossip={"role": "gateway", **gossip(allowTls12=True)})
        b = mesh.start("bridge-b", seeds=[f"127.0.0.1:{a.mesh_port}"], gossip=gossip(allowTls12=True))
        # Nobody tells this one of the others: it calls.
        late = fleet.start(settings("v1-c", seeds=[f"127.0.0.1:{b.mesh_port}"]), identity("v1-c"))
        everybody = dict.fromkeys(("bridge-a", "bridge-b", "v1-a", "v1-b", "v1-c"), ALIVE)
        for node in (a, b):
            wait_for_all(node, everybody, 30)
        for peer in (old, new, late):
            wait_until(lambda: peer.statuses() == everybody, f"{peer.settings.node_id} sees all", 60)
        about = peers_of(a)["v1-a"]
        expect((about["metadata"]["role"], about["metadata"]["labels"]) == ("dispatcher", {"zone": "z1"}),
               "what v1-a says of itself", about)
        told = next(entry for entry in late.table.snapshot() if entry.node_id == "bridge-a").metadata
        expect((told["role"], told["endpoint"], told["labels"].get("meshkit.member")) ==
               ("gateway", f"127.0.0.1:{a.mesh_port}", "true"), "what v1-c is told of bridge-a", told)
        sample = a.metric("mesh_gossip_members", mesh_status="alive")
        expect(sample == 5, "members that are counted", sample)
        fleet.stop(new)
        wait_until(lambda: a.statuses()["v1-b"] == LEFT and b.statuses()["v1-b"] == LEFT, "v1-b is buried", 60)
        stop(mesh, b)
        wait_until(lambda: old.statuses()["bridge-b"] == LEFT, "v1-a hears the goodbye of bridge-b", HEARD_SECONDS)
        wait_until(lambda: a.goodbyes("bridge-b") == 1, "bridge-a hears the goodbye of bridge-b")
        stop(mesh, a)
        wait_until(lambda: late.statuses()["bridge-a"] == LEFT, "v1-c hears the goodbye of bridge-a", HEARD_SECONDS)


def check_v1_migration(mesh):
    """A v1 peer is replaced by a MeshKit node under its name and endpoint, and nobody sees it leave; then back again."""
    mesh.issue("bridge-d:worker", "moving:worker")
    with scene(mesh, "v1-migration") as (fleet, authority, folder):
        def settings(name, **more):
            return Settings(name, cluster_id=mesh.cluster, **more)

        stays = fleet.start(settings("v1-e"), issue(authority, folder, "v1-e"))
        identity = issue(authority, folder, "moving")
        moving = fleet.start(settings("moving", seeds=[stays.endpoint]), identity)
        port = int(moving.endpoint.rpartition(":")[2])
        bridge = mesh.start("bridge-d", seeds=[stays.endpoint], gossip=gossip())
        everybody = dict.fromkeys(("bridge-d", "moving", "v1-e"), ALIVE)
        wait_for_all(bridge, everybody, 30)
        wait_until(lambda: stays.statuses() == everybody, "v1-e sees all", 60)
        fleet.stop(moving)
        node = mesh.start("moving", seeds=[f"127.0.0.1:{bridge.mesh_port}"], gossip={"port": port, **gossip()})
        wait_for_all(node, everybody, 30)
        wait_until(lambda: [entry for entry in stays.table.snapshot() if entry.node_id == "moving"
                            and entry.metadata["labels"].get("meshkit.member")], "v1-e is told of the MeshKit node", 30)
        wait_for_all(bridge, everybody, 5)
        wait_until(lambda: stays.statuses() == everybody, "v1-e sees all after the change")
        events = [line.split()[2] for line in bridge.log.read_text().splitlines() if " member " in line
                  and "node=moving " in line]
        expect(events.count("joined") == 1 and "left" not in events, "what hosts were told", events)
        stop(mesh, node)
        wait_until(lambda: bridge.goodbyes("moving") == 1, "the goodbye of the MeshKit node")
        fleet.start(settings("moving", seeds=[stays.endpoint], port=port), identity)
        wait_for_all(bridge, everybody, 30)
        wait_until(lambda: stays.statuses() == everybody, "v1-e sees all in the end", 60)
        stop(mesh, bridge)


def post(port, identity, body, version="any", path=MESSAGES, kind="application/json"):
    """Status and document of a POST with http.client, chunked as OmniRelay's are."""
    client = http.client.HTTPSConnection("127.0.0.1", port, timeout=15, context=identity.client(version))
    with contextlib.closing(client):
        client.request("POST", path, iter([body[:5], body[5:]]), {"Content-Type": kind}, encode_chunked=True)
        answer = client.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def check_v1_refusals(mesh):
    """Who speaks v1 with a wrong certificate, name, version of TLS or message is refused, and nothing else suffers."""
    mesh.issue("bridge-c:gateway")
    with scene(mesh, "v1-refusals") as (_, authority, folder):
        node = mesh.start("bridge-c", gossip=gossip())
        port, own = node.mesh_port, issue(authority, folder, "v1-d")
        body = json.dumps(envelope(metadata("v1-d", clusterId=mesh.cluster))).encode()
        status, answer = post(port, own, body)
        expect((status, answer["sender"]["nodeId"]) == (200, "bridge-c"), "a proper message", answer)
        other = body.replace(b"v1-d", b"v1-e")
        expect(post(port, own, other)[0] == 403, "a name that the certificate hasn't", post(port, own, other))
        cluster = body.replace(mesh.cluster.encode(), b"elsewhere")
        expect(post(port, own, cluster)[0] == 403, "another cluster", post(port, own, cluster))
        expect(post(port, own, b"null") == (400, {"error": "Request body required."}), "null", post(port, own, b"null"))
        expect(post(port, own, b"{")[0] == 400, "half a document", post(port, own, b"{"))
        expect(post(port, own, body, kind="text/plain")[0] == 415, "text", None)
        expect(post(port, own, body, path="/control/peers") == (404, None), "the control listener's routes", None)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        stranger = issue(Authority.unknown(), elsewhere, "v1-d")
        nobody = Identity(own.ca, None, None)
        for who, version in ((stranger, "any"), (nobody, "any"), (own, "1.2")):
            try:
                seen = post(port, Identity(own.ca, *who[1:]), body, version)
            except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
                continue
            expect(False, f"refused: {who}, TLS {version}", seen)
        expect(peers_of(node).keys() <= {"bridge-c", "v1-d"}, "members", node.statuses())
        stop(mesh, node)


def check_v1_mixed(mesh):
    """A mesh of 30 v1 peers and 10 MeshKit nodes converges, and stays so: no false suspicion at any MeshKit node."""
    names = [f"mk-{number:02}" for number in range(MIXED_MESHKIT)]
    mesh.issue(*(f"{name}:worker" for name in names))
    with scene(mesh, "v1-mixed") as (fleet, authority, folder):
        everyone = [f"v1-{number:02}" for number in range(MIXED_V1)]
        path, key = authority.leaf(folder / "all", [x509.DNSName(name) for name in everyone])
        ca = folder / "ca.pem"
        ca.write_bytes((mesh.certificates / "ca.pem").read_bytes())
        identity = Identity(ca, path, key)
        peers = []
        for name in everyone:
            seeds = [peer.endpoint for peer in peers[:8]]
            peers.append(fleet.start(
                Settings(name, cluster_id=mesh.cluster, seeds=seeds, interval=1.0 * SLOWER,
                         shuffle_interval=2.0 * SLOWER, suspicion_interval=5.0 * SLOWER, ping_timeout=2.0 * SLOWER),
                identity))
        seeds = [peer.endpoint for peer in peers[:8]]
        slow = {"interval": f"{SLOWER}s", "suspicionInterval": f"{5 * SLOWER}s", "pingTimeout": f"{2 * SLOWER}s",
                **gossip()}
        nodes = [mesh.start(names[0], seeds=seeds, gossip=slow)]
        seeds.append(f"127.0.0.1:{nodes[0].mesh_port}")
        nodes += [mesh.start(name, seeds=seeds, gossip=slow) for name in names[1:]]
        everybody = dict.fromkeys(names + everyone, ALIVE)
        started = time.monotonic()
        for node in nodes:
            wait_for_all(node, everybody, 120)
        print(f"  all {len(everybody)} are known to each MeshKit node after {time.monotonic() - started:.1f} s")
        end = time.monotonic() + CALM_SECONDS
        while time.monotonic() < end:
            for node in nodes:
                expect(node.statuses() == everybody, f"{node.name} sees all", node.statuses())
            time.sleep(0.5)
        suspected = [line for node in nodes for line in node.records("MeshGossipPeerSuspect")]
        expect(not suspected, "false suspicions", suspected)
        for peer in peers:
            lost = {name: status for name, status in peer.statuses().items() if name in names and status != ALIVE}
            expect(len(peer.statuses()) == len(everybody) and not lost, f"what {peer.settings.node_id} sees", lost)
        stop(mesh, *nodes)
