#!/usr/bin/env python3
"""Prints what the HTTP listener of a node takes and gives, beside nginx and nghttpd in the same run: release build,
several runs, median and spread.

The server has one processor and the client another one. Each row tells how busy both were: where the client was
saturated and the server was not, the figure is one of the client. Nothing here asserts a time; the goals are printed
beside the figures. docs/reference/performance.md explains every row.
"""

import argparse
import contextlib
import pathlib
import shutil
import subprocess
import tempfile
import time

import http_instructions
import http_mesh
import http_watch
from fleet import Failure
from http_clients import CONNECTIONS, IN_FLIGHT, STREAMS, Clients
from http_servers import ANSWER_BYTES, ROUTE, ControlCertificates, Nghttpd, Nginx, Node, static_files
from http_tools import TOOLS, Cores, ServedLoad, build, install, verdict
from report import figure, heading, machine

WARM_SECONDS = 1
CLIENT = "http-client"
BLOCKS = ("requests", "instructions", "paced", "handshakes", "idle", "members", "watch")


class Row:
    def __init__(self, unit, goal):
        self.unit, self.goal, self.note = unit, goal, ""
        self.values, self.samples, self.parts, self.wholes = [], [], 0, 0


class Rows(dict):
    """Rows in the order in which they came, with the samples that tell how busy both sides were."""

    def add(self, name, unit, value, goal="", sample=None):
        row = self.setdefault(name, Row(unit, goal))
        row.values.append(value)
        if sample:
            row.samples.append(sample)
            row.note = verdict(row.samples)
        return row

    def share(self, name, part, whole, goal=""):
        """Of all runs together, since one has too few to tell a share."""
        row = self.setdefault(name, Row("%", goal))
        row.parts, row.wholes = row.parts + part, row.wholes + whole
        if row.wholes:
            row.values, row.note = [100 * row.parts / row.wholes], f"{row.parts} of {row.wholes}"

    def throughput(self, name, sample, latency=""):
        row = self.add(f"{name}: requests", "1000/s", sample.rate / 1e3, sample=sample)
        row.note = verdict(row.samples, is_closed=True)
        if latency:
            self.add(f"{name}: {latency}", "ms", sample.p99_ms)
        self.add(f"{name}: CPU of the server a request", "us", sample.server_us)

    def latency(self, name, sample, rate, goal=""):
        self.add(f"{name}: p50", "ms", sample.p50_ms)
        self.add(f"{name}: p99", "ms", sample.p99_ms, goal, sample)
        self.add(f"{name}: achieved", "%", 100 * sample.rate / rate)

    def show(self):
        for name, row in self.items():
            figure(name, row.values, row.unit, row.goal, row.note)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", type=pathlib.Path, help="the installed tree, build/stage")
    parser.add_argument("--only", default=",".join(BLOCKS), help=f"which blocks: {','.join(BLOCKS)}")
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement")
    parser.add_argument("--seconds", type=int, default=5, help="how long each run measures")
    parser.add_argument("--rate", type=float, default=1000, help="requests a second where the rate is fixed")
    parser.add_argument("--members", type=int, default=200, help="nodes of the mesh whose members are told")
    parser.add_argument("--subscribers", type=int, default=1000, help="who watch the members; a node takes 1024")
    parser.add_argument("--changes", type=float, default=100, help="changes of members a second that they are told")
    parser.add_argument("--watch-seconds", type=int, default=20, help="how long these changes go on in each run")
    parser.add_argument("--idle", type=int, default=200, help="idle connections of each kind; a node takes 256")
    given = parser.parse_args()
    unknown = set(given.only.split(",")) - set(BLOCKS)
    if unknown:
        parser.error(f"--only: there is no block {', '.join(sorted(unknown))}")
    return given


