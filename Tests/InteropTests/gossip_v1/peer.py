#!/usr/bin/env python3
"""One node of OmniRelay's gossip "v1", written from the contract gossip.md alone, for tests of software that joins it.

As a process it prints `open HOST:PORT`, then a line for each change of a member's status, until SIGTERM:
    peer.py --node-id mesh-a --port 17421 --seed 127.0.0.1:17422 --ca ca.pem --cert a.pem --key a-key.pem
In a test, fleet.py runs any number of them in one thread.
"""

import asyncio
import contextlib
import email.message
import pathlib
import signal
import socket
import sys
import time

if not __package__:  # run as a program
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from gossip_v1 import wire
from gossip_v1.http1 import BROKEN, Answer, BadMessage, Client, Server
from gossip_v1.settings import from_command_line
from gossip_v1.table import ALIVE, NullReference, Table
from gossip_v1.views import Views, fanout
from gossip_v1.watch import Watch
from gossip_v1.wire import MESSAGES_PATH, SHUFFLE_PATH

NO_BODY = b'{"error":"Request body required."}'
# What may become of one request to another node; all else is a mistake in this file.
FAILURES = (*BROKEN, BadMessage, UnicodeError, wire.Malformed, NullReference)


class Peer:
    """A node. It listens on `endpoint` once constructed, answers and gossips from `open` to `close`.

    A test may read `watch`, `counts`, `snapshot()` and `statuses()` from any thread, and set `clock_skew`. `heard`,
    when given, is called with the path and the http1.Message of each request.
    """

    def __init__(self, settings, identity, heard=None):
        self.settings = settings.validate()
        self.clock_skew = settings.clock_skew
        self.watch = Watch()
        self.counts = self.watch.counts
        self.heard = heard
        # v1 opens its socket without waiting for it [D15]; a test wants to know the port, and that it was free.
        family = socket.AF_INET6 if ":" in settings.bind_address else socket.AF_INET
        listening = socket.create_server((settings.bind_address, settings.port), family=family, backlog=512)
        local = settings.metadata(listening.getsockname()[1])
        self.endpoint = local["endpoint"]
        self.table = Table(local, self.now)
        # [§7] Seeds that cannot be read are dropped without a word.
        seeds = [seed for seed in map(wire.endpoint, settings.seeds) if seed]
        self.views = Views(seeds, settings.active_view_size, settings.passive_view_size)
        self._server = Server(listening, identity.server(settings.tls), self.respond, settings.chunk_bytes)
        agent = f"omnirelay-mesh-gossip/{settings.mesh_version}"
        self._client = Client(identity.client(settings.tls), agent, settings.chunk_bytes)
        self._sequence = time.monotonic_ns()
        self._loops = []

    def now(self):
        """The node's wall clock, in ticks. Liveness is judged by it [D2]."""
        return time.time_ns() // 100 + int(self.clock_skew * wire.TICKS_PER_SECOND)

    def snapshot(self):
        return self.table.snapshot()

    def statuses(self):
        return {member.node_id: member.status for member in self.snapshot()}

    async def open(self):
        await self._server.open()
        settings = self.settings
        self._loops = [asyncio.create_task(self._every(*loop)) for loop in (
            (settings.interval, self.run_round), (settings.suspicion_interval, self.sweep),
            (settings.shuffle_interval, self.shuffle))]

    async def close(self):
        """Ends without a word to others [D9]."""
        for loop in self._loops:
            loop.cancel()
        ends = await asyncio.gather(*self._loops, return_exceptions=True)
        await self._server.close()
        self._client.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _every(self, seconds, work):
        """[§4] Each loop waits first."""
        while True:
            await asyncio.sleep(seconds)
            await work()

    async def run_round(self):
        """One round of gossip; `rounds_failed` counts those that a bad endpoint or null labels broke off [D13]."""
        self.counts.rounds += 1
        try:
            await self._gossip()
            self.watch.diagnose(self.snapshot())
        except (wire.BadEndpoint, NullReference):
            self.counts.rounds_failed += 1

    async def _gossip(self):
        snapshot = self.snapshot()
        alive = [wire.endpoint(member.metadata["endpoint"]) for member in snapshot[1:] if member.status == ALIVE]
        self.views.update([endpoint for endpoint in alive if endpoint])
        unwell = sum(member.status != ALIVE for member in snapshot)
        # [§4] One after the other [D11], all from the snapshot that the round started with.
        members = wire.written_members(snapshot)
        for target in self.views.select_targets(fanout(self.settings, len(snapshot), unwell)):
            target.dialled()  # outside of what a failed target is forgiven, as in v1 [§7]
            await self._exchange(target, members)

    async def _exchange(self, target, members):
        self.counts.sent += 1
        started = time.monotonic()
        try:
            value = await self._post(target, MESSAGES_PATH, self._envelope(members))
            # [§9] A null counts as success. The schema of an answer is not looked at [§1].
            if value is not None:
                self._merge(wire.read(value, wire.ENVELOPE), (time.monotonic() - started) * 1000)
        except FAILURES:
            self.counts.sent_failed += 1

    async def _post(self, target, path, value):
        """The JSON of an answer within PingTimeout [§1]."""
        async with asyncio.timeout(self.settings.ping_timeout):
            answer = await self._client.post(target, path, wire.compact(value))
        if not answer.first[1].startswith("2"):
            raise BadMessage(f"status {answer.first[1]}")
        return wire.parsed(answer.body)

    def _envelope(self, members):
        self._sequence += 1
        return wire.envelope(self.table.local.metadata, members, self.now(), self._sequence)

    def _merge(self, envelope, rtt_ms=None):
        try:
            self.table.merge_envelope(envelope, rtt_ms)
        finally:
            self.watch.observe(self.snapshot())

    async def sweep(self):
        self.table.sweep(self.settings.suspicion_interval, self.settings.leave)
        self.watch.observe(self.snapshot())

    async def shuffle(self):
        """[§6] Trades endpoints with one node; whatever goes wrong is swallowed."""
        target, payload = self.views.shuffle_target(), self._sample()
        if target is None or not payload["endpoints"]:
            return
        self.counts.shuffles_sent += 1
        with contextlib.suppress(*FAILURES, wire.BadEndpoint):
            value = await self._post(target, SHUFFLE_PATH, payload)
            if value is not None:
                self._learn(wire.read(value, wire.SHUFFLE))

    def _sample(self):
        sample = self.views.sample(self.settings.shuffle_sample_size)
        return {"sender": self.endpoint, "endpoints": [str(endpoint) for endpoint in sample]}

    def _learn(self, shuffle):
        if shuffle["sender"] is None or shuffle["endpoints"] is None:
            raise NullReference("shuffle")
        self.views.merge([known for known in map(wire.endpoint, shuffle["endpoints"]) if known])

    async def respond(self, request):
        """The http1.Answer to a request. A subclass may give others, for tests of clients."""
        method, target = request.first[:2]
        path = target.partition("?")[0].lower()
        answer = {MESSAGES_PATH: self._answer_messages, SHUFFLE_PATH: self._answer_shuffle}.get(path)
        if answer is None or method != "POST":
            return Answer("404 Not Found")
        if self.heard:
            self.heard(path, request)
        try:
            value = wire.parsed(request.body, charset_of(request.fields.get("content-type", "")))
            if value is None:
                self.counts.received_failed += path == MESSAGES_PATH
                return Answer("400 Bad Request", NO_BODY)
            return Answer("200 OK", wire.compact(answer(value)))
        except (wire.Malformed, NullReference):
            self.counts.received_failed += path == MESSAGES_PATH
            return Answer("500 Internal Server Error")
        finally:
            self.counts.received += path == MESSAGES_PATH
            self.counts.shuffles_received += path == SHUFFLE_PATH

    def _answer_messages(self, value):
        """[§1] A wrong schema is answered as a right one, its content ignored; an omitted one is wrong [§2]."""
        envelope = wire.read(value, wire.ENVELOPE)
        if (envelope["schema"] or "").lower() == wire.SCHEMA:
            self._merge(envelope)
        else:
            self.counts.schema_rejected += 1
        return self._envelope(wire.written_members(self.snapshot()))

    def _answer_shuffle(self, value):
        self._learn(wire.read(value, wire.SHUFFLE))
        return self._sample()


def charset_of(content_type):
    """That of a JSON type; any other type is refused with status 500 [§1]."""
    header = email.message.Message()
    header["content-type"] = content_type
    kind = header.get_content_type()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise wire.Malformed(f"type {content_type!r}")
    return header.get_content_charset("utf-8")


async def serve(settings, identity):
    """A peer until SIGTERM or SIGINT."""
    peer, stopped, told = Peer(settings, identity), asyncio.Event(), 0
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await peer.open()
    print(f"open {peer.endpoint}", flush=True)
    while not stopped.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopped.wait(), 0.1)
        for transition in peer.watch.transitions[told:]:
            print(f"{transition.event} {transition.node_id}", flush=True)
            told += 1
    await peer.close()


if __name__ == "__main__":
    asyncio.run(serve(*from_command_line(__doc__.splitlines()[0])))
