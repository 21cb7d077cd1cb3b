"""Tells whether the machine stood still, or gave its processors to others, while something was tested.

Tests with real sockets and clocks wait long enough for a slow machine, and not for one that stands still for seconds, as
virtual machines do now and then. What fails meanwhile may be the machine's doing: it is said, and tried once more. What
fails twice, or on a machine that ran, has failed.
"""

import os
import select
import subprocess
import sys
import threading
import time

# A sleep that ends this much too late, or this share of all processors' time, isn't a busy machine's but a stalled one's.
SECONDS_LATE = 0.5
SHARE_TAKEN = 0.2
SLEEP = 0.05


def seconds_taken():
    """Seconds that a hypervisor has given to others since the machine started, of all processors together."""
    with open("/proc/stat", encoding="ascii") as stat:
        return int(stat.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


class Stalls:
    """Watches the machine from `with` on, from a process of its own: what a test computes is no stall."""

    def __enter__(self):
        self.began, self.taken, self.late = time.monotonic(), seconds_taken(), []
        self.watcher = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.watcher.stdin.close()
        self.watcher.wait()
        self.reader.join()

    def read(self):
        for line in self.watcher.stdout:
            self.late.append(tuple(map(float, line.split())))

    def told(self, seconds=None):
        """What the machine did in the last `seconds`, or since `with`; None when it ran."""
        time.sleep(2 * SLEEP)  # the watcher may wake up after us
        since = self.began if seconds is None else time.monotonic() - seconds
        longest = max((late for at, late in self.late if at >= since), default=0)
        share = (seconds_taken() - self.taken) / ((time.monotonic() - self.began) * os.cpu_count())
        if longest == 0 and share < SHARE_TAKEN:
            return None
        return f"the machine stood still for up to {longest:.1f} s, and others had {share:.0%} of its processors"


def watch():
    """Prints when a sleep ended too late, and by how much, until its input ends."""
    before = time.monotonic()
    while not select.select([sys.stdin], [], [], SLEEP)[0]:
        now = time.monotonic()
        if now - before - SLEEP > SECONDS_LATE:
            print(now, now - before - SLEEP, flush=True)
        before = now


if __name__ == "__main__":
    watch()
