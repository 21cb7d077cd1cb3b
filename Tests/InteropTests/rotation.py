"""Certificates replaced on disk while a mesh of three processes talks."""

import asyncio
import time

from certificates import serial_number
from http3 import connected
from mesh import Mesh, expect, wait_until

ROTATIONS = 10


def check_rotation(outer):
    """Ten times new certificates for three processes: new handshakes show them, nobody is suspected, nothing leaks."""
    work = outer.work / "rotation"
    work.mkdir(exist_ok=True)
    names = ["turn-a", "turn-b", "turn-c"]
    with Mesh(outer.meshkit.parents[1], work, cluster="rotation") as mesh:
        mesh.issue(*names, "visitor")
        nodes = [mesh.start(names[0])]
        nodes += [mesh.start(name, [f"127.0.0.1:{nodes[0].mesh_port}"]) for name in names[1:]]
        everybody = {name: "Alive" for name in names}
        for node in nodes:
            wait_until(lambda: node.statuses() == everybody, f"{node.name} sees all")
        rotate(mesh, names, nodes, 1)
        before = settled(nodes)
        for round_ in range(2, ROTATIONS + 1):
            rotate(mesh, names, nodes, round_)
        wait_until(lambda: settled(nodes) == before, f"descriptors as after the first rotation, {before}")
        for node in nodes:
            expect(node.statuses() == everybody, f"members of {node.name}", node.statuses())
            for event in ("member suspect", "member left", "MeshLinkClosed", "MeshCertificateReloadFailed"):
                expect(not node.records(event), f"{node.name} has no '{event}'", node.records(event))
            # A lost gossip interval would show as a probe without an answer.
            failures = node.metric("mesh_gossip_probe_failures_total")
            expect(failures == 0, f"failed probes of {node.name}", failures)
        for node in nodes:
            expect(node.stop() == 0, f"exit code of {node.name}", node.process.returncode)


def rotate(mesh, names, nodes, number):
    """New files, then waits until every node shows its new certificate in new handshakes."""
    mesh.issue(*names)
    for node in nodes:
        wait_until(lambda: len(node.records("MeshCertificateReloaded")) >= number, f"{node.name} reloads {number} times")
        expected = serial_number(mesh.certificates / f"{node.name}.pem")
        wait_until(lambda: asyncio.run(shown(mesh, node)) == expected, f"{node.name} shows its new certificate")


async def shown(mesh, node):
    """The serial number of the certificate that the node shows in a new handshake."""
    async with connected(mesh, node) as client:
        return client.peer_serial


def settled(nodes):
    """The descriptors of each process, all and sockets, when two looks agree."""
    seen = [node.descriptors() for node in nodes]
    time.sleep(0.2)
    again = [node.descriptors() for node in nodes]
    return again if seen == again else settled(nodes)
