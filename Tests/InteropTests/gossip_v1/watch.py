"""What a test can see of a v1 node without asking it: counts, changes of status, and what it tells its health tracker.

They stand for the metrics and log records of [gossip.md §9].
"""

import dataclasses
import time
from typing import NamedTuple

from gossip_v1.table import ALIVE, LEFT, SUSPECT, NullReference

EVENTS = {ALIVE: "joined", SUSPECT: "suspect", LEFT: "left"}


@dataclasses.dataclass
class Counts:
    """What happened so far. Of envelopes only, unless the name says otherwise: shuffles are not counted by v1."""

    sent: int = 0
    sent_failed: int = 0
    received: int = 0
    received_failed: int = 0
    schema_rejected: int = 0
    rounds: int = 0
    # Those that a bad endpoint or null labels broke off [D13].
    rounds_failed: int = 0
    shuffles_sent: int = 0
    shuffles_received: int = 0


class Transition(NamedTuple):
    """A change of a member's status that the node saw, by the machine's monotonic clock.

    `event` is "joined", "recovered", "suspect" or "left".
    """

    at: float
    node_id: str
    event: str


class Watch:
    """The observations of one node, which may be read from any thread."""

    def __init__(self):
        self.counts = Counts()
        self.transitions = []
        self.diagnostics = {}
        self._seen = {}

    def observe(self, snapshot):
        """[§9] Tells each change of a status once; Alive after Suspect is a recovery."""
        for member in snapshot[1:]:
            before = self._seen.get(member.node_id)
            if before != member.status:
                self._seen[member.node_id] = member.status
                event = "recovered" if (before, member.status) == (SUSPECT, ALIVE) else EVENTS[member.status]
                self.transitions.append(Transition(time.monotonic(), member.node_id, event))

    def diagnose(self, snapshot):
        """[§9] What the health tracker gets of each member; a null in place of labels breaks it [§2]."""
        for member in snapshot:
            about = member.metadata
            if about["labels"] is None:
                raise NullReference("labels")
            self.diagnostics[member.node_id] = {
                "mesh.role": about["role"], "mesh.cluster": about["clusterId"], "mesh.region": about["region"],
                "mesh.version": about["meshVersion"], "mesh.http3": str(about["http3Support"]).lower(),
                **{f"label.{key}": value for key, value in about["labels"].items()}}

    def events(self, node_id, since=0):
        """The names of the changes of one member, from a monotonic instant on."""
        return [event for at, name, event in list(self.transitions) if name == node_id and at >= since]
