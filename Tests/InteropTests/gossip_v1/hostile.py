"""What no honest v1 node sends, and what v1 takes amiss: raw bodies to a node, each with its answer.

Every method of Hostile gives (status, headers, body). The answers of a v1 node are in [gossip.md §1]; another node may
give others, as long as it stays whole. What poisons a v1 node is spread by it, so let it meet only nodes of one test.
"""

import http.client
import json
import ssl

from gossip_v1 import wire

JSON = "application/json; charset=utf-8"
NOWHERE = "127.0.0.1:9"
CHUNK_BYTES = 65_536


def metadata(node_id, endpoint=NOWHERE, **changes):
    """All keys of a node's metadata; a change to None omits its key, as v1 does."""
    about = {"nodeId": node_id, "role": "worker", "clusterId": "local", "region": "local", "meshVersion": "dev",
             "http3Support": True, "metadataVersion": 1, "labels": {}, "endpoint": endpoint}
    return wire.written(about | changes)


def member(about, status="Alive", last_seen="2025-11-24T10:00:00+00:00", **changes):
    """An entry of a list; `last_seen` is what is written."""
    return wire.written(
        {"nodeId": about.get("nodeId"), "status": status, "lastSeen": last_seen, "metadata": about} | changes)


def envelope(sender, members=(), **changes):
    """An envelope that is right but for its changes; one to None omits its key."""
    return wire.written({"schema": "v1", "timestamp": "2025-11-24T10:00:00.1234567+00:00", "sequence": 1,
                         "sender": sender, "members": list(members)} | changes)


class Hostile:
    """Dials `target`, HOST:PORT, once per request; `identity` is a settings.Identity, without a certificate if so."""

    def __init__(self, target, identity, node_id="mesh-hostile", tls="any", patience=15):
        self.host, _, port = target.rpartition(":")
        self.port = int(port)
        self.context = identity.client(tls)
        self.patience = patience
        self.node_id = node_id

    def connect(self):
        """A connection for several requests, of http.client."""
        return http.client.HTTPSConnection(self.host, self.port, timeout=self.patience, context=self.context)

    def post(self, body, path=wire.MESSAGES_PATH, content_type=JSON, method="POST", is_chunked=True, connection=None):
        """Sends `body`: bytes as they are, all else as JSON."""
        sent = content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if content_type else {}
        if is_chunked:
            headers["Transfer-Encoding"] = "chunked"
            sent = (content[start:start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES))
        used = connection or self.connect()
        try:
            try:
                used.request(method, path, sent, headers, encode_chunked=is_chunked)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                pass  # whoever refuses a long body may have answered before it closed
            answer = used.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            if not connection:
                used.close()

    def normal(self, *members, **changes):
        """A right envelope of a node that nobody can dial."""
        return self.post(envelope(metadata(self.node_id, **changes), members))

    def wrong_schema(self, schema="v2"):
        """None omits it, which is as wrong [§2]."""
        return self.post(envelope(metadata(self.node_id), schema=schema))

    def without_labels(self):
        """The poison of the diagnostics [§2, D13]."""
        return self.normal(labels=None)

    def with_endpoint(self, endpoint="127.0.0.1:99999"):
        """The poison of rounds [§7, D13]."""
        return self.normal(endpoint=endpoint)

    def huge(self, size=31_000_000):
        """A right envelope with so many bytes of labels, over Kestrel's limit [D16]."""
        return self.normal(labels={"padding": "x" * size})

    def many(self, count, prefix="mesh-phantom-"):
        """An envelope with so many members that do not exist; v1 has no cap for those it receives [§2]."""
        return self.normal(*(member(metadata(f"{prefix}{number:06}"), last_seen=None) for number in range(count)))

    def json_null(self):
        return self.post(b"null")

    def wrong_type(self, content_type="text/plain"):
        """None omits it."""
        return self.post(envelope(metadata(self.node_id)), content_type=content_type)

    def malformed(self, body=b'{"schema":"v1",'):
        return self.post(body)

    def hijack(self, victim, **changes):
        """New metadata for `victim` from somebody else, with a version that beats its own [D6]."""
        about = metadata(victim, **({"metadataVersion": 2**62} | changes))
        return self.normal(member(about))

    def goodbye(self):
        """[§13] The leave that v1 nodes understand: an envelope whose own member has Left."""
        about = metadata(self.node_id)
        return self.post(envelope(about, [member(about, "Left")]))

    def shuffle(self, endpoints, **changes):
        return self.post(wire.written({"sender": NOWHERE, "endpoints": endpoints} | changes), wire.SHUFFLE_PATH)
