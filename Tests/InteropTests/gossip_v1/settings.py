"""What a v1 node is told: settings with the defaults of [gossip.md §10], its certificate, its command line."""

import argparse
import dataclasses
import ssl
from typing import NamedTuple

VERSIONS = {
    "1.2": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
    "1.3": (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    "any": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3),
}


class Identity(NamedTuple):
    """Paths of PEM files: the authority that is trusted, and the node's certificate with its key."""

    ca: str
    certificate: str
    key: str

    def context(self, protocol, version):
        """The rules of certificates [§8]: a chain to the authority, whatever names the certificate has.

        Thumbprints and AllowUntrustedCertificates are left out. No ALPN is set, so none is offered and what a client
        offers is ignored [§1].
        """
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version, context.maximum_version = VERSIONS[version]
        context.load_verify_locations(self.ca)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def server(self, version="any"):
        return self.context(ssl.PROTOCOL_TLS_SERVER, version)

    def client(self, version="any"):
        return self.context(ssl.PROTOCOL_TLS_CLIENT, version)


@dataclasses.dataclass
class Settings:
    """Seconds and counts as v1 has them; only what names the machine differs, so that tests stay on loopback."""

    node_id: str
    # v1 refuses port 0; here the system chooses one.
    port: int = 0
    bind_address: str = "127.0.0.1"
    advertise_host: str = "127.0.0.1"
    advertise_port: int = None
    role: str = "worker"
    cluster_id: str = "local"
    region: str = "local"
    mesh_version: str = "dev"
    http3_support: bool = True
    interval: float = 1.0
    fanout: int = 3
    adaptive_fanout: bool = True
    fanout_floor: int = 3
    fanout_ceiling: int = 32
    fanout_coefficient: float = 1.5
    max_outbound_per_round: int = 20
    active_view_size: int = 16
    passive_view_size: int = 64
    shuffle_interval: float = 2.0
    shuffle_sample_size: int = 10
    suspicion_interval: float = 5.0
    ping_timeout: float = 2.0
    retransmit_limit: int = 3
    # What v1 does not have: a wall clock that is wrong by so many seconds, the versions of TLS that are spoken, and the
    # size of the chunks that bodies are sent in.
    clock_skew: float = 0.0
    tls: str = "any"
    chunk_bytes: int = 16_384
    labels: dict = dataclasses.field(default_factory=dict)
    seeds: list = dataclasses.field(default_factory=list)

    def validate(self):
        """[§10] What v1 refuses; it lets all else pass."""
        if not 0 <= self.port <= 65_535:
            raise ValueError("port")
        for key in ("fanout", "interval", "active_view_size", "passive_view_size", "max_outbound_per_round",
                    "shuffle_interval", "shuffle_sample_size"):
            if getattr(self, key) <= 0:
                raise ValueError(key)
        return self

    @property
    def leave(self):
        """[§4] Seconds of silence after which a member has left."""
        return self.suspicion_interval + self.ping_timeout * max(1, self.retransmit_limit)

    def metadata(self, port):
        """What the node tells about itself, listening on `port`. The version starts at 1 with each start [D5]."""
        return {
            "nodeId": self.node_id, "role": self.role, "clusterId": self.cluster_id, "region": self.region,
            "meshVersion": self.mesh_version, "http3Support": self.http3_support, "metadataVersion": 1,
            "labels": dict(self.labels), "endpoint": f"{self.advertise_host}:{self.advertise_port or port}",
        }


def from_command_line(description):
    """Settings and Identity. Each field has its option: node_id is --node-id; --seed and --label NAME=VALUE repeat."""
    parser = argparse.ArgumentParser(description=description)
    for name in Identity._fields:
        parser.add_argument("--cert" if name == "certificate" else f"--{name}", dest=name, required=True)
    for field in dataclasses.fields(Settings):
        option = "--" + field.name.replace("_", "-")
        if field.name in ("labels", "seeds"):
            parser.add_argument(option[:-1], dest=field.name, action="append", default=[])
        elif field.type is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=field.default)
        elif field.default is dataclasses.MISSING:
            parser.add_argument(option, required=True)
        else:
            choices = tuple(VERSIONS) if field.name == "tls" else None
            parser.add_argument(option, type=field.type, default=field.default, choices=choices)
    given = vars(parser.parse_args())
    given["labels"] = dict(label.split("=", 1) for label in given["labels"])
    identity = Identity(*(given.pop(name) for name in Identity._fields))
    return Settings(**given).validate(), identity
