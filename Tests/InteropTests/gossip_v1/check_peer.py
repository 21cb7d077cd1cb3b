#!/usr/bin/env python3
"""Checks the v1 peer itself, on loopback and without MeshKit; one line for each check, exit code 1 if one fails.

    python check_peer.py [--peers 5]
"""

import argparse
import http.client
import json
import pathlib
import ssl
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from certificates import Authority
from gossip_v1 import wire
from gossip_v1.fleet import Fleet, issue
from gossip_v1.hostile import JSON, NOWHERE, Hostile, envelope, member, metadata
from gossip_v1.settings import Identity, Settings
from gossip_v1.table import ALIVE, LEFT, SUSPECT, Member, Table, merged_status
from gossip_v1.views import fanout
from mesh import expect, wait_until

# Three sweeps fit between suspicion and leave, so that each node suspects before it buries.
SHORT = {"interval": 0.2, "shuffle_interval": 0.4, "suspicion_interval": 1.0, "ping_timeout": 1.0,
         "retransmit_limit": 3}
# [gossip.md §1]
FIELDS = [("user-agent", "omnirelay-mesh-gossip/dev"), ("accept-encoding", "gzip, deflate, br"),
          ("transfer-encoding", "chunked"), ("content-type", "application/json; charset=utf-8")]
# [gossip.md §5] members, not alive: fanout
FANOUTS = {(1, 0): 3, (4, 0): 3, (5, 0): 4, (8, 0): 5, (16, 0): 6, (32, 0): 8, (64, 0): 9, (100, 0): 10, (200, 0): 12,
           (1000, 0): 15, (5000, 0): 16, (8, 2): 7, (32, 8): 10, (32, 16): 12, (100, 20): 12}
# [gossip.md §3] current, incoming: merged
MERGES = {(ALIVE, ALIVE): ALIVE, (ALIVE, SUSPECT): SUSPECT, (ALIVE, LEFT): LEFT, (SUSPECT, ALIVE): ALIVE,
          (SUSPECT, SUSPECT): SUSPECT, (SUSPECT, LEFT): LEFT, (LEFT, ALIVE): ALIVE, (LEFT, SUSPECT): ALIVE,
          (LEFT, LEFT): LEFT}
# [gossip.md §7] what is written: what is understood
ENDPOINTS = {"host-a:17421": "host-a:17421", "[::1]:17421": "[::1]:17421", "https://h:17421/x": "h:17421",
             "h:99999": "h:99999", "": None, " ": None, "h": None, ":8080": None, "https://localhost": None,
             "h:0": None, "h:-1": None, "h:x": None}
NO_INSTANTS = ("", "2025-13-01", "2025-11-24T24:00:00Z", "2025-11-24T10:00:00+15:00", "0001-01-01T00:00+14:00")


class Scene:
    """What checks share: the peers of a loop, an authority and the folder of its certificates."""

    def __init__(self, fleet, folder, peers):
        self.fleet, self.folder, self.peers = fleet, folder, peers
        self.authority = Authority.unknown()
        self.identity = issue(self.authority, folder, "everybody")

    def lonely(self, name, **more):
        """A peer without seeds, which may be poisoned, and who does it."""
        peer = self.fleet.start(Settings(name, **(SHORT | more)), self.identity)
        return peer, Hostile(peer.endpoint, self.identity)


def check_vectors(_):
    """Fanout, endpoints and instants are those of the contract."""
    settings = Settings("a")
    for (members, unwell), size in FANOUTS.items():
        expect(fanout(settings, members, unwell) == size, f"fanout of {members}, {unwell}",
               fanout(settings, members, unwell))
    for text, named in ENDPOINTS.items():
        found = wire.endpoint(text)
        expect((found and str(found)) == named, f"endpoint {text!r}", found)
    for text in ("2025-11-24T10:00:00.1234567+00:00", "2025-11-24T09:59:53+00:00", "2025-11-24T10:00:00.5+00:00"):
        expect(wire.iso(wire.ticks_of(text)) == text, text, wire.iso(wire.ticks_of(text)))
    for text in NO_INSTANTS:
        try:
            found = wire.ticks_of(text)
        except wire.Malformed:
            continue
        expect(False, f"instant {text!r}", found)
    same = wire.ticks_of("2025-11-24T12:30:00.12345678+02:30"), wire.ticks_of("2025-11-24T10:00:00.1234567Z")
    expect(same[0] == same[1], "an offset and an eighth digit", same)


