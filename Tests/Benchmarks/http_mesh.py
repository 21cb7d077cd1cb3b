"""A node in a large mesh while its control listener is busy: how fast it tells the members, and whether the membership
suffers. The node has a process and a processor of its own; all others share a process, on the processor of the clients
and with less right to it than those."""

import json
import os
import re
import time
import urllib.request

from fleet import Failure, Mesh
from http_servers import fetch
from http_tools import free_ports
from trials import Names, Results, calm, form

TESTED = "tested"
PATH = "/v1/members?pageSize=500"
NICE = 10
# The bound of the histogram of the engine's lateness that its goal speaks of, in seconds.
LATE_BOUND = "0.005"
LATENESS = re.compile(r'^mesh_engine_lateness_seconds_(bucket|count)({[^}]*})? (\d+)', re.MULTILINE)
# The bound of the histogram that stands for the goal of the engine's lateness.
PROBE_BOUND = "5"
BUCKET = re.compile(rf'^mesh_gossip_rtt_ms_(bucket|count){{([^}}]*mesh_peer="{TESTED}"[^}}]*)}} (\d+)', re.MULTILINE)


def threads(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


class Crowd:
    """`count` nodes that know each other; one of them, `tested`, is the one whose listener is asked."""

    def __init__(self, program, certificates, cores, count):
        self.certs = certificates.folder / "certs"
        self.count, self.mesh = count, Mesh(program, certificates, apart=False)
        peers = Names().take(count - 1)
        self.port, *self.peer_ports = free_ports(count)
        for name, port in zip(peers, self.peer_ports):
            certificates.controls[name] = {"port": port}
        certificates.controls[TESTED] = {"port": self.port, "tls": "on"}
        certificates.issue([*peers, TESTED])
        # Forming takes all processors, or it would take long.
        form(self.mesh, peers, Results())
        self.host = self.mesh.add_host()
        self.mesh.open([TESTED], self.host)
        if self.mesh.wait_all_alive(120) is None:
            raise Failure(f"{count} nodes did not all see each other alive")
        calm(self.mesh, Results())
        for thread in threads(self.mesh.hosts[0].process.pid):
            os.sched_setaffinity(thread, {cores.client})
            os.setpriority(os.PRIO_PROCESS, thread, NICE)
        for thread in threads(self.host.process.pid):
            os.sched_setaffinity(thread, {cores.server})
        self.calm_down()
        self.answer = self.check()

    @property
    def pid(self):
        return self.host.process.pid

    def calm_down(self, seconds=60):
        """Waits until nobody has been suspected for five seconds: all have fewer processors than before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            since = time.monotonic_ns()
            time.sleep(5)
            if not self.mesh.false_reports("suspect", since):
                return

    def check(self):
        body = fetch(self.certs, self.port, PATH)
        told = len(json.loads(body)["members"])
        if told != self.count:
            raise Failure(f"{PATH} told {told} of {self.count} members")
        return body

    def stop(self):
        for host in self.mesh.hosts:
            host.end()

    def probes(self):
        """Over all peers: how many of their probes of the tested node were answered, and how many within 5 ms."""
        within = total = 0
        for port in self.peer_ports:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                for kind, labels, value in BUCKET.findall(answer.read().decode()):
                    if kind == "count":
                        total += int(value)
                    elif f'le="{PROBE_BOUND}"' in labels:
                        within += int(value)
        return within, total

    def lateness(self):
        """How often the tested node's engine had something to do by its clock, and how often it did it in time."""
        within = total = 0
        for kind, labels, value in LATENESS.findall(fetch(self.certs, self.port, "/metrics").decode()):
            if kind == "count":
                total = int(value)
            elif f'le="{LATE_BOUND}"' in labels:
                within = int(value)
        return within, total


class Watch:
    """What the membership says of the tested node, and of all others, during one phase."""

    def __init__(self, crowd, rows, phase):
        self.crowd, self.rows, self.phase = crowd, rows, phase

    def __enter__(self):
        self.since, self.probed, self.late = time.monotonic_ns(), self.crowd.probes(), self.crowd.lateness()

    def __exit__(self, kind, *_):
        if kind:
            return
        in_time, turns = (now - then for now, then in zip(self.crowd.lateness(), self.late))
        within, total = (now - then for now, then in zip(self.crowd.probes(), self.probed))
        suspicions = self.crowd.mesh.false_reports("suspect", self.since)
        of = f"{self.phase}: "
        self.rows.add(f"{of}suspicions of the node", "events", sum(e.subject == TESTED for e in suspicions), goal="0")
        self.rows.add(f"{of}suspicions by the node", "events", sum(e.observer == TESTED for e in suspicions), goal="0")
        self.rows.add(f"{of}all other suspicions", "events",
                      sum(TESTED not in (e.subject, e.observer) for e in suspicions))
        self.rows.share(f"{of}its probes answered within {PROBE_BOUND} ms", within, total, goal=">= 99")
        self.rows.share(f"{of}engine late by less than 5 ms", in_time, turns, goal=">= 99")


def members(crowd, nginx, clients, rows, seconds, rate):
    """One run of each phase: nothing, the snapshot at a fixed rate over HTTP/2 and HTTP/3, the same bytes from nginx
    beside the node, and the snapshot as fast as it goes."""
    with Watch(crowd, rows, "idle"):
        time.sleep(seconds)
    fixed = f"at {rate:g}/s"
    for version in (2, 3):
        phase = f"HTTP/{version} {fixed}"
        with Watch(crowd, rows, phase):
            sample = clients.paced(version, rate)(crowd.pid, crowd.port, PATH, seconds)
        rows.latency(phase, sample, rate, goal="< 1")
    sample = clients.paced(2, rate)(nginx.pid, nginx.port, PATH, seconds)
    rows.latency(f"HTTP/2 {fixed}, nginx", sample, rate)
    with Watch(crowd, rows, "HTTP/2 saturated"):
        sample = clients.h2load(crowd.pid, crowd.port, PATH, seconds)
    rows.throughput("HTTP/2 saturated", sample)
