#!/usr/bin/env python3
"""Runs real nodes against software that is not ours, and prints one line for each check.

`make interop` runs it with the Python of build/venv. One check alone: run.py --only curl
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from abuse_datagrams import check_quic_garbage, check_quic_noise, check_quic_retry, check_quic_versions
from abuse_http1 import (check_http1_bodies, check_http1_bombs, check_http1_crowd, check_http1_limits_hold,
                         check_http1_pipeline, check_http1_slow_heads)
from abuse_http2 import check_http2_counts, check_http2_malformed, check_http2_violations
from abuse_http2_floods import (check_http2_bodies, check_http2_bombs, check_http2_more_floods, check_http2_streams,
                                check_http2_windows)
from abuse_http3 import check_http3_malformed, check_http3_pieces, check_http3_violations
from abuse_messages import check_link_pieces, check_messages
from abuse_queries import check_bodies, check_queries, check_watches
from abuse_quic import (check_http3_streams, check_http3_windows, check_quic_counts, check_quic_floods,
                        check_quic_violations)
from abuse_slow import check_slow_begin, check_slow_end
from abuse_smuggling import check_chunks, check_one_reading, check_smuggling, check_targets
from access import check_access, check_access_beyond, check_access_rotation
from certificates import Authority, names_of
from api import check_openapi
from chromium import check_chromium
from flood import check_flood
from gossip_v1_mesh import check_v1, check_v1_migration, check_v1_mixed, check_v1_refusals
from grpc_calls import check_grpc, check_grpc_watch
from http2 import check_http2, check_http2_floods
from https import check_https, check_https_mutual
from links import check_mesh_grpc, check_without_udp
from malformed import check_control, check_datagrams, check_links, check_requests
from mesh import Failure, Mesh, expect, get, run, wait_until
from opening import check_opening
from prometheus import check_prometheus
from queues import check_queues
from rotation import check_rotation
from shared import check_shared
from trust import check_unpinned, check_wrong_clients, check_wrong_seeds
from watch import check_watch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / ".ci"))
from stalls import Stalls  # noqa: E402, shared with the unit tests

CHECK_SECONDS_MAX = 180


def check_peers_with_curl(mesh):
    """curl reads /control/peers of both nodes, in OmniRelay's form, on both of its paths."""
    a, b = mesh.nodes[0], mesh.nodes[1]
    for node in (a, b):
        wait_until(lambda: node.statuses() == {a.name: "Alive", b.name: "Alive"}, f"{node.name} sees both")
    for path in ("/control/peers", "/omnirelay/control/peers"):
        answer = json.loads(run(["curl", "--silent", "--fail", "--http1.1", f"{a.url}{path}"]))
        expect(list(answer) == ["schemaVersion", "generatedAt", "localNodeId", "peers"], f"members of {path}", answer)
        expect(answer["localNodeId"] == a.name, f"localNodeId of {path}", answer)
        expect([peer["nodeId"] for peer in answer["peers"]] == [a.name, b.name], f"order of {path}", answer)


def check_routes_with_curl(mesh):
    """Health routes answer 200, unknown paths and wrong methods 404 without a body."""
    url = mesh.nodes[0].url
    for path in ("/healthz", "/readyz", "/metrics"):
        expect(get(url + path)[0] == 200, path, get(url + path))
    for path in ("/control/nothing", "/Omnirelay/control/peers", "/"):
        status, _, body = get(url + path)
        expect((status, body) == (404, b""), f"{path} is not found", (status, body))
    printed = run(["curl", "--silent", "--request", "DELETE", "--write-out", "%{http_code}", url + "/control/peers"])
    expect(printed == "404", "DELETE of /control/peers", printed)


def check_command(mesh):
    """meshkit prints the members as a table and as JSON, and validates the configuration that the node runs with."""
    node = mesh.nodes[0]
    table = run([mesh.meshkit, "mesh", "peers", "list", "--url", node.url])
    expect(f"Local node: {node.name}" in table and "rtt (ms)" in table, "the table", table)
    answer = json.loads(run([mesh.meshkit, "mesh", "peers", "list", "--url", node.url, "--format", "json"]))
    expect(answer["localNodeId"] == node.name, "the JSON", answer)
    file = mesh.work / f"{node.name}.json"
    answer = json.loads(run([mesh.meshkit, "mesh", "config", "validate", "--output", "json", "--config", file]))
    expect(answer["valid"] and answer["nodeId"] == node.name and answer["problems"] == [], "the verdict", answer)


def check_ping_with_aioquic(mesh):
    """aioquic calls Ping over HTTP/3 with a client certificate, and is refused without one or with another authority's."""
    stranger = Authority.unknown().leaf(mesh.work / "stranger", names_of(mesh.cluster, "stranger"))
    run([sys.executable, HERE / "aioquic" / "ping.py", "127.0.0.1", mesh.nodes[0].mesh_port, mesh.certificates / "ca.pem",
         mesh.certificates / "visitor.pem", mesh.certificates / "visitor-key.pem", *stranger])


def check_messages_with_protobuf(_):
    """Google's protobuf runtime reads and writes the same messages."""
    run([sys.executable, HERE / "protobuf" / "check.py"])
    run([sys.executable, HERE / "protobuf" / "descriptors.py"])


def check_metrics_with_promtool(mesh):
    """promtool accepts the alert rules and what /metrics answers, with exactly the remarks that are known."""
    run([HERE / "promtool" / "check", HERE.parents[1] / "docs" / "operations" / "alerts" / "gossip.yml"])
    text = mesh.work / "metrics.txt"
    text.write_bytes(get(f"{mesh.nodes[0].url}/metrics")[2])
    run([HERE / "promtool" / "check", text])


