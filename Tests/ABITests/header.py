"""Reads meshkit.h by its own convention: one declaration form, one comment form, numbers as macros.

What the checks, the libffi table and the layout program know of the interface comes from here and nowhere else.
"""
import re
from dataclasses import dataclass, field
from pathlib import Path

TAGS = ("since", "owns", "threads", "blocks", "callback-safe", "completes")
NUMBERS = {"int32_t", "uint32_t", "int64_t", "uint64_t", "size_t", "meshkit_status_t"}


@dataclass
class Parameter:
    type: str
    name: str


@dataclass
class Function:
    name: str
    returns: str
    parameters: list
    comment: str
    tags: dict = field(default_factory=dict)


@dataclass
class Header:
    functions: list
    structs: dict  # name -> field names, in order
    handles: set  # opaque types
    constants: dict  # name -> number
    text: str


def plain(text):
    """C without comments and annotations."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"\bMESHKIT_NULLABLE\b", "", text)


def parse_parameter(text):
    match = re.fullmatch(r"(.*?[\s*])(\w+)", text.strip(), re.S)
    return Parameter(re.sub(r"\s+", " ", match[1]).replace(" *", "*").strip(), match[2])


def parse_functions(text):
    pattern = r"/\*\*((?:(?!\*/).)*)\*/\s*((?:const )?\w+)\s+(\*?)(meshkit_\w+)\(((?:[^()]|\n)*)\);"
    for comment, returns, star, name, parameters in re.findall(pattern, text, re.S):
        comment = re.sub(r"^\s*\* ?", "", comment, flags=re.M)
        parameters = plain(parameters).strip()
        items = [] if parameters == "void" else [parse_parameter(item) for item in parameters.split(",")]
        tags = dict(re.findall(r"^@([\w-]+) +(.*\S)", comment, re.M))
        yield Function(name, returns + star, items, comment, tags)


def parse_structs(text):
    bare = plain(text)
    for name, body, alias in re.findall(r"struct (meshkit_\w+)\s*\{(.*?)\n\}\s*(\w*);", bare, re.S):
        fields = []
        for line in body.split(";"):
            pointer = re.search(r"\(\*\s*(\w+)\)", line)
            names = pointer or re.search(r"(\w+)\s*$", line)
            if names:
                fields.append(names[1])
        yield alias or name, fields


def parse(*paths):
    text = "".join(Path(path).read_text() for path in paths)
    structs = dict(parse_structs(text))
    opaque = set(re.findall(r"typedef struct (meshkit_\w+) \1;", text)) - set(structs)
    numbers = re.findall(r"^#define (MESHKIT_\w+) \(?(-?(?:0x)?[0-9a-f]+)u?\)?(?:\s|$)", text, re.M)
    constants = {name: int(value, 0) for name, value in numbers}
    return Header(list(parse_functions(text)), structs, opaque, constants, text)
