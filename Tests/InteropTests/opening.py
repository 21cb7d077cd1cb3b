"""Configurations that can't work: `meshkit node run` ends with exit code 1 and says what is wrong."""

import json
import subprocess

from mesh import expect


def check_opening(mesh):
    """A taken port, bad key or certificate files, bad seeds and unknown keys end `node run` with 1, and it names them."""
    running = mesh.nodes[0]
    mesh.issue("mesh-wrong")
    base = mesh.configuration("mesh-wrong")
    folder = mesh.certificates
    (folder / "garbage.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\nnothing\n-----END PRIVATE KEY-----\n")
    pem = {"certificatePath": str(folder / "mesh-wrong.pem")}
    for what, change, named in [
        ("the mesh port is taken", {"gossip": {"port": running.mesh_port}}, ["mesh:gossip:port", running.mesh_port, "use"]),
        ("the control port is taken", {"control": {"port": running.control_port}},
         ["mesh:control:port", running.control_port, "use"]),
        ("no key file", {"gossip": {"tls": {**pem, "keyPath": str(folder / "absent.pem")}}}, [folder / "absent.pem"]),
        ("the key is a folder", {"gossip": {"tls": {**pem, "keyPath": str(folder)}}}, [folder]),
        ("the key is garbage", {"gossip": {"tls": {**pem, "keyPath": str(folder / "garbage.pem")}}},
         [folder / "garbage.pem"]),
        ("the key of another", {"gossip": {"tls": {**pem, "keyPath": str(folder / "mesh-a-key.pem")}}},
         [folder / "mesh-a-key.pem"]),
        ("another node's certificate", {"gossip": {"tls": {"certificatePath": str(folder / "mesh-a.pfx")}}},
         ["mesh-a", "mesh-wrong"]),
        ("a bad seed", {"gossip": {"seedPeers": ["127.0.0.1:0x1"]}}, ["mesh:gossip:seedPeers", "127.0.0.1:0x1"]),
        ("a seed without port", {"gossip": {"seedPeers": ["127.0.0.1"]}}, ["mesh:gossip:seedPeers", "127.0.0.1"]),
        ("an unknown key", {"gossip": {"fanuot": 3}}, ["mesh:gossip:fanuot"]),
        ("an impossible value", {"gossip": {"fanout": 0}}, ["mesh:gossip:fanout", "0"]),
        ("a wrong type", {"gossip": {"interval": 5}}, ["mesh:gossip:interval", "5"]),
    ]:
        path = mesh.work / "wrong.json"
        path.write_text(json.dumps(merged(json.loads(base.read_text()), {"mesh": change})))
        code, printed = attempt(mesh, path)
        expect(code == 1, f"exit code when {what}", (code, printed))
        for text in named:
            expect(str(text) in printed, f"{text} is named when {what}", printed)
    for what, text in [("no JSON", "{"), ("two members of one name", '{"mesh": {}, "mesh": {}}'), ("an array", "[]")]:
        path.write_text(text)
        code, printed = attempt(mesh, path)
        expect(code == 1 and str(path) in printed, f"{path} is named when it is {what}", (code, printed))


def attempt(mesh, path):
    done = subprocess.run([mesh.meshkit, "node", "run", "--config", path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=15, check=False)
    return done.returncode, done.stdout


def merged(base, change):
    """`base` with the members of `change` in it, folder by folder."""
    for name, value in change.items():
        base[name] = merged(base.get(name, {}), value) if isinstance(value, dict) else value
    return base
