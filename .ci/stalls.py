"""Tells whether the machine stood still, or gave its processors to others, while something was tested.

Tests with real sockets and clocks wait long enough for a slow machine, and not for one that stands still for seconds, as
virtual machines do now and then. What fails meanwhile may be the machine's doing: it is said, and tried once more. What
fails twice, or on a machine that ran, has failed.
"""

import os
import threading
import time

# A thread that wakes up this much too late, or this share of all processors' time, isn't a busy machine's but a stalled one's.
SECONDS_LATE = 0.5
SHARE_TAKEN = 0.2
SLEEP = 0.05


def seconds_taken():
    """Seconds that a hypervisor has given to others since the machine started, of all processors together."""
    with open("/proc/stat", encoding="ascii") as stat:
        return int(stat.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


class Stalls:
    """Watches the machine from `with` on; `told` says what happened since, or None when it ran."""

    def __enter__(self):
        self.began, self.taken, self.latest, self.is_over = time.monotonic(), seconds_taken(), 0.0, threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.watcher.join()

    def watch(self):
        before = time.monotonic()
        while not self.is_over.wait(SLEEP):
            now = time.monotonic()
            self.latest = max(self.latest, now - before - SLEEP)
            before = now

    def told(self):
        processors = (time.monotonic() - self.began) * os.cpu_count()
        share = (seconds_taken() - self.taken) / max(processors, SLEEP)
        if self.latest < SECONDS_LATE and share < SHARE_TAKEN:
            return None
        return f"the machine stood still for up to {self.latest:.1f} s, and others had {share:.0%} of its processors"
