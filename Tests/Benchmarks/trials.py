"""What is measured of a mesh of real nodes. Each function adds the figures of one run to the results."""

import itertools
import os
import random
import signal
import subprocess
import time

from fleet import PATIENCE, Failure
from report import quantile

SHARES = (("50 %", 0.5), ("95 %", 0.95), ("all", 1.0))
LINKS_WARM_SECONDS = 8
# In its first half minute a node opens the links that it chose, and one to each member that it exchanges digests with:
# handshakes, which are no idleness.
NEW_SECONDS = 30


class Series:
    """Values of one figure, and how many trials gave none in time."""

    def __init__(self, unit):
        self.unit, self.values, self.missed = unit, [], 0


class Results(dict):
    """Figures by name, in the order in which they were first given."""

    def add(self, name, unit, *values):
        self.setdefault(name, Series(unit)).values.extend(values)

    def add_shares(self, name, times, expected, shares=SHARES, first=False):
        """The times at which the observers knew; a trial that some never knew counts as missed."""
        if first and times:
            self.add(f"{name}, first", "ms", min(times))
        for text, share in shares:
            series = self.setdefault(f"{name}, {text}", Series("ms"))
            if len(times) == expected:
                series.values.append(quantile(times, share))
            else:
                series.missed += 1


class Names:
    """node-0000, node-0001 and so on: a name is used once in a mesh."""

    def __init__(self):
        self.numbers = itertools.count()

    def take(self, count):
        return [f"node-{next(self.numbers):04}" for _ in range(count)]


def form(mesh, names, results):
    """Opens all nodes at once and waits until each has told its host of each."""
    started, opened = mesh.open(names)
    pairs = [(a, b) for a in names for b in names if a != b]
    found = mesh.first_times(pairs, lambda event: (event.observer, event.subject) if event.kind == "joined" else None)
    results.add("opening all nodes", "ms", (opened - started) / 1e6)
    series = results.setdefault("full discovery after all start", Series("ms"))
    if len(found) == len(pairs):
        series.values.append((max(found.values()) - started) / 1e6)
    else:
        series.missed += 1
        if mesh.wait_all_alive() is None:
            missing = len(pairs) - len(found)
            raise Failure(f"{missing} of {len(pairs)} pairs did not meet within {2 * PATIENCE:.0f} s")


def calm(mesh, results):
    """Waits until a mesh that was formed has chosen its links, and tells how often it called anybody suspect on the
    way."""
    time.sleep(LINKS_WARM_SECONDS)
    results.add("suspect events while it formed", "events", len(mesh.false_reports("suspect")))


def join(mesh, names, results):
    observers = mesh.names
    [joiner] = names.take(1)
    mesh.certificates.issue([joiner])
    started, _ = mesh.open([joiner])
    times = mesh.seen(observers, joiner, ("joined",), started)
    results.add_shares("one join seen by", list(times.values()), len(observers))
    pairs = [(joiner, other) for other in observers]
    found = mesh.first_times(pairs, lambda event: (event.observer, event.subject) if event.kind == "joined" else None)
    if len(found) == len(pairs):
        results.add("the joiner knows all", "ms", (max(found.values()) - started) / 1e6)


def victim(mesh):
    """Any node but the oldest, which is everybody's seed."""
    return random.choice(mesh.names[1:])


def leave(mesh, results):
    leaver = victim(mesh)
    started = mesh.leave(leaver)
    times = mesh.seen(mesh.names, leaver, ("left",), started)
    results.add_shares("graceful leave seen by", list(times.values()), len(mesh.names))


def kill(mesh, results):
    dead = victim(mesh)
    started = mesh.kill(dead)
    times = mesh.seen(mesh.names, dead, ("left",), started)
    doubts = mesh.seen(mesh.names, dead, ("suspect", "left"), started, 1)
    shares = (("50 %", 0.5), ("all", 1.0))
    results.add_shares("kill to suspect", list(doubts.values()), len(mesh.names), shares, first=True)
    results.add_shares("kill to left", list(times.values()), len(mesh.names), shares, first=True)


def label(mesh, results, value):
    changed = random.choice(mesh.names)
    observers = [name for name in mesh.names if name != changed]
    started = mesh.label(changed, value)
    times = mesh.seen(observers, changed, ("updated",), started, label=value)
    results.add_shares("metadata update seen by", list(times.values()), len(observers))


def changes(mesh, names, results, runs, settle):
    """One member joins, one leaves, one joins, one is killed, one changes its labels; then again."""
    for trial in range(runs):
        for step in (lambda: join(mesh, names, results), lambda: leave(mesh, results),
                     lambda: join(mesh, names, results), lambda: kill(mesh, results),
                     lambda: label(mesh, results, f"trial-{trial}")):
            time.sleep(settle)
            step()


