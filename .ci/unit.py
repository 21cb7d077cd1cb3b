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
FAILED = re.compile(r"✘ Test (\w+)\(.*failed after")
ENDED = re.compile(r"^. Test run with \d+ tests? ")


class Run(threading.Thread):
    """A process with some of the tests. After `join`: its exit code, the tests that failed, whether it came to its end."""

    def __init__(self, *arguments, niceness=0):
        super().__init__()
        self.command = [PROGRAM, "--testing-library", "swift-testing", *arguments]
        self.niceness, self.code, self.failed, self.is_ended = niceness, None, set(), False
        self.start()

    def run(self):
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", env={**os.environ, "NO_COLOR": "1"},
                                   preexec_fn=lambda: os.nice(self.niceness))
        for line in process.stdout:
            sys.stdout.write(line)
            self.failed.update(FAILED.findall(line))
            self.is_ended = self.is_ended or ENDED.match(line) is not None
        self.code = process.wait()


def run_all():
    """The runs of all unit tests."""
    together = [Run("--skip", ALONE, "--filter", SHELL), Run("--skip", ALONE, "--skip", SHELL, niceness=10)]
    for run in together:
        run.join()
    alone = Run("--no-parallel", "--filter", ALONE)
    alone.join()
    return [*together, alone]


def main():
    with Stalls() as stalls:
        runs = run_all()
        excuse = stalls.told()
    failed = sorted(set().union(*(run.failed for run in runs)))
    is_broken = any(run.code != 0 and not (run.is_ended and run.failed) for run in runs)
    if failed and not is_broken and len(failed) <= REPEATED_MAX and excuse:
        print(f"== {excuse}: once more {' '.join(failed)}")
        again = Run("--no-parallel", "--filter", rf"/({'|'.join(failed)})\(")
        again.join()
        failed, is_broken = sorted(again.failed), again.code != 0
    if failed or is_broken:
        print(f"== failed: {' '.join(failed) or [run.code for run in runs]}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
