"""What v1 nodes write to each other: instants, endpoints and the JSON of both payloads [gossip.md §2, §7].

Reading has two kinds of failure that look the same from outside, status 500, but not inside: `Malformed` is what the
JSON reader itself refuses, before anything is merged; a null that only the processing trips over is left as None for
table.py to find, after it has merged what came before.
"""

import datetime
import functools
import ipaddress
import json
import re
import sys
from typing import NamedTuple

from gossip_v1.table import ALIVE, LEFT, SUSPECT, TICKS_PER_SECOND, Member

SCHEMA = "v1"
# [§1] "Only the two POST paths (case-insensitive); anything else 404."
MESSAGES_PATH, SHUFFLE_PATH = "/mesh/gossip/v1/messages", "/mesh/gossip/v1/shuffle"
# [§2] "truncated to the first 32", in the order of the list, so that late ids are never told [D1].
MEMBERS_SENT_MAX = 32
PORT_MAX = 65_535
INT32_MAX = 2**31 - 1
# Peers of one process tell each other the same few instants again and again.
INSTANTS_KEPT = 4096
EPOCH = datetime.datetime(1970, 1, 1)
OFFSET_MAX = datetime.timedelta(hours=14)
INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,16}))?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
HOST = re.compile(r"[^\s/?#@:\[\]\\%<>^`{|}\"]+")
STATUSES = {status.lower(): status for status in (ALIVE, SUSPECT, LEFT)} | dict(enumerate((ALIVE, SUSPECT, LEFT)))


class Malformed(Exception):
    """Not JSON, or JSON of the wrong types."""


class BadEndpoint(Exception):
    """An endpoint that was accepted and that no URI can be made of [§7, D13]."""


class Endpoint(NamedTuple):
    """Compared as written: the host's case counts [§7]."""

    host: str
    port: int

    def __str__(self):
        return f"{self.host}:{self.port}"

    def dialled(self):
        """Host and port to connect to."""
        if self.port > PORT_MAX:
            raise BadEndpoint(str(self))
        if self.host.startswith("[") and self.host.endswith("]"):
            try:
                return str(ipaddress.IPv6Address(self.host[1:-1])), self.port
            except ValueError as failure:
                raise BadEndpoint(str(self)) from failure
        if not HOST.fullmatch(self.host):
            raise BadEndpoint(str(self))
        return self.host, self.port


def endpoint(text):
    """The endpoint that `text` names, or None.

    [§7] `host:port`, split at the last colon and without an upper bound of the port, or a URI with an explicit port.
    """
    text = (text or "").strip()
    if "://" in text:
        text = re.split(r"[/?#]", text.split("://", 1)[1], maxsplit=1)[0]
    host, _, port = text.rpartition(":")
    if not host.strip() or not re.fullmatch(r"\s*\+?\d{1,10}\s*", port, re.ASCII):
        return None
    return Endpoint(host, int(port)) if 0 < int(port) <= INT32_MAX else None


@functools.lru_cache(INSTANTS_KEPT)
def iso(ticks):
    """An instant as .NET writes it: in UTC, up to seven digits of a second without trailing zeros."""
    seconds, rest = divmod(ticks, TICKS_PER_SECOND)
    text = (EPOCH + datetime.timedelta(seconds=seconds)).isoformat()
    return text + (f".{rest:07}".rstrip("0") if rest else "") + "+00:00"


@functools.lru_cache(INSTANTS_KEPT)
def ticks_of(text):
    """The reverse. An instant without an offset is taken for UTC, the local time of servers."""
    found = INSTANT.fullmatch(text)
    if not found:
        raise Malformed(f"instant {text}")
    date, minute, second, fraction, offset = found.groups()
    try:
        moment = datetime.datetime.fromisoformat(f"{date}T{minute or '00:00'}:{second or '00'}")
        if offset not in (None, "Z"):
            ahead = datetime.timedelta(hours=int(offset[:3]), minutes=int(offset[0] + offset[4:]))
            if abs(ahead) > OFFSET_MAX:
                raise ValueError(offset)
            moment -= ahead
    except (ValueError, OverflowError) as failure:
        raise Malformed(f"instant {text!r}") from failure
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * TICKS_PER_SECOND + int((fraction or "")[:7].ljust(7, "0"))


