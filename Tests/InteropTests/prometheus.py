"""A real Prometheus that scrapes a node: each series comes out of its database as the node told it."""

import json
import math
import pathlib
import re
import socket
import subprocess
import time
import urllib.parse

from https import curl
from mesh import Failure, expect, get, wait_until

ALERTS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations" / "alerts" / "gossip.yml"
SERIES = re.compile(r"^(\w+)(?:{(.*)})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
KIND = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
# What the membership of two nodes that know each other makes them, exactly.
EXPECTED = {
    ("mesh_gossip_members", ("mesh_status", "alive")): 2, ("mesh_gossip_members", ("mesh_status", "suspect")): 0,
    ("mesh_gossip_members", ("mesh_status", "left")): 0, ("mesh_gossip_links",): 1,
    ("mesh_gossip_view_size", ("mesh_status", "active")): 1,
}


class Prometheus:
    """Debian's server, with a job for each of `targets`; `with` stops it."""

    def __init__(self, work, targets):
        self.work = work / "prometheus"
        self.work.mkdir(exist_ok=True)
        jobs = [{"job_name": name, "static_configs": [{"targets": [target]}], **more}
                for name, (target, more) in targets.items()]
        # JSON is YAML.
        (self.work / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)], "scrape_configs": jobs}))

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api/v1"
        with (self.work / "log.txt").open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.work}/prometheus.yml", f"--storage.tsdb.path={self.work}/data",
                 f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.is_ready, "Prometheus is ready")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def is_ready(self):
        if self.process.poll() is not None:
            raise Failure(f"Prometheus ended: {(self.work / 'log.txt').read_text()[-2000:]}")
        try:
            return get(f"{self.url}/status/runtimeinfo")[0] == 200
        except OSError:
            return False

    def query(self, text):
        """The newest sample of each series that matches: name and labels, beside its value."""
        status, _, body = get(f"{self.url}/query?{urllib.parse.urlencode({'query': text})}")
        expect(status == 200, f"the query {text}", body)
        found = {}
        for item in json.loads(body)["data"]["result"]:
            labels = {key: value for key, value in item["metric"].items() if key not in ("__name__", "instance", "job")}
            found[item["metric"].get("__name__", ""), *sorted(labels.items())] = float(item["value"][1])
        return found

    def is_up(self, job):
        """1 or 0; None before the first scrape."""
        return next(iter(self.query(f'up{{job="{job}"}}').values()), None)

    def scraped_after(self, job, moment):
        """All series of a job, of a scrape that began after `moment`."""
        wait_until(lambda: any(when > moment for when in self.query(f'timestamp(up{{job="{job}"}})').values()),
                   f"a scrape of {job}")
        return {key: value for key, value in self.query(f'{{job="{job}"}}').items()
                if key[0] != "up" and not key[0].startswith("scrape_")}

    def rules(self):
        groups = json.loads(get(f"{self.url}/rules")[2])["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


def series(text):
    """Each series of a text of metrics with its value."""
    return {(name, *sorted(LABEL.findall(labels or ""))): float(value) for name, labels, value in SERIES.findall(text)}


def growing(text):
    """The series that never become less: counters, and the parts of histograms."""
    kinds = dict(KIND.findall(text))
    return {key for key in series(text)
            if kinds.get(key[0]) == "counter" or kinds.get(re.sub(r"_(bucket|sum|count)$", "", key[0])) == "histogram"}


def expect_same(server, job, read):
    """What Prometheus has of a job lies between two readings of the node."""
    def is_same():
        before, moment = read(), time.time()
        scraped = server.scraped_after(job, moment)
        after = read()
        first, last = series(before), series(after)
        expect(set(first) <= set(scraped) <= set(last), f"the series of {job}", set(first) ^ set(scraped))
        for key in growing(before):
            expect(first[key] <= scraped[key] <= last[key], f"{key} of {job}", (first[key], scraped[key], last[key]))
        for key, value in EXPECTED.items():
            expect(first.get(key) is not None and scraped.get(key) is not None, f"{key} of {job}", scraped.get(key))
            if not value == first[key] == scraped[key] == last[key]:
                return False
        return not any(math.isnan(value) for value in scraped.values())
    wait_until(is_same, f"Prometheus tells of {job} what the node does")


def check_prometheus(mesh):
    """Prometheus scrapes nodes in clear and over TLS, stores each series as told, and takes the alert rules."""
    mesh.issue("scraped-a", "scraped-b")
    clear = mesh.start("scraped-a")
    secure = mesh.start("scraped-b", seeds=[f"127.0.0.1:{clear.mesh_port}"], control={"tls": "on"})
    over_tls = {"scheme": "https"}
    trusting = {**over_tls, "tls_config": {"ca_file": str(mesh.certificates / "ca.pem")}}
    url = f"https://localhost:{secure.control_port}/metrics"
    with Prometheus(mesh.work, {
            "clear": (f"127.0.0.1:{clear.control_port}", {}), "tls": (f"localhost:{secure.control_port}", trusting),
            "distrust": (f"localhost:{secure.control_port}", over_tls)}) as server:
        wait_until(lambda: server.is_up("clear") == server.is_up("tls") == 1, "both nodes are up")
        wait_until(lambda: server.is_up("distrust") == 0, "a listener that isn't trusted is down")
        expect_same(server, "clear", lambda: get(f"{clear.url}/metrics")[2].decode())
        expect_same(server, "tls", lambda: curl(mesh, url))
        wait_until(lambda: all(rule["health"] == "ok" for rule in server.rules()), "each alert rule can be evaluated")
        expect(len(server.rules()) == ALERTS.read_text().count("- alert:"), "the alert rules", server.rules())
        expect(server.is_up("clear") == server.is_up("tls") == 1, "both nodes", "one that is down")
    for node in (secure, clear):
        expect(node.stop() == 0, f"exit code of {node.name}", node.process.returncode)
