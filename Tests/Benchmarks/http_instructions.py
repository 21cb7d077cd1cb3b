"""How many instructions a server executes in user mode for one request, counted by callgrind: a figure that other
programs on the machine don't change, and a run doesn't either."""

import re

from fleet import Failure
from http_clients import CONNECTIONS, STREAMS
from http_tools import CIPHER, needed, output, pinned

# Requests of the two loads whose difference counts: handshakes and the like are in both.
FEW, MANY = 200, 2200
TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def counted(folder):
    """What stands before a command whose instructions are to be counted in `folder`."""
    folder.mkdir()
    return [needed("valgrind"), "-q", "--tool=callgrind", "--instr-atstart=no",
            f"--log-file={folder / 'log'}", f"--callgrind-out-file={folder / 'counts'}"]


def host(program, folder):
    """A program that runs `program` and has its instructions counted in `folder`."""
    script = folder.with_suffix(".sh")
    script.write_text(f"#!/bin/sh\nexec {' '.join(str(word) for word in counted(folder))} {program}\n")
    script.chmod(0o755)
    return script


class Counter:
    """Counts the instructions of the server `pid` for requests over HTTP/1.1 or HTTP/2."""

    def __init__(self, pid, port, path, folder, cores):
        self.pid, self.url, self.folder, self.cores = pid, f"https://127.0.0.1:{port}{path}", folder, cores

    def a_request(self, version):
        self.load(version, FEW)
        few, many = self.total(version, FEW), self.total(version, MANY)
        return (many - few) / (MANY - FEW)

    def total(self, version, count):
        self.control("--zero")
        self.control("--instr=on")
        self.load(version, count)
        before = set(self.folder.iterdir())
        self.control("--dump")
        self.control("--instr=off")
        found = [TOTAL.search(path.read_text()) for path in set(self.folder.iterdir()) - before]
        return sum(int(total[1]) for total in found if total)

    def control(self, what):
        output([needed("callgrind_control"), what, str(self.pid)], "callgrind_control")

    def load(self, version, count):
        flags = {1: ["--h1"], 2: ["--max-concurrent-streams", STREAMS]}[version]
        printed = output(pinned(self.cores.client, needed("h2load"), "--threads", 1, "--clients", CONNECTIONS, *flags,
                                "--requests", count, "--tls13-ciphers", CIPHER, self.url), "h2load")
        if f" {count} succeeded" not in printed:
            raise Failure(f"h2load did not get {count} answers")
