"""A member with a valid certificate that sends as fast as it can."""

import asyncio
import time

from http3 import connected, frame
from malformed import hello, schema
from mesh import expect, wait_until
from trust import expect_answers_ping

FLOOD_SECONDS = 12
LIMITS = "mesh_limits_reached_total"
ANSWERED = "mesh_gossip_probes_reached_total"
# Kept ready for the peer's window; less than a second of what a node reads.
AHEAD_BYTES = 512 * 1024


def check_flood(mesh):
    """A member that floods its link is held back alone: the others stay Alive, and the record names the flooder."""
    node, healthy = mesh.nodes[0], mesh.nodes[1]
    if healthy.process.poll() is not None:
        healthy = mesh.start(healthy.name, seeds=[f"127.0.0.1:{node.mesh_port}"])
    wait_until(lambda: node.statuses().get(healthy.name) == "Alive", f"{node.name} sees {healthy.name}")
    pair = (node, healthy)
    before = [each.metric(ANSWERED, path="direct") for each in pair]
    suspicions, dropped, reports = node.records("MeshGossipPeerSuspect"), mailbox(node), named(node)
    sent = asyncio.run(flood(mesh, node, healthy, schema()))
    answered = [each.metric(ANSWERED, path="direct") - count for each, count in zip(pair, before)]
    # The flooder answers no probe: these are answers of members that it must not disturb. Of two that watch each other
    # one may ask for both.
    expect(sum(answered) >= 6, "probes that were answered during the flood", answered)
    expect(sent > 100_000, "messages that the node read of the flood", sent)
    suspected = [line for line in node.records("MeshGossipPeerSuspect")[len(suspicions):]
                 if f"PeerId={healthy.name} " in line]
    expect(not suspected, f"records that suspect {healthy.name}", suspected)
    expect(mailbox(node) == dropped, "messages that were dropped for the flood", sent)
    expect(node.metric(LIMITS, limit="messages of one link") > 0, "reports of the flood", node.log)
    new = named(node)[len(reports):]
    expect(1 <= len(new) <= 2, "records that name the flooder in 12 s", new)
    expect_answers_ping(mesh, node)


def mailbox(node):
    return node.metric(LIMITS, limit="engine mailbox")


def named(node):
    """Its records of limits that name the flooder."""
    return [line for line in node.records("MeshLimitReached") if "visitor at " in line]


async def flood(mesh, node, healthy, kind):
    """Gives the number of messages that the node let through."""
    ack, leave = kind(), kind()
    ack.ack.sequence = 1
    # An epoch of its own: who was here before is not taken for it.
    epoch = int(time.time())
    leave.news.records.add(node_id="visitor", epoch=epoch, incarnation=0, state=4)
    message = frame(ack.SerializeToString())
    batch = message * 10_000
    async with connected(mesh, node) as client:
        link = await client.open_link()
        client.send(link, hello(kind, mesh, epoch=epoch))
        await asyncio.to_thread(wait_until, lambda: node.statuses().get("visitor") == "Alive", "the flooder joins")
        sender = client._quic._streams[link.number].sender
        looked, end = time.monotonic(), time.monotonic() + FLOOD_SECONDS
        while time.monotonic() < end:
            if len(sender._buffer) < AHEAD_BYTES:
                client.http.send_data(link.number, batch, end_stream=False)
            client.transmit()
            await asyncio.sleep(0)
            if time.monotonic() > looked + 1:
                looked = time.monotonic()
                status = (await asyncio.to_thread(node.statuses)).get(healthy.name)
                expect(status == "Alive", f"{healthy.name} during the flood", status)
        taken = sender._buffer_start // len(message)
        # In its turn, after what is still to be read.
        client.send(link, frame(leave.SerializeToString()))
        await asyncio.to_thread(wait_until, lambda: node.statuses().get("visitor") == "Left", "the goodbye")
        return taken
