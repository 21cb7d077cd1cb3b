"""Subscribers to the members of a node: what all of them are told of many changes a second, when, and what it costs.

The node has a process and a processor of its own. The members that change share a process, on the processor of the
client. A label of each change says when it was made, so that the delay of an event covers the way from its owner
through the mesh to the node, and from there to the subscriber."""

import json
import os
import re
import subprocess
import threading
import time

from fleet import Failure, Mesh
from http_mesh import threads
from http_servers import LABELS, fetch
from http_tools import Measured, free_ports

PATH = "/v1/members?watch=true"
# A node takes 100 streams on each of at most 192 connections that stay.
CONNECTIONS = 40
# Members that change in turn: each at a rate that its own mesh doesn't put together.
CHANGERS = 4
# How long after the last change its event is in time, and how long events are waited for.
IN_TIME_SECONDS, GRACE_SECONDS = 0.25, 1
LAGS = re.compile(r'^mesh_control_watch_lags_total{resource="members"} (\d+)$', re.MULTILINE)


class Stage:
    """The node that is watched, and the members that change."""

    def __init__(self, program, certificates, cores, name):
        self.certs, self.mesh = certificates.folder / "certs", Mesh(program, certificates, apart=False)
        self.name, self.changers = f"watched-{name}", [f"changer-{name}-{number}" for number in range(CHANGERS)]
        [self.port] = free_ports(1)
        certificates.prepare(self.name, "on", self.port, LABELS)
        for changer in self.changers:
            certificates.controls[changer], certificates.labels[changer] = {"enabled": False}, {}
        self.mesh.open(self.changers)
        self.host = self.mesh.add_host()
        self.mesh.open([self.name], self.host)
        if self.mesh.wait_all_alive(60) is None:
            raise Failure("the nodes did not all see each other alive")
        for host, core in ((self.mesh.hosts[0], cores.client), (self.host, cores.server)):
            for thread in threads(host.process.pid):
                os.sched_setaffinity(thread, {core})

    @property
    def pid(self):
        return self.host.process.pid

    def lags(self):
        found = LAGS.search(fetch(self.certs, self.port, "/metrics").decode())
        return int(found[1]) if found else 0

    def change(self, rate, seconds):
        """Changes the members in turn, `rate` times a second at even distances. Gives how many changes there were, and
        how long they took."""
        host, count = self.mesh.hosts[0], 0
        started = time.monotonic()
        while count < rate * seconds:
            wait = started + count / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            host.say(f"label {self.changers[count % CHANGERS]} {time.monotonic_ns()}")
            count += 1
        time.sleep(max(0, started + count / rate - time.monotonic()))
        return count, time.monotonic() - started

    def stop(self):
        for host in self.mesh.hosts:
            host.end()


class Subscribers:
    """httpload, once all its subscribers have had their snapshot."""

    def __init__(self, clients, port, version, count, seconds):
        flags = {2: ["-2"], 3: []}[version]
        each = max(1, count // CONNECTIONS)
        command = clients.httpload_command(port, PATH, *flags, "-W", "-d", seconds + IN_TIME_SECONDS,
                                           "-c", min(count, CONNECTIONS), "-m", each)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # Whoever gets no place would be waited for without end.
        guard = threading.Timer(60, self.process.kill)
        guard.start()
        said = self.process.stdout.readline()
        guard.cancel()
        if not said.startswith("watching"):
            self.process.kill()
            raise Failure(f"{count} subscribers did not all get a snapshot")
        self.count = int(said.split()[1])

    def end(self):
        """What they were told."""
        printed, _ = self.process.communicate("", timeout=60)
        if self.process.returncode != 0:
            raise Failure(f"httpload ended with exit code {self.process.returncode}")
        return json.loads(printed.splitlines()[-1])


def trial(stage, clients, rows, version, count, rate, seconds):
    """One run: the subscribers come, the members change, and what came of it."""
    of = f"HTTP/{version}"
    empty = stage.host.memory()
    lags = stage.lags()
    with Measured(stage.pid) as measured:
        subscribers = Subscribers(clients, stage.port, version, count, seconds)
        settled, served = stage.host.memory(), stage.host.cpu_seconds()
        made, took = stage.change(rate, seconds)
        served = stage.host.cpu_seconds() - served
        busy = stage.host.memory()
        time.sleep(GRACE_SECONDS)
        told = subscribers.end()
    after = stage.host.memory()
    sample = measured.sample(told["in_time"] / took, told["p50"] / 1e3, told["p99"] / 1e3, told["changes"],
                             told["ended"])
    rows.add(f"{of}: changes made", "/s", made / took, f">= {rate:g}")
    rows.add(f"{of}: events received", "1000/s", sample.rate / 1e3, sample=sample)
    rows.add(f"{of}: events a subscriber, median", "/s", told["median"] / took, f">= {rate:g}")
    rows.add(f"{of}: events a subscriber, least", "/s", told["least"] / took)
    rows.share(f"{of}: of all changes, told to all", told["changes"], made * subscribers.count, "100")
    rows.add(f"{of}: delay of an event, p50", "ms", told["p50"] / 1e3)
    rows.add(f"{of}: delay of an event, p99", "ms", told["p99"] / 1e3)
    rows.add(f"{of}: delay of an event, longest", "ms", told["max"] / 1e3)
    rows.add(f"{of}: resyncs of subscribers", "events", told["resyncs"], "0")
    rows.add(f"{of}: lags that the node counted", "events", stage.lags() - lags, "0")
    rows.add(f"{of}: CPU of the server", "s/s", served / took)
    rows.add(f"{of}: CPU of the server an event", "us", served * 1e6 / max(1, told["changes"]))
    for kind, place in (("resident", 0), ("anonymous", 1)):
        rows.add(f"{of}: {kind} memory before", "MiB", empty[place])
        rows.add(f"{of}: {kind} memory with subscribers", "MiB", settled[place])
        rows.add(f"{of}: {kind} memory at the end of the changes", "MiB", busy[place])
        rows.add(f"{of}: {kind} memory when they are gone", "MiB", after[place])
    if told["ended"] or told["unstamped"]:
        raise Failure(f"{told['ended']} subscribers were sent away, {told['unstamped']} events had no time")
