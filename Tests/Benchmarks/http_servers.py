"""The servers of the HTTP benchmark: nodes of MeshKit, nginx and nghttpd. All run on the processor of the servers with
one thread for requests, and show the same kind of certificate (P-256)."""

import http.client
import json
import ssl
import subprocess
import time

from fleet import Certificates, Failure, Mesh
from http_tools import free_ports, needed, pinned, wait_for_port

ROUTE = "/v1/members"
ANSWER_BYTES = 1024
# What a member of a real mesh may tell of itself; one label more makes the answer as long as it is to be.
LABELS = {"zone": "eu-central-1a", "rack": "r17", "instance": "c6i.2xlarge", "image": "2026.11.1-rc4", "tier": "edge",
          "owner": "team-payments", "shard": "0007-0015", "http": "https://10.20.30.40:8443/v1"}

NGINX = """daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  default_type application/json;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  http2_max_concurrent_streams 100;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  ssl_certificate {certs}/nginx.pem;
  ssl_certificate_key {certs}/nginx-key.pem;
  ssl_protocols TLSv1.3;
  ssl_session_tickets off;
  ssl_session_cache off;
  root {root};
  server {{ listen 127.0.0.1:{open} ssl http2; }}
  server {{
    listen 127.0.0.1:{mutual} ssl http2;
    ssl_client_certificate {certs}/ca.pem;
    ssl_verify_client on;
  }}
}}
"""


class ControlCertificates(Certificates):
    """Configurations of nodes with a control listener of one's own choice."""

    def __init__(self, stage, folder):
        super().__init__(stage, folder)
        self.controls, self.labels = {}, {}

    def document(self, name):
        document = super().document(name)
        document["mesh"]["control"].update(self.controls.get(name, {}))
        document["mesh"]["gossip"]["labels"] = self.labels.get(name, {})
        return document

    def prepare(self, name, tls, port, labels=None):
        self.controls[name], self.labels[name] = {"port": port, "tls": tls}, labels or {}
        self.issue([name])
        self.path(name).write_text(json.dumps(self.document(name)))  # a name that is used again has a new port


def fetch(certs, port, path, client=None):
    """The body of an answer over HTTPS, for a client that shows the certificate of that name, or none."""
    context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
    if client:
        context.load_cert_chain(certs / f"{client}.pem", certs / f"{client}-key.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise Failure(f"{path} was answered {answer.status}")
    return body


class Node:
    """A node alone in its process, whose control listener speaks TLS."""

    def __init__(self, program, certificates, cores, name, tls="on"):
        [self.port] = free_ports(1)
        self.name, self.mesh = name, Mesh(program, certificates, apart=True)
        certificates.prepare(name, tls, self.port, LABELS)
        self.certs, self.host = certificates.folder / "certs", self.mesh.add_host()
        self.mesh.pin({cores.server})
        self.mesh.open([name], self.host)

    @property
    def pid(self):
        return self.host.process.pid

    def answer_of(self, length, client=None):
        """Makes the answer of the route `length` bytes long, by the length of one label, and gives it."""
        label, end = "x", time.monotonic() + 5
        self.mesh.label(self.name, label)
        while time.monotonic() < end:
            body = fetch(self.certs, self.port, ROUTE, client)
            if len(body) == length:
                return body
            if f'"trial":"{label}"'.encode() in body:
                # Not once and for all: a moment in it may end in zeros, which are left out.
                label = "x" * max(1, len(label) + length - len(body))
                self.mesh.label(self.name, label)
            time.sleep(0.05)
        raise Failure(f"the answer of {ROUTE} can't be made {length} bytes long: it is {len(body)}")

    def stop(self):
        self.host.end()


class Static:
    """A server of files that has one: the answer of the route, byte for byte."""

    def __init__(self, command, port, what, **options):
        self.port = port
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, **options)
        try:
            wait_for_port(port, self.process, what)
        except Failure:
            self.stop()
            said = self.process.stderr.read().decode().strip().splitlines()[-1:]
            raise Failure(f"{what} doesn't start: {' '.join(said)}") from None

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        self.process.kill()
        self.process.wait()


def static_files(folder, body):
    """A folder that holds `body` under the route's path."""
    root = folder / "static"
    path = root / ROUTE.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return root


class Nginx(Static):
    """nginx without a master process; `mutual_port` sends clients without a certificate away."""

    def __init__(self, folder, certificates, cores, root):
        certificates.issue(["nginx"])
        port, self.mutual_port = free_ports(2)
        place = folder / "nginx"
        (place / "tmp").mkdir(parents=True, exist_ok=True)
        (place / "nginx.conf").write_text(NGINX.format(
            certs=certificates.folder / "certs", root=root, open=port, mutual=self.mutual_port))
        command = pinned(cores.server, needed("nginx"), "-p", place, "-c", place / "nginx.conf", "-e", "stderr")
        super().__init__(command, port, "nginx")


class Nghttpd(Static):
    """nghttpd with one thread and its default limits, 100 streams among them, as nodes have."""

    def __init__(self, certificates, cores, root, before=()):
        """`before` stands before the command: what runs it."""
        certificates.issue(["nghttpd"])
        [port] = free_ports(1)
        certs = certificates.folder / "certs"
        command = pinned(cores.server, *before, needed("nghttpd"), "--workers", 1, "--address", "127.0.0.1",
                         "--htdocs", root, port, certs / "nghttpd-key.pem", certs / "nghttpd.pem")
        super().__init__(command, port, "nghttpd")
