#!/usr/bin/env python3
"""A mesh of three processes on this machine, told step by step.

Each process is examples/c/01-join, a small C program that embeds libmeshkit.so. They find each other by gossip over
HTTP/3 with mutual TLS; one is killed and comes back; all say goodbye. Every step has a deadline: a step that misses it
ends the story with a clear message and exit code 1.

`make demo` runs it; it needs nothing but Python, a C compiler and the installed library.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROLES = {"mesh-a": "dispatcher", "mesh-b": "gateway", "mesh-c": "worker"}
CLUSTER = "demo"
JOIN_PATIENCE = 30.0
# Default settings: a silent member is suspect after one probe interval and its timeouts, and left 5 s later.
DEATH_PATIENCE = 25.0
STOP_PATIENCE = 30.0


# What examples/c/01-join prints for each event: the kind, the member, and at the end the Unix time in milliseconds.
EVENT = re.compile(r"(?P<kind>joined|updated|suspect|recovered|left) peer=(?P<peer>\S+) .*\bt=(?P<time>\d+)$")


SAW = (("joined",), "saw")
SAW_BACK = (("joined", "recovered"), "saw again")
MARKED_SUSPECT = (("suspect",), "marked suspect")
MARKED_LEFT = (("left",), "marked left")


class Disappointment(Exception):
    """An expectation that did not come true in time."""


class Story:
    """What was measured, and the printing of it."""

    def __init__(self):
        self.began = time.monotonic()
        self.measured = []

    def chapter(self, text):
        print(f"\n== {text}", flush=True)

    def line(self, text):
        print(f"   {time.monotonic() - self.began:6.2f} s  {text}", flush=True)

    def measure(self, what, seconds):
        self.measured.append((what, seconds))
        self.line(f"{what}: {milliseconds(seconds)}")

    def summary(self):
        print("\n== Summary")
        width = max(len(what) for what, _ in self.measured)
        for what, seconds in self.measured:
            print(f"   {what:<{width}}  {milliseconds(seconds):>9}")


def milliseconds(seconds):
    return f"{seconds * 1000:.0f} ms"


class Node:
    """One process of the mesh: its configuration, its log, and what its control listener says."""

    def __init__(self, name, work, ports, seeds):
        self.name = name
        self.mesh_port, self.control_port = ports
        self.log = work / f"{name}.log"
        self.config = work / f"{name}.json"
        self.process = None
        certificates = work / "certs"
        self.config.write_text(json.dumps({"mesh": {
            "dataDir": str(work / "data" / name),
            "gossip": {
                "nodeId": name, "role": ROLES[name], "clusterId": CLUSTER,
                "bindAddress": "127.0.0.1", "port": self.mesh_port,
                "advertiseHost": "127.0.0.1", "advertisePort": self.mesh_port,
                "seedPeers": seeds,
                "tls": {
                    "certificatePath": str(certificates / f"{name}.pfx"),
                    "trustBundlePath": str(certificates / "ca.pem"),
                    "revocationListPath": str(certificates / "crl.pem"),
                },
            },
            "control": {"address": "127.0.0.1", "port": self.control_port},
        }}, indent=2))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.control_port}"

    def start(self, program):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program, str(self.config)], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                # Ctrl-C is for this script, which then stops the processes one by one.
                start_new_session=True)

    def send(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def peers(self):
        """Status of every member that this node knows, or nothing while it doesn't answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/control/peers", timeout=5) as answer:
                return {peer["nodeId"]: peer["status"] for peer in json.load(answer)["peers"]}
        except (OSError, ValueError):
            return {}

    def told(self, kinds, peer, since):
        """When its program told of `peer`, in seconds after the wall-clock time `since`; nothing while it hasn't."""
        for line in self.log.read_text(errors="replace").splitlines():
            found = EVENT.match(line)
            if found and found["kind"] in kinds and found["peer"] == peer and int(found["time"]) / 1000 >= since - 0.001:
                return max(0.0, int(found["time"]) / 1000 - since)
        return None

    def must_run(self):
        if self.process and self.process.poll() is not None:
            raise Disappointment(f"{self.name} ended with exit code {self.process.returncode}")


def wait_until(condition, patience, what, nodes):
    """Asks again and again, and gives back after how many seconds `condition` held."""
    began = time.monotonic()
    while not condition():
        for node in nodes:
            node.must_run()
        if time.monotonic() - began > patience:
            raise Disappointment(f"{what}: not within {patience:.0f} s")
        time.sleep(0.01)
    return time.monotonic() - began