def check_table(_):
    """Merging and sweeping follow the rules of section 3, with their defects."""
    now, about = [1000 * 10**7], wire.metadata
    table = Table(about({"nodeId": "b", "metadataVersion": 1, "labels": {}}), lambda: now[0])

    def tell(node_id, status=ALIVE, seen=None, version=1, rtt=None, **more):
        told = about({"nodeId": node_id, "metadataVersion": version, "labels": {}, **more})
        table.mark_observed(Member(node_id, status, seen, rtt, told))
        return next(entry for entry in table.snapshot() if entry.node_id == node_id)

    for (current, incoming), merged in MERGES.items():
        seen = merged_status(current, incoming)
        expect(seen == merged, f"{current} and {incoming}", seen)
    expect(tell("a", rtt=3.5) == tell("a"), "an instant of null and an RTT that stays", tell("a"))
    expect(tell("a", seen=5).last_seen == 5, "an older instant wins", tell("a"))
    later = ((2, "x"), (2, "y"), (1, "z"))
    roles = [tell("a", version=version, role=role).metadata["role"] for version, role in later]
    expect(roles == ["x", "y", "y"], "metadata of equal and lower versions", roles)
    expect(tell("b", LEFT, 5, role="z")[1:3] == (ALIVE, now[0]), "the local node stays alive", table.local)
    expect(table.local.metadata["role"] == "z", "the local node's metadata is taken over", table.local)
    tell("\U00010000"), tell("\uffff")
    order = [entry.node_id for entry in table.snapshot()]
    expect(order == ["b", "a", "\U00010000", "\uffff"], "local first, then by UTF-16", order)
    for elapsed, status in ((5.0, ALIVE), (5.1, SUSPECT), (4.9, SUSPECT), (11.0, LEFT), (6.0, SUSPECT)):
        table.mark_sender(about({"nodeId": "b"}))
        table._members["a"] = table._members["a"]._replace(last_seen=now[0] - int(elapsed * 10**7))
        table.sweep(5, 11)
        seen = table.snapshot()[1].status
        expect(seen == status, f"swept after {elapsed} s", seen)


def check_convergence(scene):
    """Peers find each other through one seed; one that stops is Suspect, then Left, for every other."""
    heads = []
    first = scene.fleet.start(Settings("v1-00", labels={"zone": "z1"}, **SHORT), scene.identity,
                              heard=lambda path, request: heads.append(list(request.fields.items())))
    peers = [first] + [
        scene.fleet.start(Settings(f"v1-{number:02}", seeds=[first.endpoint], tls=("any", "1.2")[number % 2],
                                   chunk_bytes=(7, 300, 16_384)[number % 3], **SHORT), scene.identity)
        for number in range(1, scene.peers)]
    everybody = dict.fromkeys((peer.settings.node_id for peer in peers), ALIVE)
    # One after the other: on a machine that stalls, v1 suspects healthy peers now and then [gossip.md D4].
    for peer in peers:
        wait_until(lambda: peer.statuses() == everybody, f"{peer.endpoint} sees all")
    wait_until(lambda: all(peer.watch.diagnostics.get("v1-00", {}).get("label.zone") == "z1" for peer in peers),
               "every peer has the labels of the first")
    wait_until(lambda: all(peer.counts.shuffles_sent for peer in peers), "every peer shuffles")
    for peer in peers:
        expect(peer.counts.sent > peer.counts.sent_failed and not peer.counts.rounds_failed, "counts", peer.counts)
    expect(all(head == [("host", first.endpoint), *FIELDS] for head in heads), "fields of requests", heads)
    gone, name = peers.pop(), list(everybody)[-1]
    stopped = time.monotonic()
    scene.fleet.stop(gone)
    for peer in peers:
        wait_until(lambda: peer.statuses()[name] == LEFT, f"{name} has left for {peer.endpoint}")
        events = peer.watch.events(name)
        expect("suspect" in events and events.index("suspect") < events.index("left"), "the end of a peer", events)
        expect("left" in peer.watch.events(name, since=stopped), "nobody buried it before its end", events)
    print(f"  {len(peers) + 1} peers; Left for all after {time.monotonic() - stopped:.1f} s; {first.counts}")
    for peer in peers:
        scene.fleet.stop(peer)


def check_answers(scene):
    """Requests that are wrong get the statuses and bodies of section 1, and change nothing."""
    peer, hostile = scene.lonely("v1-answers")
    status, headers, body = hostile.wrong_schema()
    answer = json.loads(body)
    expect((status, headers["content-type"]) == (200, "application/json"), "a wrong schema", (status, headers))
    expect([entry["nodeId"] for entry in answer["members"]] == ["v1-answers"], "the answer to a wrong schema", answer)
    expect(hostile.wrong_schema(None)[0] == 200 and peer.counts.schema_rejected == 2, "no schema", peer.counts)
    status, _, body = hostile.json_null()
    expect((status, body) == (400, b'{"error":"Request body required."}'), "JSON null", (status, body))
    bad = [hostile.wrong_type(), hostile.wrong_type(None), hostile.malformed(), hostile.malformed(b""),
           hostile.post(envelope(None)), hostile.post(envelope(metadata(None))),
           hostile.shuffle(None), hostile.shuffle([], sender=None),
           hostile.post(envelope(metadata("x"), [member(metadata("y"), "Dead")]))]
    expect({(status, body) for status, _, body in bad} == {(500, b"")}, "what cannot be read", bad)
    for path, method in (("/mesh/gossip/v1/messages", "GET"), ("/mesh/gossip/v1", "POST"), ("/", "POST")):
        expect(hostile.post(b"{}", path, method=method)[0] == 404, f"{method} {path}", "another status")
    expect(hostile.huge()[0] == 413, "a huge body", "another status")
    expect(peer.statuses() == {"v1-answers": ALIVE}, "nothing was merged", peer.statuses())
    # A null that only the processing finds leaves what was merged before it.
    status = hostile.post(envelope(metadata("x"), [member(metadata("y")), None, member(metadata("z"))]))[0]
    expect((status, set(peer.statuses())) == (500, {"v1-answers", "x", "y"}), "a null member", peer.statuses())
    scene.fleet.stop(peer)


