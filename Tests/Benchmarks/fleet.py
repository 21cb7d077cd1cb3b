"""Real nodes for benchmarks: hosts (mesh_host.c) with one or many nodes each, and what they heard of."""

import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from report import run

PATIENCE = 60.0

Event = collections.namedtuple("Event", "observer time kind subject version is_dead label")


class Failure(Exception):
    """A measurement that can't go on, in one sentence."""


class Certificates:
    """One authority, and a configuration for each name. One mesh after another may use the same names."""

    def __init__(self, stage, folder):
        self.meshkit, self.folder, self.issued = stage / "bin/meshkit", folder, set()

    def issue(self, names):
        missing = [name for name in names if name not in self.issued]
        if missing:
            nodes = [word for name in missing for word in ("--node", name)]
            run(self.meshkit, "cert", "dev", "--out", self.folder / "certs", *nodes)
            self.issued.update(missing)
        for name in missing:
            self.path(name).write_text(json.dumps(self.document(name)))

    def path(self, name):
        return self.folder / f"{name}.json"

    def document(self, name):
        """Default settings, but for the address, which is the loopback's, and ports that the system chooses."""
        certs = self.folder / "certs"
        return {"mesh": {
            "gossip": {
                "nodeId": name, "bindAddress": "127.0.0.1", "port": 0, "advertiseHost": "127.0.0.1",
                "tls": {"certificatePath": str(certs / f"{name}.pem"), "keyPath": str(certs / f"{name}-key.pem"),
                        "trustBundlePath": str(certs / "ca.pem")}},
            "control": {"port": 0}}}


