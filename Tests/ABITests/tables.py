"""Writes the C that the other tests compile: the libffi table and the layout program, both out of the header."""
import header

KINDS = {"meshkit_config_t", "meshkit_events_t", "meshkit_node_t", "meshkit_members_t", "meshkit_error_t", "meshkit_text_t",
         "meshkit_queue_t", "meshkit_dead_letters_t", "meshkit_backpressure_t",
         "meshkit_gate_t", "meshkit_pump_t"}


def argument_kind(function, index, head):
    """The name of the set of wrong values that ffi.c tries for this parameter."""
    parameter = function.parameters[index]
    kind = parameter.type.replace("const ", "")
    if parameter.name == "timeout_ms":
        return "ARG_TIMEOUT"
    if kind in header.NUMBERS:
        wide = {"size_t": "ARG_LENGTH", "int64_t": "ARG_I64", "uint64_t": "ARG_U64"}
        return wide.get(kind, "ARG_I32" if kind != "uint32_t" else "ARG_U32")
    base, stars = kind.rstrip("*"), kind.count("*")
    if base == "meshkit_bytes_t" and stars == 0:
        return "ARG_BYTES"
    if stars == 2 or base in ("size_t", "int64_t", "uint64_t", "meshkit_status_t"):
        return "ARG_OUT"
    if base == "char":
        return "ARG_CHARS"
    if base in ("meshkit_event_t", "meshkit_lease_t"):
        return "ARG_EVENT"
    if base in KINDS:
        return "ARG_" + base[len("meshkit_"):-2].upper()
    if base in head.structs:
        return "ARG_STRUCT"
    raise SystemExit(f"{function.name}: no wrong values for a parameter of type {kind}")


def return_kind(function):
    return {
        "void": "RET_VOID", "meshkit_status_t": "RET_STATUS", "int32_t": "RET_I32", "int64_t": "RET_I64",
        "uint64_t": "RET_U64", "size_t": "RET_U64", "meshkit_bytes_t": "RET_BYTES",
    }[function.returns]


def ffi_table(head):
    lines = ["/* Generated from the header by tables.py. */", "static const struct entry table[] = {"]
    for function in head.functions:
        kinds = [argument_kind(function, index, head) for index in range(len(function.parameters))]
        lines.append(f'  {{"{function.name}", {return_kind(function)}, {len(kinds)}, {{{", ".join(kinds) or "0"}}}}},')
    return "\n".join(lines + ["};", ""])


def layout_program(head):
    lines = ['#include <stdio.h>', '#include "meshkit_unstable.h"', "int main(void) {"]
    for name, fields in head.structs.items():
        lines.append(f'  printf("{name} size %zu align %zu\\n", sizeof({name}), _Alignof({name}));')
        for item in fields:
            lines.append(f'  printf("{name}.{item} offset %zu size %zu\\n", offsetof({name}, {item}), '
                         f"sizeof((({name} *)0)->{item}));")
    for name in head.constants:
        lines.append(f'  printf("{name} = %lld\\n", (long long){name});')
    for function in head.functions:
        parameters = ", ".join(f"{item.type} {item.name}" for item in function.parameters)
        lines.append(f'  puts("{function.returns} {function.name}({parameters or "void"})");')
    return "\n".join(lines + ["  return 0;", "}", ""])