def everyone(**exceptions):
    """All three alive, with exceptions such as `mesh_c="Left"`."""
    changed = {name.replace("_", "-"): status for name, status in exceptions.items()}
    return {name: changed.get(name, "Alive") for name in ROLES}


def free_ports(count):
    """Ports that are free for UDP and TCP now; the sockets are held until all are found, so that none comes twice."""
    held, ports = [], []
    while len(ports) < count:
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        held += [tcp, udp]
        tcp.bind(("127.0.0.1", 0))
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            continue
        ports.append(tcp.getsockname()[1])
    for one in held:
        one.close()
    return ports


def run(command, **more):
    """Runs a tool to its end; its words are shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        raise Disappointment(f"{' '.join(map(str, command))} ended with exit code {done.returncode}:\n{done.stdout}")
    return done.stdout


def compile_program(stage, work):
    """examples/c/01-join, compiled as a user of the installed library would."""
    environment = dict(os.environ, PKG_CONFIG_PATH=str(stage / "lib" / "pkgconfig"))
    flags = run(["pkg-config", "--cflags", "--libs", "meshkit"], env=environment).split()
    sources = sorted((pathlib.Path(__file__).parent.parent / "c" / "01-join").glob("*.c"))
    program = work / "01-join"
    run(["cc", "-std=c11", "-Wall", "-Wextra", "-O2", *map(str, sources), "-o", str(program), *flags,
         f"-Wl,-rpath,{stage / 'lib'}"])
    return program


def start(story, node, program):
    """Starts one process, and gives back the wall-clock time of it."""
    began = time.time()
    node.start(program)
    story.line(f"{node.name} started as {ROLES[node.name]}: mesh port {node.mesh_port}, control {node.url}")
    return began


def tell(story, stage, work, nodes_out, keep):
    meshkit = stage / "bin" / "meshkit"

    story.chapter("Make a development certificate authority, and a certificate for each node")
    names = [argument for name, role in ROLES.items() for argument in ("--node", f"{name}:{role}")]
    print(run([meshkit, "cert", "dev", "--out", work / "certs", "--cluster", CLUSTER, *names]), end="")

    story.chapter("Compile examples/c/01-join against the installed library")
    program = compile_program(stage, work)
    print(f"   {program}")

    ports = free_ports(6)
    seeds = [f"127.0.0.1:{port}" for port in ports[:3]]
    nodes = [Node(name, work, (ports[i], ports[i + 3]), seeds) for i, name in enumerate(ROLES)]
    nodes_out.extend(nodes)
    a, b, c = nodes

    story.chapter("Start three processes")
    for node in (a, b):
        start(story, node, program)
    wait_until(lambda: all(node.peers().keys() == {"mesh-a", "mesh-b"} for node in (a, b)), JOIN_PATIENCE,
               "mesh-a and mesh-b see each other", (a, b))
    began = start(story, c, program)
    known = witness(story, SAW, began, [a, b], ["mesh-c"], everyone(), JOIN_PATIENCE, nodes)
    knows = witness(story, SAW, began, [c], ["mesh-a", "mesh-b"], everyone(), JOIN_PATIENCE, nodes)
    story.measure("third process started, all three know each other", max(known, knows))

    story.chapter("Ask mesh-a with the operator's command: meshkit mesh peers list")
    print(run([meshkit, "mesh", "peers", "list", "--url", a.url]), end="")

    if keep:
        return keep_running(story, nodes)

    story.chapter("Kill mesh-c with SIGKILL")
    killed = time.time()
    c.send(signal.SIGKILL)
    c.process.wait()
    story.measure("killed, suspect at both others", witness(
        story, MARKED_SUSPECT, killed, [a, b], ["mesh-c"], everyone(mesh_c="Suspect"), DEATH_PATIENCE, [a, b]))
    story.measure("killed, left at both others", witness(
        story, MARKED_LEFT, killed, [a, b], ["mesh-c"], everyone(mesh_c="Left"), DEATH_PATIENCE, [a, b]))

    story.chapter("Start mesh-c again")
    restarted = start(story, c, program)
    back = witness(story, SAW_BACK, restarted, [a, b], ["mesh-c"], everyone(), JOIN_PATIENCE, nodes)
    knows = witness(story, SAW, restarted, [c], ["mesh-a", "mesh-b"], everyone(), JOIN_PATIENCE, nodes)
    story.measure("restarted, alive at all three", max(back, knows))
    views = [node.peers() for node in nodes]
    if any(view != views[0] for view in views):
        raise Disappointment(f"the three nodes disagree about the membership: {views}")
    story.line(f"all three /control/peers agree: {views[0]}")

    story.chapter("Stop mesh-c with SIGTERM: it says goodbye")
    asked = time.time()
    c.send(signal.SIGTERM)
    story.measure("asked to stop, left at both others", witness(
        story, MARKED_LEFT, asked, [a, b], ["mesh-c"], everyone(mesh_c="Left"), STOP_PATIENCE, [a, b]))
    stop(story, nodes)
    story.summary()


def witness(story, change, since, observers, subjects, expected, patience, running):
    """Waits until each observer's program told the change of every subject, and its /control/peers shows `expected`.

    Prints when each observer told it, and gives back the time of the last one.
    """
    kinds, words = change
    waiting = {node.name: node for node in observers}
    last = 0.0

    def all_told():
        nonlocal last
        for node in list(waiting.values()):
            others = [name for name in subjects if name != node.name]
            times = [node.told(kinds, name, since) for name in others]
            if None in times or not shows(node.peers(), expected):
                continue
            del waiting[node.name]
            last = max(last, *times)
            told = ", ".join(f"{name} after {milliseconds(seconds)}" for name, seconds in zip(others, times))
            story.line(f"{node.name} {words} {told}")
        return not waiting

    try:
        wait_until(all_told, patience, f"{' and '.join(node.name for node in observers)} {words} {', '.join(subjects)}",
                   running)
    except Disappointment as disappointment:
        seen = {name: node.peers() for name, node in waiting.items()}
        raise Disappointment(f"{disappointment}\n   expected {expected}\n   seen     {seen}") from None
    return last


def shows(view, expected):
    """Whether `view` is as expected. What we expect to be suspect may have become the verdict before we looked."""
    return view.keys() == expected.keys() and all(
        view[name] == status or (status, view[name]) == ("Suspect", "Left") for name, status in expected.items())


def keep_running(story, nodes):
    """KEEP=1: the mesh stays for the reader's own experiments."""
    story.chapter("The mesh keeps running; Ctrl-C stops it")
    for node in nodes:
        print(f"   meshkit mesh peers list --url {node.url}")
    try:
        while True:
            for node in nodes:
                node.must_run()
            time.sleep(0.2)
    except KeyboardInterrupt:
        print()
    stop(story, nodes)


