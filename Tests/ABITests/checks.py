"""Checks that need no running library: tags, symbols, links, and that header, Swift source and documents agree."""
import re
import subprocess
from pathlib import Path

import header

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference"


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def tags(head, _):
    """Every function has a summary and every tag, with a value from the tag's vocabulary."""
    words = {"since": r"\d+\.\d+$", "threads": r"(any|one)$", "callback-safe": r"(yes|no)\b"}
    for function in head.functions:
        if not function.comment.split("@since")[0].strip():
            yield f"{function.name} has no summary"
        for tag in header.TAGS:
            value = function.tags.get(tag)
            if value is None:
                yield f"{function.name} has no @{tag}"
            elif not re.match(words.get(tag, ""), value):
                yield f"{function.name}: @{tag} {value}"
    declared = set(re.findall(r"\b(meshkit_\w+)\((?!\))", header.plain(head.text)))
    for name in declared - {function.name for function in head.functions}:
        yield f"{name} is declared in a form that header.py can't read"


def types(head, _):
    """No bool, enum, bitfield, long or other type of uncertain width in any signature or struct."""
    bare = header.plain(head.text)
    for word in ("bool", "_Bool", "enum", "long", "short", "unsigned", "time_t", "float", "double", "wchar_t", "int"):
        if re.search(rf"\b{word}\b", re.sub(r"^#.*(?:\\\n.*)*", "", bare, flags=re.M)):
            yield f"the header uses {word}"


def symbols(head, stage):
    """The library exports the functions of the header, all of them and nothing else."""
    lines = [line.split() for line in output("nm", "-D", "--defined-only", f"{stage}/lib/libmeshkit.so").splitlines()]
    exported = {line[-1].split("@")[0] for line in lines if line[1] != "A"}
    declared = {function.name for function in head.functions}
    yield from (f"{name} is exported and not declared" for name in sorted(exported - declared))
    yield from (f"{name} is declared and has no body" for name in sorted(declared - exported))
    unversioned = [line[-1] for line in lines if line[1] == "T" and not line[-1].endswith("@@MESHKIT_0")]
    yield from (f"{name} is not in the symbol node MESHKIT_0" for name in unversioned)


def linkage(_, stage):
    """SONAME, no Swift library needed, no path into a toolchain, relocations read-only."""
    dynamic = output("readelf", "-d", f"{stage}/lib/libmeshkit.so")
    if "Library soname: [libmeshkit.so.0]" not in dynamic:
        yield "the SONAME is not libmeshkit.so.0"
    for needed in re.findall(r"NEEDED.*\[(.*)\]", dynamic):
        if re.match(r"libswift|lib_?Foundation|libdispatch|libBlocksRuntime", needed):
            yield f"the library needs {needed}"
    for path in re.findall(r"(?:RUNPATH|RPATH).*\[(.*)\]", dynamic):
        if path != "$ORIGIN":
            yield f"the library looks for others in {path}"
    if "BIND_NOW" not in dynamic or "NODELETE" not in dynamic:
        yield "the library is not linked with -z now -z nodelete"
    for line in output("ldd", f"{stage}/lib/libmeshkit.so").splitlines():
        if "not found" in line or "libswift" in line:
            yield f"ldd: {line.strip()}"
    for program in ("meshkit", "meshsim"):
        for line in output("ldd", f"{stage}/bin/{program}").splitlines():
            if "not found" in line or "libswift" in line:
                yield f"ldd {program}: {line.strip()}"


def constant_of(swift_name):
    special = {"ok": "MESHKIT_OK", "internalError": "MESHKIT_E_INTERNAL"}
    return special.get(swift_name) or "MESHKIT_E_" + re.sub(r"([A-Z])", r"_\1", swift_name).upper()


def statuses(head, _):
    """The header's numbers are those of Status.swift, and docs/reference/errors.md lists each with its facts."""
    source = (ROOT / "Sources/MeshRuntime/Status.swift").read_text()
    pattern = r"static let (\w+) = Status\((\d+), (\d+), \"(\w+)\", http: (\d+), grpc: (\d+)(, retriable: true)?\)"
    found = re.findall(pattern, source)
    listed = set(re.findall(r"\.(\w+)", re.search(r"static let all: \[Status\] = \[(.*?)\]", source, re.S)[1]))
    page = (REFERENCE / "errors.md").read_text()
    seen = set()
    for name, category, number, word, http, grpc, retriable in found:
        code, constant = -(int(category) * 100 + int(number)), constant_of(name)
        seen.add(constant)
        if head.constants.get(constant) != code:
            yield f"{constant} is {head.constants.get(constant)} in the header and {code} in Status.swift"
        if name not in listed:
            yield f"Status.all lacks .{name}"
        row = f"| `{constant}` | {code} | {word} | {http} | {grpc} | {'yes' if retriable else 'no'} |"
        if row not in page:
            yield f"docs/reference/errors.md lacks: {row}"
    for constant in head.constants:
        if re.match(r"MESHKIT_(E_|OK$)", constant) and constant not in seen:
            yield f"{constant} is not in Status.swift"


def documents(head, _):
    """docs/reference/symbols-in-versions.md lists every function and struct, with the version of its @since tag."""
    page = (REFERENCE / "symbols-in-versions.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", page, re.M))
    for function in head.functions:
        if rows.pop(function.name, None) != function.tags.get("since"):
            yield f"symbols-in-versions.md: {function.name}"
    for name in list(head.structs) + sorted(head.handles) + list(head.constants):
        if rows.pop(name, None) is None:
            yield f"symbols-in-versions.md lacks {name}"
    for name in rows:
        yield f"symbols-in-versions.md lists {name}, which the header doesn't have"


def version(head, _):
    """VERSION, the header and Version.swift agree."""
    text = (ROOT / "VERSION").read_text().strip()
    major, minor, patch = (int(part) for part in text.split("."))
    number = major * 10000 + minor * 100 + patch
    source = (ROOT / "Sources/MeshRuntime/Version.swift").read_text()
    if head.constants["MESHKIT_VERSION_NUMBER"] != number:
        yield "MESHKIT_VERSION_NUMBER is not that of VERSION"
    if f'"{text}"' not in source or not re.search(rf"number: Int32 = {number}\b", source):
        yield "Version.swift is not that of VERSION"


CHECKS = (tags, types, version, statuses, documents, symbols, linkage)