def check_goodbye(mesh):
    """A node that gets SIGTERM says goodbye, ends with exit code 0, and the other lists it as Left."""
    a, b = mesh.nodes[0], mesh.nodes[1]
    before = a.goodbyes(b.name)
    expect(b.stop() == 0, f"exit code of {b.name}", b.process.returncode)
    wait_until(lambda: a.goodbyes(b.name) > before, f"{a.name} hears the goodbye")
    expect(a.statuses().get(b.name) == "Left", f"what {a.name} sees", a.statuses())


# The wrong clients come before others that are refused, since a record of one cause is spared for some seconds; the
# flood comes late, since it leaves records of a suspicion; the goodbye last, since it takes a node away from the others.
CHECKS = {
    "curl": check_peers_with_curl, "routes": check_routes_with_curl, "command": check_command,
    "wrong-clients": check_wrong_clients, "aioquic": check_ping_with_aioquic,
    "protobuf": check_messages_with_protobuf, "promtool": check_metrics_with_promtool,
    "wrong-seeds": check_wrong_seeds, "unpinned": check_unpinned, "datagrams": check_datagrams,
    "requests": check_requests, "links": check_links, "http2": check_http2, "http2-floods": check_http2_floods,
    "openapi": check_openapi, "https": check_https, "https-mutual": check_https_mutual, "access": check_access,
    "access-rotation": check_access_rotation, "access-beyond": check_access_beyond, "watch": check_watch,
    "queues": check_queues,
    "grpc": check_grpc, "grpc-watch": check_grpc_watch, "prometheus": check_prometheus, "chromium": check_chromium,
    "abuse-slow-begin": check_slow_begin, "abuse-smuggling": check_smuggling, "abuse-chunks": check_chunks,
    "abuse-one-reading": check_one_reading, "abuse-targets": check_targets, "abuse-http1-bombs": check_http1_bombs,
    "abuse-http1-limits": check_http1_limits_hold, "abuse-http1-pipeline": check_http1_pipeline,
    "abuse-http1-slow-heads": check_http1_slow_heads, "abuse-http1-crowd": check_http1_crowd,
    "abuse-http1-bodies": check_http1_bodies, "abuse-http2-violations": check_http2_violations,
    "abuse-http2-malformed": check_http2_malformed, "abuse-http2-counts": check_http2_counts,
    "abuse-http2-floods": check_http2_more_floods, "abuse-http2-bombs": check_http2_bombs,
    "abuse-http2-streams": check_http2_streams, "abuse-http2-bodies": check_http2_bodies,
    "abuse-http2-windows": check_http2_windows, "abuse-queries": check_queries, "abuse-bodies": check_bodies,
    "abuse-watches": check_watches, "abuse-quic-violations": check_quic_violations,
    "abuse-quic-counts": check_quic_counts, "abuse-quic-floods": check_quic_floods,
    "abuse-quic-versions": check_quic_versions, "abuse-quic-garbage": check_quic_garbage,
    "abuse-quic-noise": check_quic_noise, "abuse-quic-retry": check_quic_retry,
    "abuse-http3-violations": check_http3_violations, "abuse-http3-malformed": check_http3_malformed,
    "abuse-http3-streams": check_http3_streams, "abuse-http3-windows": check_http3_windows,
    "abuse-messages": check_messages, "abuse-http3-pieces": check_http3_pieces, "abuse-link-pieces": check_link_pieces,
    "mesh-grpc": check_mesh_grpc, "without-udp": check_without_udp, "v1": check_v1, "v1-refusals": check_v1_refusals, "v1-migration": check_v1_migration, "v1-mixed": check_v1_mixed,
    "control": check_control, "opening": check_opening,
    "rotation": check_rotation, "shared": check_shared, "abuse-slow-end": check_slow_end, "flood": check_flood, "goodbye": check_goodbye,
}
# What `make test` doesn't have installed (docs/decisions/0020-a-browser-for-test-all.md).
BROWSER_CHECKS = ("chromium",)


def out_of_time(*_):
    raise Failure(f"not over within {CHECK_SECONDS_MAX} s")


def passes(mesh, name, check):
    """Runs a check and prints how it went; once more when it fails while the machine stood still."""
    for is_last in (False, True):
        with Stalls() as stalls:
            signal.alarm(CHECK_SECONDS_MAX)
            try:
                check(mesh)
                print(f"passed {name}: {check.__doc__} ({time.monotonic() - stalls.began:.1f} s)", flush=True)
                return True
            except Exception as failure:  # one check that breaks must not hide the others
                excuse = None if is_last else stalls.told()
                print(f"{'again ' if excuse else 'FAILED'} {name}: {check.__doc__}\n  {type(failure).__name__}: {failure}",
                      *([f"  {excuse}"] if excuse else []), sep="\n", flush=True)
                if not excuse:
                    return False
            finally:
                signal.alarm(0)
    return False


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--stage", default="build/stage", help="where MeshKit is installed")
    arguments.add_argument("--work", default="build/interop", help="folder for certificates and logs")
    arguments.add_argument("--only", choices=CHECKS, help="run this check alone")
    arguments.add_argument("--browser", action="store_true", help="run the checks with a browser too")
    given = arguments.parse_args()
    work = pathlib.Path(given.work).resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    failed = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, out_of_time)
    with Mesh(pathlib.Path(given.stage).resolve(), work) as mesh:
        mesh.issue("mesh-a:gateway", "mesh-b:worker", "visitor")
        first = mesh.start("mesh-a")
        mesh.start("mesh-b", seeds=[f"127.0.0.1:{first.mesh_port}"])
        for name, check in CHECKS.items():
            if given.only not in (None, name) or name in BROWSER_CHECKS and not (given.browser or given.only):
                continue
            if not passes(mesh, name, check):
                failed.append(name)
    print(f"{len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
