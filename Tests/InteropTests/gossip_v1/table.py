"""The membership table of OmniRelay's gossip "v1": who is known, and what merging and sweeping do to it.

Written from the contract gossip.md, whose sections are cited as [§3]; its defects, cited as [D4], are kept on purpose:
software that speaks to v1 nodes meets them. Instants are whole ticks of 100 ns since 1970, the resolution of .NET, so
that what a node relays is what it was told.
"""

import threading
from typing import NamedTuple, Optional

ALIVE, SUSPECT, LEFT = "Alive", "Suspect", "Left"
TICKS_PER_SECOND = 10_000_000


class NullReference(Exception):
    """A null that v1 trips over while it processes a payload; what it merged before that stays merged [§1]."""


class Member(NamedTuple):
    """What a node tells about one member. `metadata` has all keys of wire.METADATA; its labels may be None [§2]."""

    node_id: Optional[str]
    status: str
    last_seen: Optional[int]
    rtt_ms: Optional[float]
    metadata: Optional[dict]


def ordinal(node_id):
    """Sorts as .NET's ordinal comparison does: by UTF-16 code units, not by code points [§2]."""
    return node_id.encode("utf-16-be", "surrogatepass")


class Table:
    """Members by id. Methods may be called from any thread."""

    def __init__(self, local, now):
        """`local` is this node's metadata, `now` gives its wall clock in ticks."""
        self.local_id = local["nodeId"]
        self.now = now
        self._lock = threading.Lock()
        # [§3] "Local node is inserted Alive at construction."
        self._members = {self.local_id: Member(self.local_id, ALIVE, now(), None, local)}

    def merge_envelope(self, envelope, rtt_ms=None):
        """What a request or an answer does to the table.

        [§3] "Processing order: MarkSender, then every member in list order", so the sender's own entry overwrites the
        instant of its receipt.
        """
        self.mark_sender(envelope["sender"], rtt_ms)
        if envelope["members"] is None:
            raise NullReference("members")
        for member in envelope["members"]:
            self.mark_observed(member)

    def mark_sender(self, sender, rtt_ms=None):
        """The sender is alive now, whoever it says it is: merged as a remote member even when it has the local id."""
        if sender is None or sender["nodeId"] is None:
            raise NullReference("sender")
        with self._lock:
            self._merge(Member(sender["nodeId"], ALIVE, self.now(), None, sender), rtt_ms)

    def mark_observed(self, member):
        """One entry of somebody's list."""
        if member is None or member.node_id is None or member.metadata is None:
            raise NullReference("member")
        with self._lock:
            if member.node_id == self.local_id:
                self._observe_local(member)
            else:
                self._merge(member, None)

    def _observe_local(self, member):
        """[§3] Others cannot make this node anything but Alive, yet they can replace its metadata [D6]."""
        own = self._members[self.local_id]
        metadata = newer(member.metadata, own.metadata)
        self._members[self.local_id] = own._replace(status=ALIVE, last_seen=self.now(), metadata=metadata)

    def _merge(self, member, measured):
        known = self._members.get(member.node_id)
        # An instant of null means now; one of long ago overwrites a newer one all the same [D4].
        last_seen = self.now() if member.last_seen is None else member.last_seen
        rtt_ms = member.rtt_ms if measured is None else measured
        if known is None:
            self._members[member.node_id] = member._replace(last_seen=last_seen, rtt_ms=rtt_ms)
            return
        self._members[member.node_id] = Member(
            member.node_id, merged_status(known.status, member.status), last_seen,
            known.rtt_ms if rtt_ms is None else rtt_ms, newer(member.metadata, known.metadata))

    def sweep(self, suspicion, leave):
        """Judges all but the local node by the seconds since they were last seen [§3]."""
        with self._lock:
            now = self.now()
            for member in list(self._members.values()):
                elapsed = now - member.last_seen
                # Those seen recently stay what they are: a Suspect is not promoted back.
                if member.node_id == self.local_id or elapsed <= suspicion * TICKS_PER_SECOND:
                    continue
                status = LEFT if elapsed >= leave * TICKS_PER_SECOND else SUSPECT
                self._members[member.node_id] = member._replace(status=status)

    def snapshot(self):
        """All members, the local one first, then by id. Nobody is ever removed [D8]."""
        with self._lock:
            members = dict(self._members)
        local = members.pop(self.local_id)
        return [local, *sorted(members.values(), key=lambda member: ordinal(member.node_id))]

    @property
    def local(self):
        """This node's own entry."""
        return self._members[self.local_id]


def newer(incoming, current):
    """[§3] "metadata replaced when incoming version ≥ current": equal ones too, which flap [D5]."""
    return incoming if incoming["metadataVersion"] >= current["metadataVersion"] else current


def merged_status(current, incoming):
    """[§3] Any Alive wins, and who suspects a node that left brings it back to life [D3]."""
    if incoming == SUSPECT and current == LEFT:
        return ALIVE
    return incoming
