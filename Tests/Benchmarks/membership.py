#!/usr/bin/env python3
"""Prints how fast the membership of MeshKit is and what it costs: release build, several runs, median and spread.

Real nodes on the loopback come from mesh_host.c, simulated ones from meshsim. Nothing here asserts a time: the goals,
and what memberlist did on another machine, are printed beside the figures. Where Debian's memberlist can be installed,
it is measured in the same way in the same run. docs/reference/performance.md explains every row.
"""

import argparse
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

import memberlist
import reference
from fleet import Certificates, Failure, Mesh
from report import figure, heading, machine, run
from trials import Names, Results, calm, changes, form, idle_and_memory, pause, starve

here = pathlib.Path(__file__).resolve().parent


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", type=pathlib.Path, help="the installed tree, build/stage")
    parser.add_argument("--together", type=numbers, default=[3, 10, 50, 100], help="sizes of meshes in one process")
    parser.add_argument("--apart", type=numbers, default=[3, 10], help="sizes of meshes with a process for each node")
    parser.add_argument("--simulated", type=numbers, default=[200, 1000, 5000], help="sizes of simulated meshes")
    parser.add_argument("--starved", type=int, default=100, help="nodes that share a saturated processor; 0 for none")
    parser.add_argument("--competitors", type=numbers, default=[1, 32], help="programs that compete for that processor")
    parser.add_argument("--paused", type=int, default=10, help="processes of which one is paused; 0 for none")
    parser.add_argument("--memberlist", type=numbers, default=[10, 100], help="sizes of memberlist in one process")
    parser.add_argument("--memberlist-apart", type=numbers, default=[10], help="and with a process for each node")
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement")
    parser.add_argument("--seconds", type=float, default=60, help="how long idle and starved meshes are watched")
    parser.add_argument("--settle", type=float, default=2, help="seconds between two changes of a mesh")
    return parser.parse_args()


def show(results, shown, mode, count, ours):
    """Prints the rows that are not in `shown`, and adds them to it."""
    for name, series in results.items():
        if name in shown:
            continue
        shown.add(name)
        if not ours and "suspect" in name:
            continue  # memberlist doesn't tell
        goal = reference.goal(name, mode, count) if ours else ""
        note = f"({series.missed} not in time)" if series.missed else ""
        figure(name, series.values, series.unit, goal, f"{reference.memberlist(name, mode, count):<12}", note)


class Load:
    """How much of the machine other programs take: figures taken beside a busy one say little."""

    def __init__(self):
        self.started, self.busy, self.own = time.monotonic(), self.all_busy(), self.own_busy()

    @staticmethod
    def all_busy():
        fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def own_busy():
        """This program and all that it started and that has ended."""
        parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(part.ru_utime + part.ru_stime for part in parts)

    def line(self):
        seconds = time.monotonic() - self.started
        others = (self.all_busy() - self.busy - self.own_busy() + self.own) / seconds
        return f"(took {seconds:.0f} s; other programs used {max(0, others):.2f} processors)"


def false_alarms(mesh, results):
    """Over the whole life of a mesh."""
    for kind in ("suspect", "left"):
        results.add(f"false {kind} in all that time", "events", len(mesh.false_reports(kind)))


