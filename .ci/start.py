#!/usr/bin/env python3
"""Pastes the commands of docs/start.md into one shell, in order, as a newcomer would, after `make build`. The ports are
others, so that nothing that runs on this machine is in the way, and each `sleep` lasts until what it is for has come.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 120
# What the shell must show, in this order: both nodes, the suspicion, the end of the killed one, and its return.
EXPECTED = [
    r"^mesh-a +Alive +gateway", r"^mesh-b +Alive +worker", r'^mesh_gossip_members\{mesh_status="alive"\} 2$',
    r"^mesh-b +Suspect", r"^mesh-b +Left", r"^mesh-b +Alive",
]
# What each `sleep` of the page is for. A newcomer who sees that it isn't there yet looks once more, and so does this.
AWAITED = ["mesh-b +Alive", "mesh-b +Suspect", "mesh-b +Alive", "mesh-b +Left", "mesh-b +Alive"]


def free_ports(kind, count):
    """Ports that nobody has right now."""
    sockets = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def script():
    """The page's shell blocks as one script."""
    page = (ROOT / "docs" / "start.md").read_text()
    text = "".join(re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    text = re.sub(r"^make build$", ":", text, flags=re.MULTILINE)
    ports = free_ports(socket.SOCK_DGRAM, 2) + free_ports(socket.SOCK_STREAM, 2)
    for number, port in zip(("17421", "17422", "8080", "8081"), ports):
        text = re.sub(rf"\b{number}\b", port, text)
    # The command's own default has the documented port in it.
    listing = f"meshkit mesh peers list --url http://127.0.0.1:{ports[2]}"
    text = text.replace("meshkit mesh peers list", listing)
    sleeps = len(re.findall(r"^sleep \d+$", text, re.MULTILINE))
    if sleeps != len(AWAITED):
        sys.exit(f"docs/start.md sleeps {sleeps} times, and AWAITED knows what {len(AWAITED)} of them are for")
    awaited = iter(AWAITED)
    text = re.sub(r"^sleep \d+$", lambda _: f"until {listing} 2>&1 | grep -E '^{next(awaited)}' > /dev/null; do sleep 0.1; done",
                  text, flags=re.MULTILINE)
    return "set -e -o pipefail\n" + text


def missing(shown):
    """The first of EXPECTED that isn't found behind the one before it, or None."""
    place = 0
    for pattern in EXPECTED:
        found = re.compile(pattern, re.MULTILINE).search(shown, place)
        if found is None:
            return pattern
        place = found.end()
    return None


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    shutil.rmtree(ROOT / "build" / "start", ignore_errors=True)
    shell = subprocess.Popen(["bash", "-c", script()], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        shown, _ = shell.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        shown, _ = shell.communicate()
        print(f"{shown}\ndocs/start.md: not done within {PATIENCE} s", file=sys.stderr)
        return 1
    finally:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    # `wait` answers with the code of the last job, which the signal ended.
    pattern = missing(shown)
    if pattern is not None:
        print(f"{shown}\ndocs/start.md: the shell ended with {shell.returncode} and never showed: {pattern}", file=sys.stderr)
        return 1
    print("ran the commands of docs/start.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
