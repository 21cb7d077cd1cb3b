"""What the abuse suite shares: nodes that are abused, one that watches them, and what must hold after each abuse."""

import contextlib
import pathlib
import re
import socket
import ssl
import time
import urllib.error
import urllib.request

from mesh import Failure, expect, wait_until

REQUESTS, LIMITS = "mesh_control_requests_total", "mesh_limits_reached_total"
REJECTED, DROPPED = "mesh_gossip_rejected_total", "mesh_transport_datagrams_dropped_total"
# A node that has just opened stays below.
FRESH_KIB = 32 * 1024


class Victim:
    """A node whose control listener is abused, in clear or with TLS."""

    def __init__(self, mesh, node, watcher, is_secure):
        self.mesh, self.node, self.watcher, self.is_secure = mesh, node, watcher, is_secure
        self.port = node.control_port
        self.host = f"localhost:{self.port}"

    def get(self, path):
        """Status, fields and body of a GET, whatever the status."""
        url = f"{'https' if self.is_secure else 'http'}://{self.host}{path}"
        trust = ssl.create_default_context(cafile=self.mesh.certificates / "ca.pem") if self.is_secure else None
        try:
            with urllib.request.urlopen(url, timeout=20, context=trust) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def count(self, name, **labels):
        """The sum of the series of a metric that have these labels."""
        total = 0.0
        for found in re.finditer(rf"^{name}(?:{{(.*)}})? (\S+)$", self.get("/metrics")[2].decode(), re.MULTILINE):
            series = dict(re.findall(r'(\w+)="([^"]*)"', found[1] or ""))
            total += float(found[2]) if labels.items() <= series.items() else 0
        return total

    def times_lost(self):
        """How often its peer has heard that it left, or was declared dead."""
        return sum(f"PeerId={self.node.name} " in line for line in self.watcher.records("MeshGossipPeerLeft"))

    def connect(self, timeout=20):
        """A connection in clear."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def memory(self, kind="VmRSS"):
        """KiB of its process that are in memory now, or with `VmHWM` were at once since `forget_peak`."""
        status = pathlib.Path(f"/proc/{self.node.process.pid}/status").read_text()
        return int(re.search(rf"^{kind}:\s+(\d+) kB$", status, re.MULTILINE)[1])

    def forget_peak(self):
        # proc(5): "5 … Reset the peak resident set size ("high water mark") to the process's current …"
        pathlib.Path(f"/proc/{self.node.process.pid}/clear_refs").write_text("5")


def clear_victim(mesh):
    """The node that is abused in clear."""
    return victim(mesh, "abused", "off")


def secure_victim(mesh):
    """The node that is abused over TLS and HTTP/3."""
    return victim(mesh, "abused-tls", "on")


def victim(mesh, name, tls):
    """A node that is started when it isn't there; with its like and the watcher it is a mesh of its own."""
    running = {node.name: node for node in mesh.nodes if node.process.poll() is None and "abused" in node.name}
    watcher = next((node for node in mesh.nodes if node.name == "watcher"), None)
    if watcher is None:
        mesh.issue("watcher", "abused", "abused-tls", "abused-slowly")
        watcher = mesh.start("watcher")
    if name not in running:
        running[name] = mesh.start(name, [f"127.0.0.1:{watcher.mesh_port}"],
                                   control={"tls": tls, "loopbackScopes": "mesh.operate"})
    wait_until(lambda: watcher.statuses().get(name) == "Alive", f"the watcher sees {name}")
    return Victim(mesh, running[name], watcher, tls == "on")


def expect_lives(victim, before=""):
    code = victim.node.process.poll()
    said = victim.node.log.read_text()[-200:] if code is not None else ""
    expect(code is None, f"{before}{victim.node.name} lives on", f"exit code {code}, {said}")


@contextlib.contextmanager
def unharmed(victim, mib=8):
    """After what is done inside, the node answers, its peer has not lost it and sees it alive. It never had more than
    `mib` MiB in memory above what it had before, or may have when it is opened."""
    name, before, most = victim.node.name, victim.times_lost(), max(FRESH_KIB, victim.memory()) + mib * 1024
    victim.forget_peak()
    try:
        yield
    except Exception as failure:
        expect_lives(victim, f"{failure}; then ")
        raise
    expect_lives(victim)
    peak = victim.memory("VmHWM")
    expect(peak <= most, f"KiB in memory, of which {most} are allowed", peak)
    status = victim.get("/healthz")[0]
    expect(status == 200, "/healthz afterwards", status)
    wait_until(lambda: victim.watcher.statuses().get(name) == "Alive", f"{name} is alive for its peer")
    lost = victim.times_lost() - before
    expect(lost == 0, f"times that the peer lost {name} meanwhile", lost)


@contextlib.contextmanager
def counted(victim, name, least=1, **labels):
    """What is done inside adds `least` to a counter, or more."""
    before = victim.count(name, **labels)
    yield
    told = f"{least} more in {name} with {labels}"
    wait_until(lambda: victim.count(name, **labels) >= before + least, told)


@contextlib.contextmanager
def counted_once(victim, findings, what, name, **labels):
    """What is done inside adds one to a counter, and no more."""
    before = victim.count(name, **labels)
    yield
    with contextlib.suppress(Failure):
        wait_until(lambda: victim.count(name, **labels) > before, name)
    time.sleep(0.1)
    added = victim.count(name, **labels) - before
    findings.expect(added == 1, f"{what} is counted once in {name} with {labels}", added)


class Findings:
    """Collects what does not hold in a table of cases, so that one failure does not hide the others."""

    def __init__(self):
        self.texts = []

    def expect(self, holds, what, seen):
        if not holds:
            self.texts.append(f"{what}: got {seen}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None and self.texts:
            raise Failure(f"{len(self.texts)} did not hold:\n  " + "\n  ".join(self.texts))