def parsed(body, charset="utf-8"):
    """The JSON of a body. Python's reader takes NaN and lone surrogates, .NET's does not."""
    def refused(constant):
        raise Malformed(constant)

    try:
        return json.loads(body.decode(charset).removeprefix("\ufeff"), parse_constant=refused)
    except (ValueError, LookupError, RecursionError) as failure:
        raise Malformed(str(failure)) from failure


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def is_a(value, *types):
    """`value`, if it has one of the types; a bool is no int."""
    if type(value) not in types:
        raise Malformed(f"{value!r} is none of {types}")
    return value


def text(value):
    """A string or null."""
    if value is not None and not is_a(value, str).isascii():
        try:
            value.encode()
        except UnicodeEncodeError as failure:
            raise Malformed("half of a surrogate pair") from failure
    return value


def flag(value):
    return is_a(value, bool)


def int64(value):
    if not -2**63 <= is_a(value, int) < 2**63:
        raise Malformed(f"{value} is no int64")
    return value


def number(value):
    """A double or null; one that overflows could not be written again."""
    if value is not None and abs(is_a(value, int, float)) > sys.float_info.max:
        raise Malformed("infinite")
    return value


def instant(value):
    return ticks_of(is_a(value, str))


def optional_instant(value):
    return None if value is None else instant(value)


def labels(value):
    return None if value is None else {text(key): text(label) for key, label in is_a(value, dict).items()}


def status(value):
    """[§2] Any case of the three names, or 0, 1 and 2; an omitted one is .NET's default of the type, 0."""
    known = STATUSES.get(value.lower() if is_a(value, str, int) and type(value) is str else value)
    if known is None:
        raise Malformed(f"status {value!r}")
    return known


# The keys of each object in the order in which they are written, with their readers and what an omitted one is read
# as: .NET's default of the type, which is null for all but flags and numbers [§2].
METADATA = (
    ("nodeId", text, None), ("role", text, None), ("clusterId", text, None), ("region", text, None),
    ("meshVersion", text, None), ("http3Support", flag, False), ("metadataVersion", int64, 0), ("labels", labels, None),
    ("endpoint", text, None))
MEMBER = (("nodeId", text, None), ("status", status, 0), ("lastSeen", optional_instant, None), ("rttMs", number, None))


def read(record, fields):
    """The named fields of an object, which is case-sensitive and whose other keys are ignored [§2]."""
    get = is_a(record, dict).get
    return {key: reader(get(key, default)) for key, reader, default in fields}


def metadata(value):
    return None if value is None else read(value, METADATA)


def member(value):
    return None if value is None else Member(*read(value, MEMBER).values(), metadata(value.get("metadata")))


def members(value):
    return None if value is None else [member(entry) for entry in is_a(value, list)]


def endpoints(value):
    return None if value is None else [text(entry) for entry in is_a(value, list)]


ENVELOPE = (("schema", text, None), ("timestamp", instant, "0001-01-01"), ("sequence", int64, 0),
            ("sender", metadata, None), ("members", members, None))
SHUFFLE = (("sender", text, None), ("endpoints", endpoints, None))


def written(record):
    """[§2] "nulls omitted": labels that came as null go out as none at all, and poison the next reader [D13]."""
    return {key: value for key, value in record.items() if value is not None}


def written_members(snapshot):
    """The members of an envelope, as JSON values."""
    return [written({
        "nodeId": entry.node_id, "status": entry.status, "lastSeen": iso(entry.last_seen), "rttMs": entry.rtt_ms,
        "metadata": written(entry.metadata),
    }) for entry in snapshot[:MEMBERS_SENT_MAX]]


def envelope(sender, members, now, sequence):
    """An envelope as JSON values; `members` are what written_members gave, for many envelopes perhaps."""
    return {"schema": SCHEMA, "timestamp": iso(now), "sequence": sequence, "sender": written(sender),
            "members": members}
