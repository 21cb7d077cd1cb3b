"""`/v1/members?watch=true` as curl and aioquic read it: snapshot, changes, and going on where one left off."""

import asyncio
import contextlib
import json
import subprocess
import threading

from http3 import connected
from mesh import Failure, expect, wait_until

PATH = "/v1/members?watch=true"


class Events:
    """The events of one stream, parsed as the HTML standard says (§9.2.6), as far as they have come."""

    def __init__(self):
        self.list, self.last_id, self.fields = [], None, {}

    def feed(self, line):
        """Takes one line without its end."""
        if line == "":
            if "data" in self.fields:
                self.list.append((self.fields.get("event", "message"), json.loads(self.fields["data"])))
            self.last_id = self.fields.get("id", self.last_id)
            self.fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            self.fields[name] = value.removeprefix(" ")

    def names(self):
        return [name for name, _ in self.list]

    def status(self, node):
        """What the last event that speaks of `node` says of it: its status, and whether it drains."""
        found = None
        for name, data in list(self.list):
            members = data.get("members", [data["member"]] if "member" in data else [])
            found = next(((m["status"], m.get("draining", False)) for m in members if m["nodeId"] == node), found)
            found = None if name == "members.removal" and data["nodeId"] == node else found
        return found


@contextlib.contextmanager
def curl_stream(mesh, node, flag, query="", header=None):
    """The events that curl reads while the block runs."""
    command = ["curl", "--silent", "--no-buffer", "--ipv4", "--cacert", mesh.certificates / "ca.pem", flag,
               *(["--header", header] if header else []), f"https://localhost:{node.control_port}{PATH}{query}"]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    events = Events()
    reader = threading.Thread(target=lambda: [events.feed(line.rstrip("\n")) for line in process.stdout], daemon=True)
    reader.start()
    try:
        yield events
    finally:
        process.kill()
        process.wait()
        reader.join()


def operate(mesh, node, what):
    subprocess.run(["curl", "--silent", "--fail", "--ipv4", "--cacert", str(mesh.certificates / "ca.pem"), "--request",
                    "POST", "--output", "/dev/null", f"https://localhost:{node.control_port}/v1/node/{what}"], check=True)


def check_watch(mesh):
    """Streams over all versions of HTTP tell a snapshot, each change at once, and go on where they broke off."""
    mesh.issue("watched", "passer")
    node = mesh.start("watched", control={"tls": "on", "loopbackScopes": "mesh.operate"})
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(curl_stream(mesh, node, flag)) for flag in ("--http1.1", "--http2")]
        filtered = stack.enter_context(curl_stream(mesh, node, "--http2", "&status=alive&role=gateway"))
        for events in [*streams, filtered]:
            wait_until(lambda: events.list, "a snapshot")
            expect(events.list[0][0] == "members.snapshot" and events.list[0][1]["complete"], "the snapshot", events.list)
        printed = mesh.work / "peers.txt"
        with printed.open("wb") as out:
            command = subprocess.Popen([mesh.meshkit, "mesh", "peers", "list", "--watch", "--cacert",
                                        mesh.certificates / "ca.pem", "--url", f"https://localhost:{node.control_port}"],
                                       stdout=out, stderr=subprocess.STDOUT)
        stack.callback(command.kill)
        wait_until(lambda: " watched " in printed.read_text(), "the command's first lines")
        passer = mesh.start("passer", seeds=[f"127.0.0.1:{node.mesh_port}"])
        for events in streams:
            wait_until(lambda: events.status("passer") == ("Alive", False), "the news of a join")
        operate(mesh, node, "drain")
        for events in streams:
            wait_until(lambda: events.status("watched") == ("Alive", True), "the news of a drain")
        left_off = streams[0].last_id
        expect(passer.stop() == 0, "exit code of passer", passer.process.returncode)
        for events in streams:
            wait_until(lambda: events.status("passer") == ("Left", False), "the news of a leave")
        wait_until(lambda: " passer " in printed.read_text() and " Left " in printed.read_text(), "the command's lines")
        expect(filtered.names() == ["members.snapshot"], "what a filter lets through", filtered.list)
        for query, header in ((f"&after={left_off}", None), ("", f"Last-Event-ID: {left_off}")):
            with curl_stream(mesh, node, "--http2", query, header) as events:
                wait_until(lambda: events.status("passer") == ("Left", False), "what was missed")
                expect(set(events.names()) == {"members.change"}, "a stream that goes on", events.list)
        with curl_stream(mesh, node, "--http1.1", "&after=zz-1") as events:
            wait_until(lambda: "members.snapshot" in events.names(), "a snapshot")
            expect(events.names()[0] == "members.resync", "a token of nowhere", events.list)
    asyncio.run(over_http3(mesh, node))
    with curl_stream(mesh, node, "--http2") as events:
        wait_until(lambda: events.list, "a snapshot")
        operate(mesh, node, "leave")
        wait_until(lambda: node.process.poll() == 0, "a leave in spite of those who watch")
        expect(events.status("watched") is not None, "what was told before", events.list)


async def over_http3(mesh, node):
    """The same stream by aioquic: its snapshot, and news that comes while it is read."""
    async with connected(mesh, node, None, port=node.control_port) as client:
        stream = client.request(PATH, b"", "GET", "text/plain", authority="localhost")
        events = await told(stream, lambda events: "members.snapshot" in events.names())
        expect(stream.status == "200" and stream.fields.get("content-type") == "text/event-stream", "the head",
               stream.fields)
        expect(events.names() == ["members.snapshot"] and events.status("watched") == ("Alive", True), "the snapshot",
               stream.body)
        await asyncio.to_thread(operate, mesh, node, "resume")
        await told(stream, lambda events: events.status("watched") == ("Alive", False))
        expect(not stream.ended.is_set(), "whether it goes on", "its end")


async def told(stream, condition):
    """The events of `stream`, once they meet `condition`."""
    for _ in range(500):
        events = Events()
        for line in stream.body.decode().split("\n"):
            events.feed(line)
        if condition(events):
            return events
        await asyncio.sleep(0.02)
    raise Failure(f"not told within 10 s: {stream.body}")
