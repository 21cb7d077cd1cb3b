"""Headless Chromium as a client of the control listener: what a browser makes of our HTTP/3, driven by its DevTools
protocol over two pipes."""

import base64
import hashlib
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from https import curl
from mesh import Failure, expect, wait_until
from watch import operate

PROGRAM = "chromium-headless-shell"
PATIENCE = 20

# What the page made of its own load: the protocol that its document came over, and the document.
LOADED = """({protocol: performance.getEntriesByType('navigation')[0].nextHopProtocol,
              text: document.body.innerText})"""
# Another request of the same page: its fields, and the protocol that it came over.
FETCHED = """fetch('/v1/members').then(async answer => {
  const body = await answer.json();
  const entry = performance.getEntriesByName(answer.url).at(-1);
  return {status: answer.status, transport: answer.headers.get('rpc-transport'),
          protocol: answer.headers.get('rpc-protocol'), hop: entry.nextHopProtocol, local: body.localNodeId};
})"""
# A stream of events that the page goes on listening to.
WATCHING = """(() => {
  window.told = [];
  window.source = new EventSource('/v1/members?watch=true');
  for (const name of ['members.snapshot', 'members.change', 'members.resync'])
    source.addEventListener(name, event => told.push([name, JSON.parse(event.data), event.lastEventId]));
})()"""


class Browser:
    """One Chromium with one page, which trusts the key of the certificate in `pem`, and speaks QUIC to `origin` from
    the first packet on. Its sandbox is off, since root can't have it; it meets nobody but our own node."""

    def __init__(self, pem, origin):
        self.folder = tempfile.mkdtemp(prefix="meshkit-chromium-")
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        words = [PROGRAM, "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={self.folder}/profile",
                 "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                 "--no-proxy-server", f"--origin-to-force-quic-on={origin}",
                 f"--ignore-certificate-errors-spki-list={key_hash(pem)}", "about:blank"]
        # Chromium reads commands from descriptor 3 and answers on 4.
        script = f'exec "$@" 3<&{commands} 4>&{answers}'
        self.log = open(f"{self.folder}/log.txt", "wb")
        self.process = subprocess.Popen(["bash", "-c", script, "chromium", *words], pass_fds=(commands, answers),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        os.close(commands)
        os.close(answers)
        self.rest, self.number, self.session = b"", 0, None

    def __enter__(self):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")
        return self

    def __exit__(self, *_):
        os.close(self.commands)
        os.close(self.answers)
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, **parameters):
        """The result of one command."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = self.receive(end, method)
            if answer.get("id") == self.number:
                expect("result" in answer, method, answer)
                return answer["result"]

    def receive(self, end, what):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            piece = os.read(self.answers, 65536) if ready else b""
            if not piece:
                said = pathlib.Path(f"{self.folder}/log.txt").read_text(errors="replace")[-2000:]
                raise Failure(f"Chromium gave no answer to {what}: {said}")
            self.rest += piece
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def evaluate(self, script):
        """The value of a script in the page, also of one that promises it."""
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        expect("exceptionDetails" not in answer, "a script of the page", answer)
        return answer["result"].get("value")

    def open(self, url):
        answer = self.ask("Page.navigate", url=url)
        expect(not answer.get("errorText"), f"Chromium opens {url}", answer)
        wait_until(lambda: self.evaluate("document.readyState") == "complete" and
                   self.evaluate("location.href") == url, f"Chromium loads {url}")


def key_hash(pem):
    """How Chromium names a key that it is to trust."""
    key = x509.load_pem_x509_certificate(pem.read_bytes()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).digest()).decode()


def check_chromium(mesh):
    """Headless Chromium loads a page, fetches and watches over HTTP/3 and nothing else."""
    expect(shutil.which(PROGRAM), "Chromium", f"no {PROGRAM}; install it: BROWSER=1 make setup")
    mesh.issue("browsed")
    node = mesh.start("browsed", control={"tls": "on", "loopbackScopes": "mesh.operate"})
    origin = f"127.0.0.1:{node.control_port}"
    with Browser(mesh.certificates / "browsed.pem", origin) as browser:
        browser.open(f"https://{origin}/v1/members")
        loaded = browser.evaluate(LOADED)
        expect(loaded["protocol"] == "h3", "what the page came over", loaded)
        expect(json.loads(loaded["text"])["localNodeId"] == "browsed", "the page", loaded)
        fetched = browser.evaluate(FETCHED)
        expect(fetched == {"status": 200, "transport": "http", "protocol": "HTTP/3", "hop": "h3", "local": "browsed"},
               "what a script of the page fetches", fetched)
        browser.evaluate(WATCHING)
        wait_until(lambda: browser.evaluate("told.length") > 0, "a snapshot")
        operate(mesh, node, "drain")
        wait_until(lambda: browser.evaluate("told.at(-1)[0]") == "members.change", "the news of a drain")
        told = browser.evaluate("told")
        expect([event[0] for event in told] == ["members.snapshot", "members.change"], "the events", told)
        expect(told[1][1]["member"]["draining"] and told[1][2], "the change and its id", told)
        expect(browser.evaluate("performance.getEntriesByType('resource').every(e => e.nextHopProtocol == 'h3')"),
               "what all requests came over", browser.evaluate("JSON.stringify(performance.getEntries())"))
    metrics = curl(mesh, f"https://localhost:{node.control_port}/metrics")
    form = r'^mesh_control_requests_total{protocol="HTTP/3",.*status="2xx"} (\d+)$'
    counted = sum(int(count) for count in re.findall(form, metrics, re.MULTILINE))
    expect(counted >= 2, "what the node counted over HTTP/3", metrics)
