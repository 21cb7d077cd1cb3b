"""Real nodes for tests: certificates from `meshkit cert dev`, processes from `meshkit node run`, ports chosen by the system."""

import json
import pathlib
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

REFUSED = re.compile(r"MeshTrustRefused .* PeerId=(\S+) Reason=(.*) Direction=(\w+)$", re.MULTILINE)
OPENED = re.compile(
    r"^node (\S+) open mesh=(\S+):(\d+) control=(\S+):(\d+)(?: control-also=(\S+))?$", re.MULTILINE)
PATIENCE = 30.0


class Failure(Exception):
    """A check that did not hold, in one sentence."""


def run(command, **more):
    """Runs a tool and gives back its output; any failure carries that output."""
    command = [str(word) for word in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stdout}")
    return done.stdout


def get(url):
    """Status, headers and body of a GET, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def wait_until(condition, what, patience=PATIENCE):
    """Asks again and again until `condition` holds."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {patience:.0f} s")
        time.sleep(0.02)


def expect(holds, what, seen):
    if not holds:
        raise Failure(f"{what}: got {seen}")


class Mesh:
    """A certificate authority and the nodes that were started; `with` stops them all."""

    def __init__(self, stage, work, cluster="interop"):
        self.stage = stage
        self.meshkit = stage / "bin" / "meshkit"
        self.work = work
        self.cluster = cluster
        self.certificates = work / "certs"
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.process.kill()
            node.process.wait()

    def issue(self, *names):
        """Certificates for `names`: NAME.pfx, NAME.pem and NAME-key.pem beside ca.pem and crl.pem."""
        arguments = [word for name in names for word in ("--node", name)]
        run([self.meshkit, "cert", "dev", "--out", self.certificates, "--cluster", self.cluster, *arguments])

    def revoke(self, name):
        """Puts the certificate of `name` on crl.pem."""
        run([self.meshkit, "cert", "dev", "--out", self.certificates, "--cluster", self.cluster, "--revoke", name])

    def configuration(self, name, seeds=(), tls=None, control=None, gossip=None):
        """The path of a configuration for `name`, with ports chosen by the system; `tls` adds to its TLS keys, `control`
        to those of its control listener, `gossip` to those of gossip."""
        path = self.work / f"{name}.json"
        path.write_text(json.dumps({"mesh": {
            "gossip": {
                "nodeId": name, "clusterId": self.cluster, "bindAddress": "127.0.0.1", "port": 0,
                "advertiseHost": "127.0.0.1", "seedPeers": list(seeds),
                "tls": {
                    "certificatePath": str(self.certificates / f"{name}.pfx"),
                    "trustBundlePath": str(self.certificates / "ca.pem"),
                    "revocationListPath": str(self.certificates / "crl.pem"),
                    **(tls or {}),
                },
                **(gossip or {}),
            },
            "control": {"address": "127.0.0.1", "port": 0, **(control or {})},
        }}))
        return path

    def start(self, name, seeds=(), **keys):
        """Starts one node and waits until it has its ports; `keys` as of `configuration`."""
        node = Node(self, name, self.configuration(name, seeds, **keys))
        self.nodes.append(node)
        node.wait_until_open()
        return node


class Node:
    """One `meshkit node run`."""

    def __init__(self, mesh, name, configuration):
        self.name = name
        self.log = mesh.work / f"{name}.log"
        self.mesh_port = self.control_port = 0
        # Of the further addresses of the control listener.
        self.further_ports = []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [mesh.meshkit, "node", "run", "--config", configuration],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.control_port}"

    def wait_until_open(self):
        wait_until(self.is_open, f"{self.name} opens; its log {self.log}")

    def is_open(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with exit code {self.process.returncode}:\n{self.log.read_text()}")
        found = OPENED.search(self.log.read_text())
        if found:
            self.mesh_port, self.control_port = int(found[3]), int(found[5])
            self.further_ports = [int(place.rpartition(":")[2]) for place in (found[6] or "").split(",") if place]
        return found is not None

    def peers(self):
        """The answer of /control/peers."""
        return json.loads(get(f"{self.url}/control/peers")[2])

    def statuses(self):
        return {peer["nodeId"]: peer["status"] for peer in self.peers()["peers"]}

    def records(self, event):
        """The lines of its log with the record or event `event`."""
        return [line for line in self.log.read_text().splitlines() if f" {event} " in line]

    def goodbyes(self, name):
        """How often it has recorded that `name` left by itself, and was not declared dead."""
        return sum(f"PeerId={name} " in line and "Graceful=true" in line for line in self.records("MeshGossipPeerLeft"))

    def refusals(self):
        """Its records of refused peers: peer, reason, direction of each."""
        return REFUSED.findall(self.log.read_text())

    def metric(self, name, **labels):
        """The value of one series of /metrics; 0 while there is none."""
        text = get(f"{self.url}/metrics")[2].decode()
        series = name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0

    def total(self, name):
        """The sum of all series of a counter."""
        text = get(f"{self.url}/metrics")[2].decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def descriptors(self):
        """How many descriptors its process holds, and how many of them are sockets."""
        links = [link.readlink() for link in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir() if link.is_symlink()]
        return len(links), sum(str(link).startswith("socket:") for link in links)

    def stop(self):
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)
