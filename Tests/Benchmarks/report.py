"""What the benchmarks share: running tools, naming the machine, and one row for each figure."""

import math
import os
import platform
import statistics
import subprocess


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, text=True, capture_output=True, **options).stdout


def machine():
    """One line: the system, and how many of which processor."""
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown CPU")
    return f"{platform.system()} {platform.release()}, {os.cpu_count()} x {model}"


def heading(*more):
    """The names of the columns of `figure`."""
    print(f"{'figure':<58} {'median':>10} {'unit':<6} {'least to greatest':<22} {'':<5} " + " ".join(more), flush=True)


def figure(name, values, unit, goal="", *more):
    """One row: median, least and greatest of several runs."""
    values = sorted(values)
    if not values:
        print(f"{name:<58} {'none':>10} {unit:<6} {'':<22} n=0   {goal:<16}" + " ".join(more), flush=True)
        return
    spread = f"{values[0]:.4g} to {values[-1]:.4g}"
    row = f"{name:<58} {statistics.median(values):>10.4g} {unit:<6} {spread:<22} n={len(values):<3} {goal:<16}"
    print((row + " ".join(more)).rstrip(), flush=True)


def quantile(values, share):
    """The value below or at which `share` of all values lie."""
    values = sorted(values)
    return values[max(0, math.ceil(share * len(values)) - 1)]