def idle(mesh, nodes, hosts, results, seconds, windows=3, of=""):
    """Processor time, datagrams and bytes of `nodes`, which live in `hosts` with no others, while nothing happens."""
    before, started = {name: mesh.statistics(name)["transport"] for name in nodes}, time.monotonic()
    for _ in range(windows):
        used, begun = [host.cpu_seconds() for host in hosts], time.monotonic()
        time.sleep(seconds / windows)
        minutes = (time.monotonic() - begun) / 60
        spent = [(host.cpu_seconds() - earlier) / minutes for host, earlier in zip(hosts, used)]
        results.add(f"idle CPU a node{of}", "s/min", *(s * len(hosts) / len(nodes) for s in spent))
    elapsed = time.monotonic() - started
    after = {name: mesh.statistics(name)["transport"] for name in nodes}
    for field, text, unit in (("datagramsSent", "packets sent", "/s"), ("bytesSent", "bytes sent", "B/s")):
        rates = [(int(after[name][field]) - int(before[name][field])) / elapsed for name in nodes]
        results.add(f"idle {text} a node{of}", unit, *rates)
    links = [int(after[name]["links"]) for name in nodes]
    if any(links):
        results.add(f"links of a node{of}", "", *links)


def idle_and_memory(mesh, names, results, seconds, empty, guest):
    """The figures of an idle mesh. Where all nodes share a process, a guest comes in a process of its own, since the
    memory of a process can't be told from the memory of a hundred nodes in one."""
    time.sleep(LINKS_WARM_SECONDS)
    nodes = mesh.names
    # Processes whose node has left are still there, and idle in another sense.
    hosts = [mesh.host_of[name] for name in nodes] if mesh.apart else mesh.hosts
    idle(mesh, nodes, hosts, results, seconds)
    if not mesh.apart:
        sizes = zip(mesh.hosts[0].memory(), empty)
        resident, anonymous = ((now - then) / len(nodes) for now, then in sizes)
        results.add("resident memory a node", "MiB", resident)
        results.add("anonymous memory a node", "MiB", anonymous)
        if not guest:
            return
        nodes, hosts = names.take(1), [mesh.add_host()]
        mesh.open(nodes, hosts[0])
        time.sleep(NEW_SECONDS)
        sent = int(mesh.statistics(nodes[0])["transport"]["bytesSent"])
        results.add(f"bytes sent by a node in its first {NEW_SECONDS} s", "B/s", sent / NEW_SECONDS)
        time.sleep(LINKS_WARM_SECONDS)
        idle(mesh, nodes, hosts, results, seconds, of=" alone in its process")
    sizes = [host.memory() for host in hosts]
    results.add("resident memory of a process with one node", "MiB", *(size[0] for size in sizes))
    results.add("anonymous memory of a process with one node", "MiB", *(size[1] for size in sizes))


def starve(mesh, results, competitors, seconds):
    """All nodes on one processor beside programs that want it all; then they have the machine again."""
    everywhere = os.sched_getaffinity(0)
    one = {min(everywhere)}
    since, used = time.monotonic_ns(), mesh.hosts[0].cpu_seconds_coarse()
    mesh.pin(one)
    spin = ["sh", "-c", "while :; do :; done"]
    rivals = [subprocess.Popen(spin, preexec_fn=lambda: os.sched_setaffinity(0, one)) for _ in range(competitors)]
    try:
        time.sleep(seconds)
        spent = mesh.hosts[0].cpu_seconds_coarse() - used
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
        mesh.pin(everywhere)
    healed = mesh.wait_all_alive(180)
    of = f"beside {competitors} spinning"
    results.add(f"false left, {of}", "events", len(mesh.false_reports("left", since)))
    results.add(f"false suspect, {of}", "events", len(mesh.false_reports("suspect", since)))
    results.add(f"CPU of all nodes while starved, {of}", "s/min", spent * 60 / seconds)
    series = results.setdefault(f"healed by itself after, {of}", Series("s"))
    if healed is None:
        series.missed += 1
    else:
        series.values.append(healed)


def pause(mesh, results, seconds):
    """Stops one process with SIGSTOP for a while, and listens until all has settled."""
    stopped = victim(mesh)
    host, since = mesh.host_of[stopped], time.monotonic_ns()
    host.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    resumed = time.monotonic_ns()
    host.process.send_signal(signal.SIGCONT)
    healed = mesh.wait_all_alive()
    time.sleep(8)
    for kind in ("suspect", "left"):
        reports = mesh.false_reports(kind, since)
        results.add(f"the paused one was reported {kind}", "events", sum(event.subject == stopped for event in reports))
        results.add(f"others were reported {kind}", "events", sum(event.subject != stopped for event in reports))
    series = results.setdefault("all see all alive after the pause", Series("ms"))
    if healed is None:
        series.missed += 1
    else:
        back = [event.time for kind in ("recovered", "joined") for event in mesh.false_reports(kind, resumed)]
        series.values.append((max(back, default=resumed) - resumed) / 1e6)