class Bench:
    def __init__(self, given, folder):
        self.given, self.folder, self.cores = given, folder, Cores()
        self.program = folder / "mesh_host"
        self.certificates = ControlCertificates(given.stage.resolve(), folder)
        self.certificates.issue([CLIENT])
        self.clients = Clients(self.cores, folder, folder / "certs")

    def group(self, title, measure):
        """One block of rows. What can't be measured is said, and the next block goes on."""
        print(f"\n== {title}", flush=True)
        heading("goal            ", "processors")
        rows, load = Rows(), ServedLoad()
        try:
            with contextlib.ExitStack() as stack:
                measure(rows, stack)
        except (Failure, OSError) as failure:
            print(f"stopped: {failure}", flush=True)
        rows.show()
        print(load.line(), flush=True)

    def node(self, stack, name, tls="on", program=None):
        node = Node(program or self.program, self.certificates, self.cores, name, tls)
        stack.callback(node.stop)
        return node

    def servers(self, stack):
        """A node, nginx and nghttpd, which all give the same bytes under the same path."""
        node = self.node(stack, "http-node")
        root = static_files(self.folder, node.answer_of(ANSWER_BYTES))
        nginx = Nginx(self.folder, self.certificates, self.cores, root)
        stack.callback(nginx.stop)
        nghttpd = Nghttpd(self.certificates, self.cores, root)
        stack.callback(nghttpd.stop)
        return node, nginx, nghttpd

    def runs(self, trials):
        """Runs all trials in turn, then again; each after a warm-up. Gives the samples of each turn by name."""
        for _ in range(self.given.runs):
            samples = {}
            for name, client, server in trials:
                client(server.pid, server.port, ROUTE, WARM_SECONDS)
                samples[name] = client(server.pid, server.port, ROUTE, self.given.seconds)
            yield samples

    def requests(self):
        """Closed loops with the same number of requests in flight for all servers and versions."""
        def measure(rows, stack):
            node, nginx, nghttpd = self.servers(stack)
            one, two, three = self.clients.wrk, self.clients.h2load, self.clients.http3
            trials = [("HTTP/1.1, MeshKit", one, node), ("HTTP/1.1, nginx", one, nginx),
                      ("HTTP/2, MeshKit", two, node), ("HTTP/2, nginx", two, nginx), ("HTTP/2, nghttpd", two, nghttpd),
                      ("HTTP/3, MeshKit", three, node)]
            for samples in self.runs(trials):
                for name, sample in samples.items():
                    rows.throughput(name, sample, f"p99 of {IN_FLIGHT} in flight")
                for name, over, under, goal in (
                        ("HTTP/1.1: MeshKit / nginx", "HTTP/1.1, MeshKit", "HTTP/1.1, nginx", ""),
                        ("HTTP/2: MeshKit / nginx", "HTTP/2, MeshKit", "HTTP/2, nginx", ""),
                        ("HTTP/2: MeshKit / nghttpd", "HTTP/2, MeshKit", "HTTP/2, nghttpd", ">= 1"),
                        ("MeshKit: HTTP/3 / HTTP/2", "HTTP/3, MeshKit", "HTTP/2, MeshKit", ">= 0.5")):
                    over, under = samples[over], samples[under]
                    rows.add(f"{name}, requests", "x", over.rate / under.rate, goal)
                    rows.add(f"{name}, requests for equal CPU", "x", under.server_us / over.server_us, goal)
        self.group(f"GET {ROUTE}, {ANSWER_BYTES} bytes, TLS, closed loop, {IN_FLIGHT} in flight: "
                   f"HTTP/1.1 on {IN_FLIGHT} connections (wrk), "
                   f"HTTP/2 (h2load) and HTTP/3 (httpload) on {CONNECTIONS} with {STREAMS} streams",
                   measure)

    def instructions(self):
        """The requests of the closed loops again, in instructions."""
        def measure(rows, stack):
            counts = self.folder / "counts"
            counts.mkdir()
            node = self.node(stack, "http-counted", program=http_instructions.host(self.program, counts / "node"))
            root = static_files(self.folder, node.answer_of(ANSWER_BYTES))
            nghttpd = Nghttpd(self.certificates, self.cores, root, http_instructions.counted(counts / "nghttpd"))
            stack.callback(nghttpd.stop)
            for name, server, folder, version in (
                    ("HTTP/1.1, MeshKit", node, "node", 1), ("HTTP/2, MeshKit", node, "node", 2),
                    ("HTTP/2, nghttpd", nghttpd, "nghttpd", 2)):
                counter = http_instructions.Counter(server.pid, server.port, ROUTE, counts / folder, self.cores)
                for _ in range(self.given.runs):
                    rows.add(f"{name}: instructions a request", "1000", counter.a_request(version) / 1e3)
        self.group(f"GET {ROUTE}, {ANSWER_BYTES} bytes, TLS: instructions of the server in user mode "
                   "(callgrind, h2load)", measure)

    def paced(self):
        """What one answer takes where the server is not saturated."""
        rate = self.given.rate

        def measure(rows, stack):
            node, nginx, nghttpd = self.servers(stack)
            two, three = self.clients.paced(2, rate), self.clients.paced(3, rate)
            trials = [("HTTP/2, MeshKit", two, node), ("HTTP/2, nginx", two, nginx), ("HTTP/2, nghttpd", two, nghttpd),
                      ("HTTP/3, MeshKit", three, node)]
            for samples in self.runs(trials):
                for name, sample in samples.items():
                    rows.latency(name, sample, rate)
        self.group(f"GET {ROUTE}, {ANSWER_BYTES} bytes, TLS, open loop, {rate:g} requests/s over {CONNECTIONS} "
                   "connections (httpload)", measure)

    def handshakes(self):
        """A connection with mutual TLS for each request."""
        def measure(rows, stack):
            node = self.node(stack, "http-mutual", "mutual")
            root = static_files(self.folder, node.answer_of(ANSWER_BYTES, CLIENT))
            nginx = Nginx(self.folder, self.certificates, self.cores, root)
            stack.callback(nginx.stop)
            for _ in range(self.given.runs):
                for name, client, pid, port in (
                        ("TCP, MeshKit", self.clients.tcp_handshakes, node.pid, node.port),
                        ("TCP, nginx", self.clients.tcp_handshakes, nginx.pid, nginx.mutual_port),
                        ("QUIC, MeshKit", self.clients.quic_handshakes, node.pid, node.port)):
                    sample = client(pid, port, ROUTE, self.given.seconds, CLIENT)
                    row = rows.add(f"{name}: handshakes", "/s", sample.rate, sample=sample)
                    row.note = verdict(row.samples, is_closed=True)
                    rows.add(f"{name}: CPU of the server each", "us", sample.server_us)
        self.group(f"mutual TLS, a new connection for each request, {CONNECTIONS} at once (openssl s_time, httpload)",
                   measure)

    def idle(self):
        """How much the process of a node grows by connections that have had one answer."""
        count = self.given.idle

        def measure(rows, stack):
            for run in range(self.given.runs):
                for version, flags in (("HTTP/3", []), ("HTTP/2", ["-2"])):
                    # A new process each time: what one trial leaves behind would serve the next.
                    with contextlib.ExitStack() as life:
                        node = self.node(life, f"http-idle-{run}-{version[-1]}")
                        self.grow(node, count, flags, rows, version)
        self.group(f"{count} idle connections, each after one answer", measure)

    def grow(self, node, count, flags, rows, version):
        self.clients.httpload(node.pid, node.port, ROUTE, WARM_SECONDS, *flags, "-c", 8, "-m", 1)
        before = self.settled(node)
        command = self.clients.httpload_command(node.port, ROUTE, *flags, "-H", "-c", count, "-m", 1)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            if not holder.stdout.readline().startswith("holding"):
                raise Failure(f"{count} connections can't be held")
            after = self.settled(node)
            holder.communicate("")
        goals = ("< 64", "") if version == "HTTP/3" else ("", "")
        for kind, now, then, goal in zip(("resident", "anonymous"), after, before, goals):
            rows.add(f"{kind} memory of an idle {version} connection", "KiB", (now - then) * 1024 / count, goal)

    @staticmethod
    def settled(node):
        time.sleep(3)
        return node.host.memory()

    def members(self):
        given = self.given

        def measure(rows, stack):
            crowd = http_mesh.Crowd(self.program, self.certificates, self.cores, given.members)
            stack.callback(crowd.stop)
            rows.add(f"one answer of {crowd.count} members", "B", len(crowd.answer))
            # The same bytes from a file tell what the machine does to such a figure.
            nginx = Nginx(self.folder, self.certificates, self.cores, static_files(self.folder, crowd.answer))
            stack.callback(nginx.stop)
            for _ in range(given.runs):
                http_mesh.members(crowd, nginx, self.clients, rows, given.seconds, given.rate)
        self.group(f"GET {http_mesh.PATH} in a mesh of {given.members}, TLS", measure)


    def watch(self):
        given = self.given

        def measure(rows, stack):
            for run in range(given.runs):
                for version in (2, 3):
                    # A new process each time, as what one trial leaves behind would hide what the next takes.
                    with contextlib.ExitStack() as life:
                        stage = http_watch.Stage(self.program, self.certificates, self.cores, f"{run}-{version}")
                        life.callback(stage.stop)
                        http_watch.trial(stage, self.clients, rows, version, given.subscribers, given.changes,
                                         given.watch_seconds)
        self.group(f"GET {http_watch.PATH}, TLS: {given.subscribers} subscribers on {http_watch.CONNECTIONS} "
                   f"connections (httpload), {given.changes:g} changes/s of {http_watch.CHANGERS} other members",
                   measure)


def main():
    given = arguments()
    install(TOOLS)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="meshkit-bench-"))
    try:
        build(given.stage.resolve(), folder)
        bench = Bench(given, folder)
        print(machine())
        print(f"servers on processor {bench.cores.server}, clients on processor {bench.cores.client}")
        for block in BLOCKS:
            if block in given.only.split(","):
                getattr(bench, block)()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
