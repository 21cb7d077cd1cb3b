#!/usr/bin/env python3
"""Runs the unit tests that `swift build --build-tests` has built.

Tests of the shell have real sockets, threads and clocks and mostly wait; those of the rooms compute. Both run at the same
time, the rooms with what the shell leaves of the processors. Suites called ProcessTests count the descriptors and threads
of their process, so they run last and alone. What failed while the machine stood still is run once more by itself.
"""

import os
import pathlib
import re
import subprocess
import sys
import threading

from stalls import Stalls

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / ".build" / "debug" / "MeshKitPackageTests.xctest"
SHELL = r"^Mesh(Threads|Telemetry|Security|Transport|Store|Runtime|Kit|Command)Tests\."
ALONE = r"\.ProcessTests/"
# More than these is not a stall's doing.
REPEATED_MAX = 10
PASSED = re.compile(r"^✔ Test (\w+)\(.* passed after ")
FAILED = re.compile(r"^✘ Test (\w+)\(.* failed after ([\d.]+) seconds")
# Failures that belong to no test by name: of threads that outlived theirs, and of suites.
UNNAMED = re.compile(r"^✘ (?!Test \w+\(|Test run with |Suite .* failed after )")
ENDED = re.compile(r"^. Test run with \d+ tests? ")
writing = threading.Lock()


class Run(threading.Thread):
    """A process with some of the tests. After `join`: which failed, and whether anything else went wrong."""

    def __init__(self, stalls, *arguments, niceness=0):
        super().__init__()
        self.command = ["nice", "-n", str(niceness), PROGRAM, "--testing-library", "swift-testing", *arguments]
        self.stalls, self.code, self.is_ended, self.has_unnamed = stalls, None, False, False
        self.passed, self.excuses = set(), {}
        self.start()

    def run(self):
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", env={**os.environ, "NO_COLOR": "1"})
        for line in process.stdout:
            with writing:
                sys.stdout.write(line)
                sys.stdout.flush()
            self.note(line)
        self.code = process.wait()

    def note(self, line):
        if found := FAILED.match(line):
            self.excuses[found[1]] = self.stalls.told(seconds=float(found[2]) + 1)
        elif found := PASSED.match(line):
            self.passed.add(found[1])
        elif ENDED.match(line):
            self.is_ended = True
        elif UNNAMED.match(line):
            self.has_unnamed = True

    @property
    def is_broken(self):
        """Whether more went wrong than what the names of its tests say."""
        return self.code != 0 and (self.code != 1 or not self.is_ended or not self.excuses or self.has_unnamed)


def run_all(stalls):
    """The runs of all unit tests."""
    together = [Run(stalls, "--skip", ALONE, "--filter", SHELL),
                Run(stalls, "--skip", ALONE, "--skip", SHELL, niceness=10)]
    for run in together:
        run.join()
    alone = Run(stalls, "--no-parallel", "--filter", ALONE)
    alone.join()
    return [*together, alone]


def passes_again(stalls, failed):
    """Whether all of the tests with these names pass in a process of their own."""
    # The name of a test stands behind its suite and "/", or behind its module and ".".
    again = Run(stalls, "--no-parallel", "--filter", rf"[./]({'|'.join(failed)})\(")
    again.join()
    return again.code == 0 and again.passed >= set(failed)


def main():
    with Stalls() as stalls:
        runs = run_all(stalls)
        excuses = {name: excuse for run in runs for name, excuse in run.excuses.items()}
        is_broken = any(run.is_broken for run in runs)
        if excuses and not is_broken and len(excuses) <= REPEATED_MAX and all(excuses.values()):
            for name, excuse in excuses.items():
                print(f"== {name} failed when {excuse}: once more", flush=True)
            if passes_again(stalls, sorted(excuses)):
                return 0
    if excuses or is_broken:
        print(f"== failed: {' '.join(sorted(excuses))}; exit codes {' '.join(str(run.code) for run in runs)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
