#!/usr/bin/env python3
"""Checks Sources/MeshControl/Descriptors.swift, which server reflection answers with: our `.proto` files as protoc
compiles them, and gRPC's own as Google's packages bring them. `--write` makes the file anew."""

import base64
import pathlib
import sys
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROTO = ROOT / "Sources/MeshWire/proto"
TARGET = ROOT / "Sources/MeshControl/Descriptors.swift"
OURS = ["meshkit/mesh/v1/mesh.proto", "meshkit/control/v1/members.proto"]


def compiled():
    """Our files as descriptors, compiled with warnings as errors."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "all.pb"
        bundled = pathlib.Path(grpc_tools.__file__).parent / "_proto"
        arguments = ["protoc", "--fatal_warnings", f"-I{PROTO}", f"-I{bundled}", f"--descriptor_set_out={out}"]
        if protoc.main(arguments + OURS) != 0:
            sys.exit("the .proto files don't compile")
        return list(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file)


def of_grpc():
    """Health and reflection. Version 1 of reflection is its v1alpha under another name."""
    health, alpha = (descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
                     for module in (health_pb2, reflection_pb2))
    text = alpha.SerializeToString()
    stable = descriptor_pb2.FileDescriptorProto.FromString(text)
    stable.name = stable.name.replace("v1alpha", "v1")
    stable.package = stable.package.replace("v1alpha", "v1")
    rename_types(stable)
    for file, name in ((health, "grpc/health/v1/health.proto"), (stable, "grpc/reflection/v1/reflection.proto"),
                       (alpha, "grpc/reflection/v1alpha/reflection.proto")):
        file.name = name
        file.ClearField("options")
    return [health, stable, alpha]


def rename_types(file):
    """Moves every reference to a type of v1alpha to v1."""
    for message in file.message_type:
        for field in message.field:
            field.type_name = field.type_name.replace(".v1alpha.", ".v1.")
    for method in (method for service in file.service for method in service.method):
        method.input_type = method.input_type.replace(".v1alpha.", ".v1.")
        method.output_type = method.output_type.replace(".v1alpha.", ".v1.")


def symbols(file):
    """Full names of what a file declares."""
    found = []

    def messages(prefix, list_):
        for message in list_:
            name = f"{prefix}.{message.name}"
            found.append(name)
            found.extend(f"{name}.{enum.name}" for enum in message.enum_type)
            messages(name, message.nested_type)

    messages(file.package, file.message_type)
    found.extend(f"{file.package}.{enum.name}" for enum in file.enum_type)
    for service in file.service:
        found.append(f"{file.package}.{service.name}")
        found.extend(f"{file.package}.{service.name}.{method.name}" for method in service.method)
    return sorted(found)


def wrapped(text, width, indent):
    """`text` in lines that Swift joins again."""
    lines = [text[start:start + width] for start in range(0, len(text), width)]
    return "\\\n".join(indent + line for line in lines)


def swift(files):
    """The source file."""
    out = ["// Written by Tests/InteropTests/protobuf/descriptors.py --write, which also checks it.", "",
           "extension DescriptorFile {", "  /// Every file that declares what is served, in the form that protoc gives it.",
           "  static let all: [DescriptorFile] = ["]
    for file in files:
        names = " ".join(symbols(file))
        out += ["    DescriptorFile(", f'      name: "{file.name}",',
                f"      imports: [{', '.join(chr(34) + name + chr(34) for name in file.dependency)}],",
                '      symbols: """', split_words(names, 100, "        "),
                '        """.split(whereSeparator: \\.isWhitespace).map(String.init),',
                '      encoded: """',
                wrapped(base64.b64encode(file.SerializeToString(deterministic=True)).decode(), 100, "        "),
                '        """),']
    return "\n".join(out + ["  ]", "}", ""])


def split_words(text, width, indent):
    """`text` in lines of whole words."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "\n".join(indent + part for part in [*lines, line])


def main():
    text = swift(compiled() + of_grpc())
    if "--write" in sys.argv:
        TARGET.write_text(text)
    elif TARGET.read_text() != text:
        sys.exit(f"{TARGET.name} is not what the .proto files say; run {pathlib.Path(__file__).name} --write")
    print(f"protobuf: {text.count('DescriptorFile(')} descriptors")


if __name__ == "__main__":
    main()
