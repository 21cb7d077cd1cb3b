"""The clients of the HTTP benchmark. Each runs on the processor of the clients and gives a `Sample`.

wrk and h2load are closed loops, and so is httpload, our own client, unless it is given a rate: each connection or
stream asks again when it has its answer. All use one thread, TLS 1.3 and AES-128-GCM.
"""

import json
import os
import pathlib
import re
import subprocess
import threading

from fleet import Failure
from http_tools import CIPHER, Measured, needed, output, pinned
from report import quantile

# In flight at once, in all closed loops.
CONNECTIONS, STREAMS = 8, 8
IN_FLIGHT = CONNECTIONS * STREAMS
# What may wait on one connection of an open loop; nodes, nginx and nghttpd take 100.
PACED_STREAMS = 96

WRK = """done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('\\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}\\n', summary.requests,
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""
OPENSSL = f"""openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
Ciphersuites = {CIPHER}
"""


class Clients:
    def __init__(self, cores, folder, certificates):
        self.core, self.folder, self.certs = cores.client, pathlib.Path(folder), certificates
        (self.folder / "wrk.lua").write_text(WRK)
        (self.folder / "openssl.cnf").write_text(OPENSSL)
        self.environment = dict(os.environ, OPENSSL_CONF=str(self.folder / "openssl.cnf"))

    def wrk(self, pid, port, path, seconds):
        """HTTP/1.1: one request in flight on each of 64 connections. wrk's percentiles count what it could not ask
        while an answer was late (coordinated omission)."""
        command = pinned(self.core, needed("wrk"), "--threads", 1, "--connections", IN_FLIGHT, "--duration",
                         f"{seconds}s", "--script", self.folder / "wrk.lua", f"https://127.0.0.1:{port}{path}")
        with Measured(pid) as measured:
            printed = output(command, "wrk", env=self.environment)
        found = json.loads(printed.splitlines()[-1])
        return measured.sample(found["requests"] / found["seconds"], found["p50"] / 1e3, found["p99"] / 1e3,
                               found["requests"], found["failed"])

    def h2load(self, pid, port, path, seconds):
        """HTTP/2: eight streams on each of eight connections."""
        log = self.folder / "h2load.log"
        log.unlink(missing_ok=True)  # h2load appends
        command = pinned(self.core, needed("h2load"), "--threads", 1, "--clients", CONNECTIONS,
                         "--max-concurrent-streams", STREAMS, "--duration", seconds, "--log-file", log,
                         "--tls13-ciphers", CIPHER, f"https://127.0.0.1:{port}{path}")
        with Measured(pid) as measured:
            printed = output(command, "h2load")
        finished = re.search(r"^finished in ([\d.]+)(m?s),", printed, re.MULTILINE)
        counts = dict((name, int(count)) for count, name in re.findall(r"(\d+) (done|succeeded|failed|errored|timeout)",
                                                                       printed))
        if not finished or not counts.get("done"):
            raise Failure(f"h2load had no answer: {printed.strip().splitlines()[-1:]}")
        rows = (line.split("\t") for line in log.read_text().splitlines())
        times = sorted(int(row[2]) / 1e3 for row in rows if row[1] == "200")
        failed = counts["done"] - counts["succeeded"] + counts["errored"] + counts["timeout"]
        duration = float(finished[1]) / (1 if finished[2] == "s" else 1e3)
        return measured.sample(counts["succeeded"] / duration, quantile(times, 0.5), quantile(times, 0.99),
                               counts["done"], failed)

    def httpload_command(self, port, path, *options):
        return pinned(self.core, self.folder / "httpload", *options, "127.0.0.1", port, "localhost", path)

    def httpload(self, pid, port, path, seconds, *options):
        with Measured(pid) as measured:
            printed = output(self.httpload_command(port, path, "-d", seconds, *options), "httpload")
        found = json.loads(printed.splitlines()[-1])
        return measured.sample(found["requests"] / found["seconds"], found["p50"] / 1e3, found["p99"] / 1e3,
                               found["answers"], found["failed"])

    def http3(self, pid, port, path, seconds):
        """HTTP/3: eight streams on each of eight connections."""
        return self.httpload(pid, port, path, seconds, "-c", CONNECTIONS, "-m", STREAMS)

    def paced(self, version, rate):
        """A client that is an open loop: requests at even distances, in turn over eight connections. The latency of
        each counts from when it was due. (h2load can't: its timers are 10 ms apart at least, and fall together.)"""
        flags = {2: ["-2"], 3: []}[version]

        def run(pid, port, path, seconds):
            return self.httpload(pid, port, path, seconds, *flags, "-c", CONNECTIONS, "-m", PACED_STREAMS, "-r", rate)
        return run

    # ---- a new connection, with a client certificate, for each request ----

    def certificate(self, name):
        return self.certs / f"{name}.pem", self.certs / f"{name}-key.pem"

    def quic_handshakes(self, pid, port, path, seconds, name):
        certificate, key = self.certificate(name)
        return self.httpload(pid, port, path, seconds, "-c", CONNECTIONS, "-m", 1, "-k", 1, "-C", certificate,
                             "-K", key)

    def tcp_handshakes(self, pid, port, path, seconds, name):
        """As many `openssl s_time` as httpload has connections; each opens one connection after the other. They tell no
        latencies."""
        certificate, key = self.certificate(name)
        command = pinned(self.core, "openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-www", path, "-time",
                         seconds, "-cert", certificate, "-key", key, "-tls1_3", "-ciphersuites", CIPHER)
        printed = []
        with Measured(pid) as measured:
            threads = [threading.Thread(target=lambda: printed.append(subprocess.run(
                command, text=True, capture_output=True, stdin=subprocess.DEVNULL).stdout)) for _ in range(CONNECTIONS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        found = [re.search(r"(\d+) connections in \d+ real seconds, (\d+) bytes read", text) for text in printed]
        if not all(found) or not all(int(each[2]) for each in found):
            raise Failure("openssl s_time had no answer")
        count = sum(int(each[1]) for each in found)
        return measured.sample(count / measured.seconds, 0, 0, count, 0)
