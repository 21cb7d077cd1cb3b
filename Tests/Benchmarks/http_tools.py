"""What the benchmark of the HTTP listeners stands on: tools that are installed, processors, and measured commands."""

import collections
import os
import pathlib
import random
import resource
import shutil
import socket
import subprocess
import time

from bench import cpu_seconds
from fleet import Failure
from membership import Load
from memberlist import Unavailable, attempt
from report import run

TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client", "nghttpd": "nghttp2-server", "nginx": "nginx-light",
         "valgrind": "valgrind"}
LIBRARIES = ("libngtcp2", "libngtcp2_crypto_gnutls", "libnghttp3", "gnutls", "libnghttp2", "openssl")
CIPHER = "TLS_AES_128_GCM_SHA256"
# From this share of a processor on a program counts as held back by it.
BUSY = 0.9

# nginx would be started as a service of the machine; what keeps it from that is taken away again.
INSTALL = """policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then printf '#!/bin/sh\\nexit 101\\n' > $policy; chmod 755 $policy; trap 'rm -f $policy' EXIT; fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" """

here = pathlib.Path(__file__).resolve().parent

# One run of a client: requests a second, their latency, how many there were and failed, and what both sides used.
Sample = collections.namedtuple("Sample", "rate p50_ms p99_ms requests failed server_busy client_busy server_us")


def tool(name):
    """The path of a tool. Some are in /usr/sbin, which not everybody has in PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def needed(name):
    path = tool(name)
    if path is None:
        raise Failure(f"there is no {name}")
    return path


def install(tools):
    """Installs what is missing, or says why that fails; blocks that need it then say so as well."""
    packages = [package for name, package in tools.items() if not tool(name)]
    if not packages:
        return
    print(f"== installing Debian packages for the comparison: {' '.join(packages)}", flush=True)
    root = [] if os.getuid() == 0 else ["sudo", "-n"]
    try:
        attempt([*root, "sh", "-ec", INSTALL, "install", *packages], "apt-get install")
    except Unavailable as why:
        print(why, flush=True)


def build(stage, folder):
    """The host of nodes and our own client, built in `folder`."""
    os.environ["PKG_CONFIG_PATH"] = f"{stage / 'lib/pkgconfig'}:{os.environ.get('PKG_CONFIG_PATH', '')}"
    flags = run("pkg-config", "--cflags", "--libs", "meshkit").split()
    run("cc", "-std=c11", "-O2", "-o", folder / "mesh_host", here / "mesh_host.c", *flags, "-lpthread",
        f"-Wl,-rpath,{stage / 'lib'}")
    flags = run("pkg-config", "--cflags", "--libs", *LIBRARIES).split()
    run("cc", "-std=c11", "-O2", "-o", folder / "httpload", *sorted((here / "httpload").glob("*.c")), *flags, "-lm")


class Cores:
    """One processor for the servers, another one for the clients."""

    def __init__(self):
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            raise Failure("the server and its client need a processor each, and there is one")
        self.all, self.server, self.client = set(allowed), allowed[0], allowed[1]


def free_ports(count):
    """Ports that are free for UDP and TCP right now, and that the kernel gives to nobody who asks for any port: nodes
    that are opened meanwhile, and their many connections, must not take them."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = list(range(10240, max(lowest, 20480)))
    random.shuffle(candidates)
    ports = []
    while len(ports) < count and candidates:
        port = candidates.pop()
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
    if len(ports) < count:
        raise Failure(f"there are no {count} free ports")
    return ports


def wait_for_port(port, process, what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failure(f"{what} doesn't listen on its port {port}")


def pinned(core, *command):
    return ["taskset", "-c", str(core), *(str(word) for word in command)]


class Measured:
    """Processor time of a server and of the clients that run meanwhile, each as a share of its processor."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.started, self.served, self.asked = time.monotonic(), cpu_seconds(self.pid), self.of_clients()
        return self

    @staticmethod
    def of_clients():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.started
        self.served = cpu_seconds(self.pid) - self.served
        self.asked = self.of_clients() - self.asked

    def sample(self, rate, p50_ms, p99_ms, requests, failed):
        return Sample(rate, p50_ms, p99_ms, requests, failed, self.served / self.seconds, self.asked / self.seconds,
                      self.served * 1e6 / max(1, requests))


def output(command, what, **options):
    """What a client prints; a client that fails ends the block."""
    done = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Failure(f"{what} ended with exit code {done.returncode}: {' '.join(said)}")
    return done.stdout


def verdict(samples, is_closed=False):
    """How busy both processors were, in the median run, and in a closed loop who held whom back."""
    def median(field):
        values = sorted(getattr(sample, field) for sample in samples)
        return values[len(values) // 2]
    server, client = median("server_busy"), median("client_busy")
    text = f"server {server:.0%}, client {client:.0%}"
    if is_closed and server < BUSY:
        text += ": CLIENT-BOUND, the server can do more" if client >= BUSY else ": NEITHER IS BUSY"
    failed = sum(sample.failed for sample in samples)
    return text + (f"; {failed} FAILED" if failed else "")


class ServedLoad(Load):
    """What other programs use, where servers that this program started live on."""

    def own_busy(self):
        living, me = 0, str(os.getpid())
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                if path.read_text().rsplit(")", 1)[1].split()[1] == me:
                    living += cpu_seconds(path.parent.name)
            except OSError:
                continue  # it has ended meanwhile
        return Load.own_busy() + living