class Bench:
    def __init__(self, given, folder):
        self.given, self.stage = given, given.stage.resolve()
        self.certificates = Certificates(self.stage, folder)
        self.program = folder / "mesh_host"
        os.environ["PKG_CONFIG_PATH"] = str(self.stage / "lib/pkgconfig")
        flags = run("pkg-config", "--cflags", "--libs", "meshkit").split()
        run("cc", "-std=c11", "-O2", "-o", self.program, here / "mesh_host.c", *flags, "-lpthread",
            f"-Wl,-rpath,{self.stage / 'lib'}")

    def mesh(self, apart):
        return Mesh(self.program, self.certificates, apart)

    def group(self, title, mode, count, measure, ours=True):
        """One block of rows, printed as far as they are ready each time that `measure` yields. What can't be measured
        is said, and the next block goes on."""
        print(f"\n== {title}", flush=True)
        heading("goal            ", "memberlist elsewhere")
        results, load, shown = Results(), Load(), set()
        try:
            for _ in measure(results):
                show(results, shown, mode, count, ours)
        except (Failure, BrokenPipeError) as failure:
            print(f"stopped: {failure}", flush=True)
        show(results, shown, mode, count, ours)
        print(load.line(), flush=True)

    def size(self, count, apart, make=None, whose=""):
        """All that is measured of meshes of one size: forming `runs` of them, and idleness and changes in the last."""
        given = self.given

        def measure(results):
            for last in range(given.runs - 1, -1, -1):
                names = Names()
                with (make or self.mesh)(apart) as mesh:
                    empty = None if apart else mesh.hosts[0].memory()
                    form(mesh, names.take(count), results)
                    if last == 0:
                        yield
                        calm(mesh, results)
                        yield
                        changes(mesh, names, results, given.runs, given.settle)
                        yield
                        idle_and_memory(mesh, names, results, given.seconds, empty, guest=not make)
                        false_alarms(mesh, results)
        where = "a process each" if apart else "one process"
        self.group(f"{whose}{count} nodes, {where}", "apart" if apart else "together", count, measure, ours=not make)

    def memberlist(self, folder):
        """The same of memberlist, where it can be had."""
        try:
            program = memberlist.build(folder)
        except memberlist.Unavailable as why:
            print(f"\n== memberlist is not measured in this run: {why}", flush=True)
            return

        def make(apart):
            return Mesh(program, memberlist.NoCertificates(), apart)
        for apart, counts in ((False, self.given.memberlist), (True, self.given.memberlist_apart)):
            for count in counts:
                self.size(count, apart, make, "memberlist in this run: ")

    def starvation(self, count):
        def measure(results):
            with self.mesh(apart=False) as mesh:
                form(mesh, Names().take(count), Results())
                calm(mesh, Results())
                for competitors in self.given.competitors:
                    starve(mesh, results, competitors, self.given.seconds)
                    yield
        self.group(f"{count} nodes, one process, on one saturated processor for {self.given.seconds:.0f} s", "starved",
                   count, measure)

    def pauses(self, count):
        def measure(results):
            with self.mesh(apart=True) as mesh:
                form(mesh, Names().take(count), Results())
                calm(mesh, Results())
                for _ in range(self.given.runs):
                    pause(mesh, results, 3)
                yield
        self.group(f"{count} nodes, a process each, one of them stopped for 3 s", "paused", count, measure)

    def simulated(self, count):
        """meshsim prints a row for each figure: name, unit, values, divided by tabs."""
        def measure(results):
            command = [str(self.stage / "bin/meshsim"), "--measure", "--format", "tsv", "--nodes", str(count)]
            done = subprocess.run(command, text=True, capture_output=True)
            if done.returncode != 0:
                said = (done.stdout + done.stderr).strip().splitlines()[-1:]
                raise Failure(f"{' '.join(command[1:])} ended with exit code {done.returncode}: {' '.join(said)}")
            for line in done.stdout.splitlines():
                name, unit, *values = line.split("\t")
                results.add(name, unit, *(float(value) for value in values if value != "missed"))
                results[name].missed += values.count("missed")
            yield
        self.group(f"{count} nodes, simulated", "simulated", count, measure)


def main():
    given = arguments()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="meshkit-bench-"))
    try:
        bench = Bench(given, folder)
        print(machine())
        print(f"memberlist elsewhere: {reference.PARTS}")
        for count in given.together:
            bench.size(count, apart=False)
        for count in given.apart:
            bench.size(count, apart=True)
        if given.paused:
            bench.pauses(given.paused)
        if given.starved:
            bench.starvation(given.starved)
        for count in given.simulated:
            bench.simulated(count)
        if given.memberlist or given.memberlist_apart:
            bench.memberlist(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
