"""One certificate for several nodes, as operators make it who name all of them in it."""

from certificates import Authority
from mesh import expect, wait_until

from cryptography import x509

# More than the connections that one node may have at another.
NODES = 10


def check_shared(mesh):
    """Ten nodes with one certificate whose DNS names they are all find each other."""
    names = [f"shared-{number}" for number in range(NODES)]
    pem, key = Authority.of_mesh(mesh.certificates).leaf(mesh.work / "shared", [x509.DNSName(name) for name in names])
    tls = {"certificatePath": str(pem), "keyPath": str(key)}
    nodes = [mesh.start(names[0], tls=tls)]
    nodes += [mesh.start(name, seeds=[f"127.0.0.1:{nodes[0].mesh_port}"], tls=tls) for name in names[1:]]
    everybody = {name: "Alive" for name in names}
    for node in nodes:
        wait_until(lambda: node.statuses() == everybody, f"{node.name} sees all", 60)
    limits = [line for node in nodes for line in node.records("MeshLimitReached")]
    expect(not limits, "limits that were reached", limits)
    for node in nodes:
        node.process.terminate()
    for node in nodes:
        expect(node.process.wait(timeout=15) == 0, f"exit code of {node.name}", node.process.returncode)
