#!/usr/bin/env python3
"""Checks the published schema and the golden vectors with Google's protobuf runtime.

Run: `PYTHON Tests/InteropTests/protobuf/check.py`, where PYTHON has `grpcio-tools` (which brings `protobuf`) installed;
`make` builds such an environment. `--write` computes the `hex` lines anew with Google's runtime.

Tests/Fixtures/wire/*.txt hold one vector each. MeshWireTests checks the same files with MeshKit's codec, so that what
one side writes the other reads, in protobuf and in JSON; MeshTasksTests those of Tests/Fixtures/tasks, in protobuf:
  type: the message
  json: its JSON form, every field written
  hex:  its one deterministic encoding; left out where writers differ
  also: other bytes that mean the same (unknown fields, another order of fields, repeated scalars); any number of lines
  refused: bytes that no reader takes; any number of lines, in a file without json and hex
"""
import json
import pathlib
import sys
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROTO = ROOT / "Sources/MeshWire/proto"
PACKAGE = "meshkit.mesh.v1"
FIXTURES = ROOT / "Tests/Fixtures"
# The folders of vectors, and the package of their messages.
FOLDERS = {"wire": PACKAGE, "tasks": "meshkit.tasks.v1"}
FILES = ["meshkit/mesh/v1/mesh.proto", "meshkit/control/v1/members.proto", "meshkit/tasks/v1/snapshot.proto"]


def load_schema():
    """Compiles the published .proto with warnings as errors and returns a pool of its descriptors."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "mesh.pb"
        bundled = pathlib.Path(grpc_tools.__file__).parent / "_proto"
        arguments = ["protoc", "--fatal_warnings", f"-I{PROTO}", f"-I{bundled}", f"--descriptor_set_out={out}"]
        if protoc.main(arguments + FILES) != 0:
            sys.exit("the .proto files don't compile")
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


def message_class(pool, package, name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def read_vector(path):
    vector = {"also": [], "refused": []}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        key, _, value = line.partition(":")
        if key in ("also", "refused"):
            vector[key].append(bytes.fromhex(value))
        else:
            vector[key] = value.strip()
    return vector


def write_hex(path, encoded):
    lines = path.read_text().splitlines()
    path.write_text("".join((f"hex: {encoded.hex()}" if line.startswith("hex:") else line) + "\n" for line in lines))


def check_vector(pool, path, rewrite, problems):
    vector = read_vector(path)
    cls = message_class(pool, FOLDERS[path.parent.name], vector["type"])
    for data in vector["refused"]:
        try:
            cls.FromString(data)
            problems.append(f"{path.name}: read {data.hex()}")
        except DecodeError:
            pass
    if "json" not in vector:
        return len(vector["refused"])
    value = json_format.Parse(vector["json"], cls())
    encoded = value.SerializeToString(deterministic=True)
    if rewrite:
        write_hex(path, encoded)
    elif "hex" in vector and encoded.hex() != vector["hex"]:
        problems.append(f"{path.name}: Google writes {encoded.hex()}")
    for data in [encoded] + vector["also"]:
        try:
            decoded = cls.FromString(data)
        except DecodeError:
            problems.append(f"{path.name}: Google refuses {data.hex()}")
            continue
        # Unknown fields are kept by this runtime; what it knows must be equal.
        decoded.DiscardUnknownFields()
        if decoded != value:
            problems.append(f"{path.name}: Google reads {data.hex()} as {decoded}")
    printed = json_format.MessageToDict(cls.FromString(encoded), always_print_fields_with_no_presence=True)
    if printed != json.loads(vector["json"]):
        problems.append(f"{path.name}: Google prints {json.dumps(printed)}")
    return 1 + len(vector["also"])


def check_service(pool, problems):
    methods = pool.FindServiceByName(f"{PACKAGE}.Mesh").methods_by_name
    shape = {name: (m.client_streaming, m.server_streaming) for name, m in methods.items()}
    if shape != {"Ping": (False, False), "MeshStream": (True, True)}:
        problems.append(f"service Mesh is {shape}")


def main():
    pool = load_schema()
    problems = []
    check_service(pool, problems)
    paths = sorted(path for folder in FOLDERS for path in (FIXTURES / folder).glob("*.txt"))
    checked = sum(check_vector(pool, path, "--write" in sys.argv, problems) for path in paths)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"protobuf: {checked} encodings in {len(paths)} vectors, {len(problems)} problems")
    sys.exit(1 if problems or not paths else 0)


if __name__ == "__main__":
    main()