def stop(story, nodes):
    """Asks every process to stop, and expects each to end well."""
    for node in nodes:
        node.send(signal.SIGTERM)
    for node in nodes:
        try:
            node.process.wait(timeout=STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            raise Disappointment(f"{node.name} did not stop within {STOP_PATIENCE:.0f} s of SIGTERM") from None
        if node.process.returncode != 0:
            raise Disappointment(f"{node.name} ended with exit code {node.process.returncode} after SIGTERM")
    story.line("all processes ended with exit code 0")


def complain(disappointment, nodes):
    """What went wrong, and the last words of each process."""
    print(f"\nThe demo failed: {disappointment}", file=sys.stderr)
    for node in nodes:
        if node.log.exists():
            print(f"\n-- the end of {node.log}", file=sys.stderr)
            for text in node.log.read_text(errors="replace").splitlines()[-15:]:
                print(f"   {text}", file=sys.stderr)


def clear(work):
    """An empty folder for this run, if need be by emptying that of the last run; false for anybody else's folder."""
    marks = work / ".meshdemo", work / "01-join"
    if work.exists() and any(work.iterdir()) and not any(mark.exists() for mark in marks):
        return False
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    marks[0].touch()
    return True


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--stage", default="build/stage", help="where MeshKit is installed")
    arguments.add_argument("--work", default="build/demo", help="folder for certificates, logs and data")
    arguments.add_argument("--keep", action="store_true", help="leave the mesh running until Ctrl-C")
    given = arguments.parse_args()
    stage, work = pathlib.Path(given.stage).resolve(), pathlib.Path(given.work).resolve()
    if not clear(work):
        print(f"The demo failed: {work} holds files of somebody else; give it a folder of its own with --work",
              file=sys.stderr)
        return 1
    nodes = []
    try:
        tell(Story(), stage, work, nodes, given.keep)
        return 0
    except Disappointment as disappointment:
        complain(disappointment, nodes)
        return 1
    finally:
        for node in nodes:
            node.send(signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
