#!/usr/bin/env python3
"""Prints what MeshKit costs on this machine: release build, several runs, median and spread.

usage: bench.py STAGE LINKBENCH

STAGE is the installed tree (build/stage), LINKBENCH the Swift benchmark of links. Nothing here asserts a time; the
goals are printed beside the figures. `make bench` builds both and calls this.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from report import figure, heading, machine, run

RUNS = 7
IDLE_SECONDS = 30
ROLES = {"bench-a": "dispatcher", "bench-b": "gateway", "bench-c": "worker"}

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent


def free_port():
    """A port that is free for UDP and TCP right now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue


class Mesh:
    """Three nodes with default settings, each a C program in a process of its own."""

    def __init__(self, stage, programs, folder):
        self.programs, self.folder = programs, folder
        nodes = [argument for name, role in ROLES.items() for argument in ("--node", f"{name}:{role}")]
        run(stage / "bin/meshkit", "cert", "dev", "--out", folder / "certs", *nodes)
        self.ports = {name: free_port() for name in ROLES}
        self.running = {}

    def config(self, name):
        seeds = [f"127.0.0.1:{port}" for other, port in self.ports.items() if other != name]
        certs = self.folder / "certs"
        document = {"mesh": {
            "gossip": {
                "nodeId": name, "role": ROLES[name], "bindAddress": "127.0.0.1", "port": self.ports[name],
                "advertiseHost": "127.0.0.1", "seedPeers": seeds,
                "tls": {"certificatePath": str(certs / f"{name}.pem"), "keyPath": str(certs / f"{name}-key.pem"),
                        "trustBundlePath": str(certs / "ca.pem")}},
            "control": {"port": 0}}}
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(document))
        return path

    def start(self, name):
        output = open(self.folder / f"{name}.out", "w+")
        process = subprocess.Popen([self.programs / "01-join", self.config(name)], stdout=output, stderr=output)
        self.running[name] = (process, output)
        return time.time()

    def events(self, name):
        """The event lines of a node: (kind, peer, Unix milliseconds)."""
        for line in (self.folder / f"{name}.out").read_text().splitlines():
            words = line.split()
            fields = dict(word.split("=", 1) for word in words[1:] if "=" in word)
            if "peer" in fields and "t" in fields:
                yield words[0], fields["peer"], int(fields["t"])

    def wait_joined(self, observer, peer, seconds=20):
        end = time.time() + seconds
        while time.time() < end:
            for kind, name, moment in self.events(observer):
                if kind == "joined" and name == peer:
                    return moment
            time.sleep(0.005)
        sys.exit(f"bench: {observer} did not see {peer} within {seconds} s; its output is in {self.folder}")

    def pid(self, name):
        return self.running[name][0].pid

    def stop(self):
        for process, output in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process, output in self.running.values():
            process.wait(timeout=20)
            output.close()
        self.running = {}


def formation(make_mesh):
    """From the start of the third process to the moment that all three know all three."""
    times = []
    for _ in range(RUNS):
        mesh = make_mesh()
        for name in list(ROLES)[:2]:
            mesh.start(name)
        mesh.wait_joined("bench-a", "bench-b")
        mesh.wait_joined("bench-b", "bench-a")
        started = mesh.start("bench-c")
        pairs = [("bench-a", "bench-c"), ("bench-b", "bench-c"), ("bench-c", "bench-a"), ("bench-c", "bench-b")]
        times.append(max(mesh.wait_joined(*pair) for pair in pairs) - started * 1000)
        mesh.stop()
    figure("start of the third process to mutual knowledge", times, "ms", "goal < 300, bound 2000")


def memory(pid):
    """Resident and anonymous memory of a process in KiB."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(("VmRSS:", "RssAnon:")):
            found[line.split(":")[0]] = int(line.split()[1])
    return found["VmRSS"], found["RssAnon"]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(make_mesh):
    """What three nodes cost that have nothing to do."""
    mesh = make_mesh()
    for name in ROLES:
        mesh.start(name)
    for observer in ROLES:
        for peer in ROLES:
            if peer != observer:
                mesh.wait_joined(observer, peer)
    before = {name: cpu_seconds(mesh.pid(name)) for name in ROLES}
    time.sleep(IDLE_SECONDS)
    used = [(cpu_seconds(mesh.pid(name)) - before[name]) * 60 / IDLE_SECONDS for name in ROLES]
    figure("idle CPU of a node in a mesh of three", used, "s/min")
    sizes = [memory(mesh.pid(name)) for name in ROLES]
    figure("resident memory of an idle node (two links)", [size[0] / 1024 for size in sizes], "MiB")
    figure("anonymous memory of an idle node (two links)", [size[1] / 1024 for size in sizes], "MiB")
    mesh.stop()


def members_read(make_mesh):
    mesh = make_mesh()
    for name in list(ROLES)[:2]:
        mesh.start(name)
    lines = run(mesh.programs / "members_read", mesh.config("bench-c"), 3).split()
    figure("read of the members through C (3 members)", [float(line) for line in lines], "ns", "goal < 1000")
    mesh.stop()


def library(stage, programs):
    path = stage / "lib/libmeshkit.so"
    figure("size of the stripped library", [path.resolve().stat().st_size / 1e6], "MB", "goal <= 10")
    samples = [run(programs / "load_time", path).split() for _ in range(15)]
    figure("dlopen with all symbols bound", [float(s[0]) / 1000 for s in samples], "ms")
    figure("resident memory after dlopen", [float(s[2]) / 1024 for s in samples], "MiB")


def links(linkbench, stage, folder):
    run(stage / "bin/meshkit", "cert", "dev", "--out", folder / "link-certs", "--node", "left:a", "--node", "right:b")
    for line in run(linkbench, folder / "link-certs").splitlines():
        name, unit, *values = line.split("\t")
        figure(name, [float(value) for value in values], unit)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stage, linkbench = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="meshkit-bench-"))
    programs = folder / "programs"
    programs.mkdir()
    os.environ["PKG_CONFIG_PATH"] = str(stage / "lib/pkgconfig")
    flags = run("pkg-config", "--cflags", "--libs", "meshkit").split()
    rpath = f"-Wl,-rpath,{stage / 'lib'}"
    run("cc", "-O2", "-o", programs / "01-join", root / "examples/c/01-join/main.c", *flags, rpath)
    run("cc", "-O2", "-o", programs / "members_read", here / "members_read.c", *flags, rpath)
    run("cc", "-O2", "-o", programs / "load_time", here / "load_time.c", "-ldl")

    meshes = iter(range(1000))

    def make_mesh():
        place = folder / f"mesh-{next(meshes)}"
        place.mkdir()
        return Mesh(stage, programs, place)

    print(machine())
    heading()
    library(stage, programs)
    links(linkbench, stage, folder)
    formation(make_mesh)
    members_read(make_mesh)
    idle(make_mesh)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