class Host:
    """One process of mesh_host. A thread reads what it says."""

    def __init__(self, program, mesh):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.mesh, self.answers, self.changed = mesh, {}, threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("event "):
                words = line.split()
                _, observer, moment, kind, subject, version, is_dead, label = words
                self.mesh.heard(Event(observer, int(moment), kind, subject, int(version), is_dead == "1", label))
                continue
            verb, _, rest = line.rstrip("\n").partition(" ")
            if verb == "dropped":
                print(f"warning: a stream was full: {line}", end="", file=sys.stderr)
            key = (verb, "" if verb == "usage" else rest.partition(" ")[0])
            with self.changed:
                self.answers[key] = rest.partition(" ")[2] if key[1] else rest
                self.changed.notify_all()

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def take(self, verb, name="", patience=PATIENCE):
        """The answer `verb` about `name`, once it comes."""
        end = time.monotonic() + patience
        with self.changed:
            while (verb, name) not in self.answers:
                failed = self.answers.pop(("failed", name), None)
                if failed or not self.changed.wait(end - time.monotonic()):
                    raise Failure(f"{name or 'a host'} gave no answer '{verb}': {failed or 'it took too long'}")
            return self.answers.pop((verb, name))

    def ask(self, command, verb, name="", patience=PATIENCE):
        self.say(command)
        return self.take(verb, name, patience)

    def cpu_seconds_coarse(self):
        """Without asking the process, which may be short of processor time."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_seconds(self):
        return int(self.ask("usage", "usage")) / 1e6

    def memory(self):
        """Resident and anonymous memory in MiB."""
        sizes = {}
        for line in pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()[1:]:
            key, value = line.split(":")
            sizes[key] = int(value.split()[0])
        return sizes["Rss"] / 1024, sizes["Anonymous"] / 1024

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()


class Mesh:
    """Nodes, each with the host that holds it, and all events in the order in which they came in."""

    def __init__(self, program, certificates, apart):
        self.program, self.certificates, self.apart = program, certificates, apart
        self.hosts, self.host_of, self.seed = [], {}, None
        self.gone = {}
        self.events, self.changed = [], threading.Condition()
        if not apart:
            self.add_host()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for host in self.hosts:
            host.end()

    def add_host(self):
        host = Host(self.program, self)
        self.hosts.append(host)
        return host

    @property
    def names(self):
        return [name for name in self.host_of if name not in self.gone]

    def heard(self, event):
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def open(self, names, host=None):
        """Opens nodes at once, the first of a new mesh a moment earlier as the seed of the others. Gives back when the
        first was about to be opened and when the last was open."""
        self.certificates.issue(names)
        for name in names:
            self.host_of[name] = host or (self.add_host() if self.apart else self.hosts[0])
        moments = []
        if self.seed is None:
            moments += self.opened(names[0], self.host_of[names[0]].ask(self.open_line(names[0]), "opened", names[0]))
            names = names[1:]
        for name in names:
            self.host_of[name].say(self.open_line(name))
        for name in names:
            moments += self.opened(name, self.host_of[name].take("opened", name))
        return min(moments), max(moments)

    def open_line(self, name):
        return f"open {name} {self.certificates.path(name)} {self.seed or ''}"

    def opened(self, name, answer):
        before, after, port = (int(word) for word in answer.split())
        self.seed = self.seed or f"127.0.0.1:{port}"
        return [before, after]

    def kill(self, name):
        """Ends a node without a word: SIGKILL where it has a process of its own, else by closing it abruptly."""
        host = self.host_of[name]
        if self.apart:
            self.gone[name] = time.monotonic_ns()
            host.process.kill()
            host.end()
            self.hosts.remove(host)
        else:
            self.gone[name] = time.monotonic_ns()
            self.gone[name] = int(host.ask(f"kill {name}", "killed", name).split()[0])
        return self.gone[name]

    def leave(self, name):
        self.gone[name] = time.monotonic_ns()
        self.gone[name] = int(self.host_of[name].ask(f"leave {name}", "left", name).split()[0])
        return self.gone[name]

    def label(self, name, value):
        return int(self.host_of[name].ask(f"label {name} {value}", "labelled", name).split()[0])

    def view(self, name):
        """How many members a node sees alive, suspect and left."""
        return tuple(int(word) for word in self.host_of[name].ask(f"view {name}", "view", name).split())

    def statistics(self, name):
        return json.loads(self.host_of[name].ask(f"stats {name}", "stats", name))

    def first_times(self, wanted, matches, seconds=PATIENCE):
        """For each key of `wanted` the earliest time at which an event had that key, as soon as all have one or time is
        up. `matches` tells the key of an event, or None."""
        found, position, end = {}, 0, time.monotonic() + seconds
        wanted = set(wanted)
        while True:
            with self.changed:
                if position == len(self.events) and not self.changed.wait(end - time.monotonic()):
                    return found
                fresh = self.events[position:]
            position += len(fresh)
            for event in fresh:
                key = matches(event)
                if key in wanted and event.time < found.get(key, event.time + 1):
                    found[key] = event.time
            if len(found) == len(wanted):
                return found

    def seen(self, observers, subject, kinds, since, seconds=PATIENCE, label=None):
        """When each observer first heard one of `kinds` about `subject`, in milliseconds after `since`."""
        def matches(event):
            fits = event.subject == subject and event.kind in kinds and event.time >= since
            return event.observer if fits and label in (None, event.label) else None
        return {name: (moment - since) / 1e6 for name, moment in self.first_times(observers, matches, seconds).items()}

    def false_reports(self, kind, since=0):
        """Events of `kind` about nodes that were there."""
        with self.changed:
            return [event for event in self.events if event.kind == kind and event.time >= since
                    and event.time < self.gone.get(event.subject, event.time + 1)]

    def wait_all_alive(self, seconds=PATIENCE):
        """Seconds until every node sees every node alive and none suspect; None when they don't."""
        started = time.monotonic()
        names = self.names
        while time.monotonic() < started + seconds:
            if all(self.view(name)[:2] == (len(names), 0) for name in names):
                return time.monotonic() - started
            time.sleep(0.2)
        return None

    def pin(self, processors):
        """Confines all threads of all hosts to some processors."""
        for host in self.hosts:
            for thread in os.listdir(f"/proc/{host.process.pid}/task"):
                os.sched_setaffinity(int(thread), processors)
