"""Whom a v1 node talks to: the fanout of a round, and the views that its targets come from [gossip.md §5, §6].

A view holds endpoints, never node ids. Lists keep what a set would, so that a seeded source of chance repeats a run.
"""

import math
import random


def fanout(settings, members, unwell):
    """[§5] How many targets a round has, for so many members with the local one, so many of them Suspect or Left."""
    if not settings.adaptive_fanout:
        return max(1, settings.fanout)
    floor = max(1, settings.fanout_floor)
    ceiling = max(settings.fanout_floor, settings.fanout_ceiling)
    base = math.ceil(settings.fanout_coefficient * math.log2(max(2, members)))
    base = max(floor, min(ceiling, base))
    boosted = math.ceil(base * (1 + unwell / max(1, members)))
    boosted = max(1, min(boosted, settings.fanout_ceiling, settings.active_view_size))
    return max(1, min(boosted, settings.max_outbound_per_round))


class Views:
    """The active view, which is gossiped with, and the passive one, which it is filled from."""

    def __init__(self, seeds, active_size, passive_size, seed=None):
        self.seeds = list(dict.fromkeys(seeds))
        self.active_size = active_size
        self.passive_size = passive_size
        self.active = []
        self.passive = list(self.seeds)
        self._random = random.Random(seed)

    def update(self, alive):
        """What a round starts with. `alive` are the endpoints of Alive remote members.

        [§6] Peers that are not Alive are dropped unless they are seeds, so partitions heal through seeds alone; what a
        shuffle taught is dropped as well [D12].
        """
        alive = list(dict.fromkeys(alive))
        self.active = [endpoint for endpoint in self.active if endpoint in alive]
        self.passive = [endpoint for endpoint in self.passive if endpoint in alive or endpoint in self.seeds]
        for endpoint in (*alive, *self.seeds):
            self._learn(endpoint)
        self._promote(self.active_size)
        self.active = self._trimmed(self.active, self.active_size)
        self.passive = self._trimmed(self.passive, self.passive_size)

    def select_targets(self, limit):
        """Up to `limit` endpoints for a round: active ones, then passive ones [§6].

        The own endpoint is not excluded: a node that is its own seed gossips with itself.
        """
        if not self.active:
            self._promote(limit)
        return self.sample(limit)

    def shuffle_target(self):
        """[§6] "target = random active else random passive"; None where there is neither."""
        return self._random.choice(self.active or self.passive or [None])

    def sample(self, size):
        """So many distinct endpoints by chance, active ones before passive ones."""
        chosen = self._random.sample(self.active, min(size, len(self.active)))
        rest = [endpoint for endpoint in self.passive if endpoint not in chosen]
        return chosen + self._random.sample(rest, min(size - len(chosen), len(rest)))

    def merge(self, endpoints):
        """What a shuffle teaches. The own endpoint may be among it [§6]."""
        for endpoint in endpoints:
            self._learn(endpoint)
        self.passive = self._trimmed(self.passive, self.passive_size)

    def _learn(self, endpoint):
        if endpoint not in self.active and endpoint not in self.passive:
            self.passive.append(endpoint)

    def _promote(self, size):
        """Moves passive endpoints to the active view, by chance, until it has `size`."""
        room = max(0, min(size - len(self.active), len(self.passive)))
        moved = self._random.sample(self.passive, room)
        self.passive = [endpoint for endpoint in self.passive if endpoint not in moved]
        self.active = self.active + moved

    def _trimmed(self, view, size):
        return view if len(view) <= size else self._random.sample(view, size)