def check_transport(scene):
    """TLS 1.2 and 1.3 without ALPN, a client certificate, both forms of bodies, kept connections, any case of paths."""
    peer, hostile = scene.lonely("v1-transport", ping_timeout=5, suspicion_interval=30)
    sent = envelope(metadata("x"))
    for tls in ("1.2", "1.3"):
        dialled = Hostile(peer.endpoint, scene.identity, tls=tls)
        dialled.context.set_alpn_protocols(["h2", "http/1.1"])
        connection = dialled.connect()
        connection.connect()
        socket = connection.sock
        expect((socket.version(), socket.selected_alpn_protocol()) == (f"TLSv{tls}", None), "TLS", socket.version())
        for is_chunked, path in ((True, "/MESH/Gossip/v1/messages"), (False, "/mesh/gossip/v1/messages?x=y")):
            status = dialled.post(sent, path, JSON.upper(), is_chunked=is_chunked, connection=connection)[0]
            expect((status, connection.sock) == (200, socket), f"{path} on a kept connection", status)
        connection.close()
    stranger = issue(Authority.unknown(), scene.folder, "stranger")
    for refused in (Identity(scene.identity.ca, None, None), stranger._replace(ca=scene.identity.ca)):
        try:
            answer = Hostile(peer.endpoint, refused).post(sent)
        except (OSError, ssl.SSLError, http.client.HTTPException):
            continue
        expect(False, "a wrong client certificate", answer)
    scene.fleet.stop(peer)


def check_poison(scene):
    """The defects that a v1 node has: null labels, bad ports, foreign clocks, hijacked metadata, resurrection."""
    for poison in ("without_labels", "with_endpoint"):
        peer, hostile = scene.lonely(f"v1-{poison}", suspicion_interval=30)
        expect(getattr(hostile, poison)()[0] == 200, poison, "another status")
        wait_until(lambda: peer.counts.rounds_failed > 1, f"rounds fail {poison}")
        answer = json.loads(hostile.wrong_schema()[2])
        told = next(entry for entry in answer["members"] if entry["nodeId"] == "mesh-hostile")["metadata"]
        expect(("labels" in told) == (poison == "with_endpoint"), "null labels are relayed as none", told)
        scene.fleet.stop(peer)
    peer, hostile = scene.lonely("v1-victim", clock_skew=60)
    expect(hostile.hijack("v1-victim", role="thief")[0] == 200, "a hijack", "another status")
    expect(json.loads(hostile.wrong_schema()[2])["sender"]["role"] == "thief", "the sender", peer.snapshot())
    hostile.normal(member(metadata("x"), last_seen=wire.iso(time.time_ns() // 100)))
    wait_until(lambda: peer.statuses().get("x") == LEFT, "an instant of a clock 60 s behind", 5)
    hostile.normal(member(metadata("x"), SUSPECT))
    expect("joined" in peer.watch.events("x")[1:], "a suspicion brings the dead to life", peer.watch.transitions)
    hostile.goodbye()
    expect(peer.statuses()["mesh-hostile"] == LEFT, "a goodbye", peer.statuses())
    status, _, body = hostile.shuffle(["127.0.0.1:1", "nonsense", None])
    expect((status, json.loads(body)["sender"]) == (200, peer.endpoint), "a shuffle", body)
    expect({"127.0.0.1:1", NOWHERE} & set(json.loads(body)["endpoints"]), "what it taught", body)
    scene.fleet.stop(peer)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--peers", type=int, default=5)
    failed = 0
    with tempfile.TemporaryDirectory() as folder, Fleet() as fleet:
        scene = Scene(fleet, pathlib.Path(folder), arguments.parse_args().peers)
        for check in (check_vectors, check_table, check_answers, check_transport, check_poison, check_convergence):
            started = time.monotonic()
            try:
                check(scene)
                print(f"passed {check.__name__}: {check.__doc__} ({time.monotonic() - started:.1f} s)", flush=True)
            except Exception as failure:  # one check that breaks must not hide the others
                failed += 1
                print(f"FAILED {check.__name__}: {type(failure).__name__}: {failure}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
