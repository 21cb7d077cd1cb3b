#!/usr/bin/env python3
"""Prints what lease queues take and give through the C interface, beside beanstalkd and Redis in the same run: release
build, several runs, median and spread.

The queue is in the program's own process; beanstalkd and Redis are asked over a Unix socket, as their users do. Nothing
here asserts a time; the goals are printed beside the figures. docs/reference/performance.md explains every row.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from fleet import Failure
from http_tools import ServedLoad, install, needed
from report import figure, heading, machine, run

TOOLS = {"beanstalkd": "beanstalkd", "redis-server": "redis-server"}
BLOCKS = ("queue", "servers", "shapes", "large")
here = pathlib.Path(__file__).resolve().parent
sources = here / "taskload"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", type=pathlib.Path, help="the installed tree, build/stage")
    parser.add_argument("--only", default=",".join(BLOCKS), help=f"which blocks: {','.join(BLOCKS)}")
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement")
    given = parser.parse_args()
    unknown = set(given.only.split(",")) - set(BLOCKS)
    if unknown:
        parser.error(f"--only: there is no block {', '.join(sorted(unknown))}")
    return given


def build(stage, folder):
    """Our own programs, built in `folder`."""
    os.environ["PKG_CONFIG_PATH"] = f"{stage / 'lib/pkgconfig'}:{os.environ.get('PKG_CONFIG_PATH', '')}"
    flags = run("pkg-config", "--cflags", "--libs", "meshkit").split()
    gcc = ["cc", "-std=gnu11", "-O2", "-pthread"]
    run(*gcc, "-o", folder / "tasks", sources / "tasks.c", *flags, f"-Wl,-rpath,{stage / 'lib'}")
    run(*gcc, "-o", folder / "servers", sources / "servers.c")
    run(*gcc, "-fPIC", "-shared", "-o", folder / "allocations.so", sources / "allocations.c")


def figures(*command, **environment):
    """What one of our programs prints."""
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, timeout=600,
                          env={**os.environ, **environment})
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:]
        raise Failure(f"{' '.join(str(word) for word in command[1:])}: exit code {done.returncode}: {' '.join(said)}")
    return {name: float(value) for name, value in (line.split("\t") for line in done.stdout.splitlines())}


class Rows(dict):
    """Rows in the order in which they came."""

    def add(self, name, unit, value, goal=""):
        self.setdefault(name, (unit, goal, []))[2].append(value)

    def show(self):
        for name, (unit, goal, values) in self.items():
            figure(name, values, unit, goal)


class Server:
    """beanstalkd or Redis, without a disk, on a Unix socket of its own."""

    def __init__(self, kind, folder):
        self.kind, self.socket = kind, folder / f"{kind}.socket"
        self.socket.unlink(missing_ok=True)
        if kind == "redis":
            command = [needed("redis-server"), "--port", "0", "--unixsocket", self.socket, "--save", "",
                       "--appendonly", "no"]
        else:
            command = [needed("beanstalkd"), "-l", f"unix:{self.socket}"]
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, cwd=folder)
        end = time.monotonic() + 10
        while not self.socket.exists():
            if time.monotonic() > end or self.process.poll() is not None:
                raise Failure(f"{kind} doesn't listen on its socket")
            time.sleep(0.02)

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.split("RssAnon:")[1].split()[0])

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Bench:
    def __init__(self, given, folder):
        self.given, self.folder = given, folder

    def group(self, title, measure):
        """One block of rows. What can't be measured is said, and the next block goes on."""
        print(f"\n== {title}", flush=True)
        heading("goal")
        rows, load = Rows(), ServedLoad()
        try:
            for _ in range(self.given.runs):
                measure(rows)
        except (Failure, OSError, subprocess.TimeoutExpired) as failure:
            print(f"stopped: {failure}", flush=True)
        rows.show()
        print(load.line(), flush=True)

    def tasks(self, part, **environment):
        return figures(self.folder / "tasks", part, **environment)

    def queue(self):
        """The goals of a queue in one process."""
        def measure(rows):
            cycles, latency = self.tasks("cycles"), self.tasks("latency")
            rows.add("one thread: enqueue + lease + complete", "1000/s", cycles["rate"] / 1e3, ">= 2000")
            rows.add("one thread: CPU of a cycle", "ns", cycles["cpu"])
            counted = self.tasks("cycles", LD_PRELOAD=str(self.folder / "allocations.so"))
            rows.add("one thread: allocations of a cycle", "", counted["allocations"], "1: the payload")
            for name, goal in (("p50", ""), ("p99", "< 2000"), ("p999", "")):
                rows.add(f"one thread: {name} of a cycle", "ns", latency[name], goal)
            rows.add("one thread, 64 tasks in each call", "1000/s", self.tasks("batches")["rate"] / 1e3)
            threads = self.tasks("threads")
            rows.add("4 producers and 4 consumers, together", "1000/s", threads["rate"] / 1e3, ">= 1000")
            rows.add("4 producers and 4 consumers: CPU of a cycle", "ns", threads["cpu"])
            crowd = self.tasks("crowd")
            for name in ("p50", "p99", "p999"):
                rows.add(f"4 producers and 4 consumers: {name} of a completion", "ns", crowd[name])
            plain = self.tasks("plain")["rate"]
            rows.add("a plain ring under one lock, 4 and 4", "1000/s", plain / 1e3)
            rows.add("MeshKit / a plain ring, 4 and 4", "x", threads["rate"] / plain)
        self.group("a queue in one process, 256-byte payloads", measure)

    def servers(self):
        """The same work behind a socket."""
        def measure(rows):
            ours = {"cycles": self.tasks("cycles")["rate"], "threads": self.tasks("threads")["rate"]}
            for kind in ("beanstalkd", "redis"):
                with contextlib.ExitStack() as stack:
                    server = Server(kind, self.folder)
                    stack.callback(server.stop)
                    self.ask(rows, server, ours)
        self.group("beanstalkd (put, reserve, delete) and Redis (LPUSH, LMOVE, LREM) on a Unix socket, in memory, "
                   "256-byte payloads", measure)

    def ask(self, rows, server, ours):
        def ask(part):
            return figures(self.folder / "servers", server.kind, server.socket, part)
        kind, parts = server.kind, {part: ask(part) for part in ("cycles", "latency", "pipelined", "threads")}
        rows.add(f"{kind}: one client", "1000/s", parts["cycles"]["rate"] / 1e3)
        rows.add(f"{kind}: p99 of a cycle", "ns", parts["latency"]["p99"])
        rows.add(f"{kind}: one client, 64 at a time", "1000/s", parts["pipelined"]["rate"] / 1e3)
        rows.add(f"{kind}: 4 producers and 4 consumers", "1000/s", parts["threads"]["rate"] / 1e3)
        rows.add(f"MeshKit / {kind}, one", "x", ours["cycles"] / parts["cycles"]["rate"])
        rows.add(f"MeshKit / {kind}, 4 and 4", "x", ours["threads"] / parts["threads"]["rate"])
        before = server.memory()
        filled = ask("fill")["filled"]
        rows.add(f"{kind}: memory of a pending task beside its payload", "bytes",
                 (server.memory() - before) / filled - 256)

    def shapes(self):
        """The shapes of Hugo's benchmarks that have a queue in them."""
        names = {"a1024": "(a) 1024 tasks, 128 places, 1 and 1", "a4096": "(a) 4096 tasks, 128 places, 1 and 1",
                 "b1024": "(b) 1024 tasks, 128 places, 4 and 4", "b4096": "(b) 4096 tasks, 128 places, 4 and 4",
                 "c512": "(c) 512 tasks, 64 places, 35 % fail", "c4096": "(c) 4096 tasks, 128 places, 35 % fail"}

        def measure(rows):
            values, counted = self.tasks("shapes"), self.tasks("shapes", LD_PRELOAD=str(self.folder / "allocations.so"))
            for short, name in names.items():
                for suffix, text in (("", ""), ("_events", ", (h) events on")):
                    rows.add(f"{name}{text}", "ns", values[short + suffix])
                    rows.add(f"{name}{text}: allocations", "", counted[f"{short}{suffix}_allocations"])
            beats = self.tasks("heartbeats")
            rows.add("(d) heartbeat, 256 leases", "ns", beats["beats256"])
            rows.add("(d) heartbeat, 100,000 leases", "ns", beats["beats100k"])
        self.group("the shapes of Hugo's benchmarks, per task, the queue's making and end included", measure)

    def large(self):
        """A million tasks."""
        def measure(rows):
            memory, expiry = self.tasks("memory"), self.tasks("expiry")
            rows.add("memory of a pending task beside its payload", "bytes", memory["bytes"], "<= 128")
            rows.add("enqueue of a million", "ns", memory["enqueue"])
            rows.add("cycle with a million pending", "ns", memory["cycle"])
            rows.add("snapshot of a million", "ms", memory["snapshot"])
            rows.add("longest cycle meanwhile", "ms", memory["held"])
            rows.add("(e) expiry of 100,000 leases, a million pending: each", "ns", expiry["all100k"])
            rows.add("(e) expiry of 4,096 among 104,096 leases: each", "ns", expiry["some4096"])
            rows.add("(e) expiry of 100,000 among 1.1 million leases: each", "ns", expiry["of1m"])
        self.group("a million pending tasks of 256 bytes", measure)


def main():
    given = arguments()
    install(TOOLS)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="meshkit-bench-"))
    try:
        build(given.stage.resolve(), folder)
        bench = Bench(given, folder)
        print(machine())
        for block in BLOCKS:
            if block in given.only.split(","):
                getattr(bench, block)()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
