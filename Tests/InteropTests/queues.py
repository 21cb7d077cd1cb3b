"""Lease queues of a C host, as curl and the command see them: /v1/queues, OmniRelay's backpressure, metrics."""

import contextlib
import json
import pathlib
import subprocess
import threading

from mesh import Failure, Node, expect, get, run, wait_until
from watch import Events

HERE = pathlib.Path(__file__).resolve().parent
SIGNAL = ["isActive", "pendingCount", "observedAt", "highWatermark", "lowWatermark"]
STREAM = "/omnirelay/control/backpressure/stream"


class QueueHost(Node):
    """One queue_host.c, built against the stage that is tested."""

    def __init__(self, mesh, name):
        self.name, self.log = name, mesh.work / f"{name}.log"
        self.mesh_port = self.control_port = 0
        configuration = mesh.configuration(name, control={"loopbackScopes": "mesh.operate"})
        library, program = mesh.stage / "lib", mesh.work / "queue_host"
        run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I", HERE.parents[1] / "include", "-o", program,
             HERE / "queue_host.c", "-L", library, "-lmeshkit", f"-Wl,-rpath,{library}"])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([program, configuration], stdin=subprocess.PIPE, stdout=log,
                                            stderr=subprocess.STDOUT)
        mesh.nodes.append(self)
        self.wait_until_open()

    def tell(self, *words):
        """Drives the queue, and waits until it is done."""
        for word in words:
            before = self.log.read_text().count("\n")
            self.process.stdin.write(f"{word}\n".encode())
            self.process.stdin.flush()
            wait_until(lambda before=before: self.log.read_text().count("\n") > before, f"the queue's {word}")

    def queue(self):
        """The queue as `GET /v1/queues/{name}` tells it."""
        return json.loads(get(f"{self.url}/v1/queues/jobs%2F1")[2])


@contextlib.contextmanager
def lines_of(url, *options):
    """The lines that curl reads while the block runs."""
    process = subprocess.Popen(["curl", "--silent", "--no-buffer", *options, url], stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: [lines.append(line.rstrip("\n")) for line in process.stdout], daemon=True)
    reader.start()
    try:
        yield lines
    finally:
        process.kill()
        process.wait()
        reader.join()


def check_queues(mesh):
    """curl and the command see an attached queue: signals as lines and events, dead letters, a redrive, its end."""
    mesh.issue("queues")
    node = QueueHost(mesh, "queues")
    check_backpressure(node)
    check_dead_letters(mesh, node)
    check_figures(mesh, node)
    with lines_of(f"{node.url}/v1/queues?watch=true") as lines:
        wait_until(lambda: "event: queues.snapshot" in lines, "a snapshot")
        node.tell("close")
        wait_until(lambda: "event: queues.removal" in lines, "the word of the end")
    expect(get(f"{node.url}/v1/queues/jobs%2F1")[0] == 404, "a queue that is closed", "an answer")
    node.process.stdin.close()
    expect(node.process.wait(timeout=15) == 0, "exit code of the host", node.log.read_text())


def check_backpressure(node):
    url = f"{node.url}/omnirelay/control/backpressure"
    status, headers, body = get(url)
    signal = json.loads(body)
    expect((status, list(signal), signal["isActive"]) == (200, SIGNAL, False), "the first signal", body)
    expect(headers["Content-Type"] == "application/json; charset=utf-8", "its type", headers["Content-Type"])
    with lines_of(node.url + STREAM) as lines, \
            lines_of(f"{node.url}{STREAM}?queue=jobs%2F1", "--header", "Accept: text/event-stream") as stream:
        node.tell("put", "put")
        wait_until(lambda: json.loads(get(url)[2])["isActive"], "the overload")
        node.tell("done")
        wait_until(lambda: len(lines) >= 3, "three lines")
        told = [json.loads(line) for line in lines]
        expect([list(line) for line in told] == [SIGNAL] * 3, "the members of each line", lines)
        expect([line["isActive"] for line in told] == [False, True, False], "the lines", lines)
        expect((told[1]["pendingCount"], told[1]["highWatermark"], told[1]["lowWatermark"]) == (2, 2, 1), "the marks",
               lines)
        wait_until(lambda: sum(line.startswith("data: ") for line in stream) >= 3, "three events")
        events = Events()
        for line in stream:
            events.feed(line)
        expect([name for name, _ in events.list] == ["backpressure"] * 3, "the events", stream)
        expect([data for _, data in events.list] == told and events.last_id, "what they tell", stream)


def check_dead_letters(mesh, node):
    def command(*words):
        return run([mesh.meshkit, "queues", *words, "--url", node.url])
    node.tell("dead", "dead")
    url = f"{node.url}/v1/queues/jobs%2F1/dead-letters"
    page = json.loads(get(f"{url}?pageSize=1")[2])
    letter = page["deadLetters"][0]
    told = (letter["cause"], letter["lastError"], letter["key"], letter["payloadBytes"])
    expect(told == ("refused", "broken", "k", 6) and "payload" not in letter, "a dead letter", page)
    rest = json.loads(get(f"{url}?cursor={page['nextCursor']}&payload=true")[2])
    expect([letter["payload"] for letter in rest["deadLetters"]] == ["c2VjcmV0"], "the rest, with payloads", rest)
    listed = command("dead", "list", "jobs/1")
    expect(listed.count("refused") == 2 and letter["id"] in listed, "the command's list", listed)
    expect("again" in command("dead", "redrive", "jobs/1", letter["id"]), "the command's redrive", "another sentence")
    wait_until(lambda: (node.queue()["pending"], node.queue()["dead"]) == (1, 1), "the redriven task")
    wait_until(lambda: node.queue()["rates"]["admitted"] > 0, "rates")
    expect("\njobs/1 " in command("list"), "the command's table", command("list"))
    expect("redeliveries" in command("stats", "jobs/1"), "the command's figures", command("stats", "jobs/1"))
    refused = subprocess.run([mesh.meshkit, "queues", "stats", "nothing", "--url", node.url], capture_output=True,
                             text=True, check=False)
    expect(refused.returncode == 1 and "404" in refused.stderr, "a queue of no name", refused)


def check_figures(mesh, node):
    for name, value in {"taskqueue_enqueued_items_total": 4, "taskqueue_deadlettered_items_total": 2,
                        "taskqueue_completed_leases_total": 2, "taskqueue_dead_letters": 1,
                        "taskqueue_pending_items": 1}.items():
        found = node.metric(name, taskqueue_name="jobs/1")
        expect(found == value, name, found)
    wait_until(lambda: node.metric("omnirelay_resourcelease_pending_items_count") > 0, "a sample each second")
    transitions = node.metric("omnirelay_resourcelease_backpressure_transitions_events_total", state="active")
    expect(transitions == 1, "the transitions", transitions)
    text = mesh.work / "queues-metrics.txt"
    text.write_bytes(get(f"{node.url}/metrics")[2])
    remarks = subprocess.run(["promtool", "check", "metrics"], stdin=text.open("rb"), capture_output=True, text=True,
                             check=False).stderr.strip().splitlines()
    known = (HERE / "promtool" / "findings-queues").read_text().splitlines()
    if remarks != known:
        raise Failure(f"promtool's remarks: {remarks}")
