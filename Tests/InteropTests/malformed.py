"""What no honest peer sends: to the mesh port, to the mesh service, and to the control listener."""

import asyncio
import importlib.util
import os
import pathlib
import random
import socket
import struct
import time

from http3 import PATIENCE, SERVICE, client_configuration, connected, frame, Client
from mesh import expect, get, wait_until
from trust import expect_answers_ping

from aioquic.asyncio import connect

DROPPED, REJECTED = "mesh_transport_datagrams_dropped_total", "mesh_gossip_rejected_total"
MESSAGE_BYTES_MAX = 256 * 1024
PAYLOAD_BYTES_MAX = 1024


# MARK: Datagrams

def check_datagrams(mesh):
    """Garbage on the mesh port is dropped and counted by reason; another QUIC version gets Version Negotiation."""
    node = target(mesh)
    before = {reason: node.metric(DROPPED, reason=reason) for reason in (
        "no QUIC packet", "unknown QUIC version", "unknown connection", "longer than 2048 bytes",
        "no first packet of a connection")}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", node.mesh_port))
        udp.settimeout(15)
        expect_version_negotiation(udp)
        expect_stateless_reset(udp)
        for datagram in (b"", b"\0", b"\xc0", os.urandom(3000), long_header(1, b"1" * 21), long_header(1, b"1" * 8, 60)):
            udp.send(datagram)
    for reason, count in before.items():
        wait_until(lambda: node.metric(DROPPED, reason=reason) > count, f"the count of '{reason}'")
    source = random.Random(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", node.mesh_port))
        for _ in range(2000):
            udp.send(source.randbytes(source.randrange(1500)))
            udp.send(mutated_initial(source))
    expect_answers_ping(mesh, node)


def long_header(version, destination, size=1200):
    head = b"\xc0" + struct.pack("!I", version) + bytes([len(destination)]) + destination + bytes([8]) + b"sourceid"
    return head.ljust(size, b"\0")


def mutated_initial(source):
    """A first packet of QUIC version 1 whose protected part is noise."""
    head = b"\xc3" + struct.pack("!I", 1) + b"\x08" + source.randbytes(8) + b"\x08" + source.randbytes(8) + b"\0"
    return head + struct.pack("!H", 0x4000 | 1170) + source.randbytes(1170)


def expect_version_negotiation(udp):
    udp.send(long_header(0x1A2A3A4A, b"destinat"))
    answer = udp.recv(2048)
    # RFC 8999 section 6: version 0, the two ids exchanged, then the versions on offer.
    expect(answer[0] & 0x80 and answer[1:5] == b"\0\0\0\0", "a Version Negotiation packet", answer.hex())
    expect(answer[5:23] == b"\x08sourceid\x08destinat", "its connection ids", answer.hex())
    expect(answer[23:] == b"\0\0\0\1", "its versions", answer.hex())


def expect_stateless_reset(udp):
    packet = b"\x40" + os.urandom(99)
    udp.send(packet)
    answer = udp.recv(2048)
    expect(21 <= len(answer) < len(packet) and answer[0] & 0xC0 == 0x40, "a stateless reset", answer.hex())


# MARK: HTTP/3 and gRPC

def check_requests(mesh):
    """Wrong paths, methods, types, frames and messages over HTTP/3 get the status for them, and each is counted."""
    node = target(mesh)
    asyncio.run(wrong_requests(mesh, node))
    asyncio.run(wrong_unary_messages(mesh, node))
    expect_answers_ping(mesh, node)


async def wrong_requests(mesh, node):
    async with connected(mesh, node) as client:
        for path, method, kind, status in [
            ("/", "GET", "text/plain", "404"), ("/control/peers", "GET", "application/json", "404"),
            (SERVICE + "Ping", "GET", "application/grpc", "405"), (SERVICE + "Ping", "POST", "text/plain", "415"),
            (SERVICE + "Ping", "POST", "application/grpc+json", "415"), (SERVICE + "ping", "POST", "text/plain", "404"),
        ]:
            answer = await client.request(path, b"", method, kind).end()
            expect(answer.status == status, f"{method} {path} as {kind}", answer.fields)
        for path in (SERVICE + "Nothing", "/meshkit.mesh.v2.Mesh/Ping"):
            answer = await client.request(path, frame(b"")).end()
            expect(answer.grpc_status == "12", path, answer.fields)
        answer = await client.request(SERVICE + "Ping", frame(b""), more=[("grpc-encoding", "gzip")]).end()
        expect(answer.grpc_status == "12", "an announced compression", answer.fields)
    for raw, code, what in [
        (b"\0\1x", 0x105, "DATA before HEADERS is H3_FRAME_UNEXPECTED"),
        (b"\4\0", 0x105, "SETTINGS on a request stream is H3_FRAME_UNEXPECTED"),
        (b"\1\2\xff\xff", 0x200, "broken field lines are QPACK_DECOMPRESSION_FAILED"),
        (b"\1" + struct.pack("!H", 0x4000 | 12000) + long_fields(12000), 0x107, "too many fields are H3_EXCESSIVE_LOAD"),
    ]:
        await expect_closed(mesh, node, raw, code, what)
    async with connected(mesh, node) as client:
        number = client.say(b"\1\4\0\0\xc1\xc1")
        reset = await asyncio.wait_for(client.resets.get(), PATIENCE)
        expect(reset == (number, 0x10E), "two paths are H3_MESSAGE_ERROR of their stream alone", reset)
        answer = await client.request(SERVICE + "Ping", frame(b"")).end()
        expect(answer.grpc_status == "0", "Ping on the same connection", answer.fields)
    configuration = client_configuration(mesh, "visitor")
    configuration.alpn_protocols = ["h2"]
    async with connect("127.0.0.1", node.mesh_port, configuration=configuration, create_protocol=Client,
                       wait_connected=False) as client:
        client.transmit()
        end = await asyncio.wait_for(client.terminated, PATIENCE)
        expect(end.error_code == 0x100 + 120, "another ALPN is no_application_protocol", hex(end.error_code))


def long_fields(length):
    """A QPACK field section of `length` bytes (RFC 9204): `accept: */*` of the static table again and again."""
    return b"\0\0".ljust(length, b"\xdd")


async def expect_closed(mesh, node, raw, code, what):
    """Bytes on a request stream that end the connection with an error of HTTP/3 (RFC 9114 section 8.1)."""
    before = await asyncio.to_thread(node.total, REJECTED)
    async with connected(mesh, node) as client:
        client.say(raw)
        end = await asyncio.wait_for(client.terminated, PATIENCE)
        expect(end.error_code == code, what, hex(end.error_code))
    await expect_rejected(node, before, what)


def payload(length):
    return b"\x0a" + varint(length) + b"p" * length


def varint(number):
    made = b""
    while number > 0x7F:
        made, number = made + bytes([number & 0x7F | 0x80]), number >> 7
    return made + bytes([number])


async def wrong_unary_messages(mesh, node):
    async with connected(mesh, node) as client:
        answer = await client.request(SERVICE + "Ping", frame(payload(PAYLOAD_BYTES_MAX))).end()
        expect(answer.grpc_status == "0", f"a payload of {PAYLOAD_BYTES_MAX} bytes", answer.fields)
        for what, body, status in [
            ("a payload over its limit", frame(payload(PAYLOAD_BYTES_MAX + 1)), "3"),
            ("bytes that are no Protobuf", frame(b"\xff\xff\xff"), "3"),
            ("a compressed message", frame(b"x", flags=1), "12"), ("unknown flags", frame(b"x", flags=0x82), "13"),
            ("a length over the limit", frame(b"", length=MESSAGE_BYTES_MAX + 1), "8"),
            ("the greatest length", frame(b"", length=0xFFFFFFFF), "8"), ("a message cut off", frame(b"x", length=7), "13"),
            ("a prefix cut off", b"\0\0\0", "13"),
        ]:
            before = await asyncio.to_thread(node.total, REJECTED)
            answer = await client.request(SERVICE + "Ping", body).end()
            expect(answer.grpc_status == status, what, answer.fields)
            await expect_rejected(node, before, what)
        for what, body in [("no message", b""), ("two messages", frame(b"") + frame(b""))]:
            answer = await client.request(SERVICE + "Ping", body).end()
            expect(answer.grpc_status == "12", what, answer.fields)


async def expect_rejected(node, before, what, by=1):
    await asyncio.to_thread(
        wait_until, lambda: node.total(REJECTED) == before + by, f"{what} is counted once in {REJECTED}")


# MARK: The link

def check_links(mesh):
    """Wrong first words, second hellos and broken frames on MeshStream are counted, and end the link where they must."""
    node = target(mesh)
    asyncio.run(wrong_links(mesh, node, schema()))
    expect_answers_ping(mesh, node)
    expect(not {"visitor", "mesh-b"} & {name for name, status in node.statuses().items() if status == "Alive"},
           "members that a wrong hello made", node.statuses())


def schema():
    """Makes messages with Google's runtime, from the published .proto."""
    path = pathlib.Path(__file__).resolve().parent / "protobuf" / "check.py"
    spec = importlib.util.spec_from_file_location("protobuf_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.message_class(module.load_schema(), "meshkit.mesh.v1", "MeshFrame")


def hello(kind, mesh, name="visitor", cluster=None, version=1, epoch=1):
    made = kind()
    made.hello.protocol_version = made.hello.protocol_version_min = version
    made.hello.cluster_id = cluster or mesh.cluster
    made.hello.record.node_id, made.hello.record.epoch, made.hello.record.state = name, epoch, 1
    made.hello.record.metadata.cluster_id = made.hello.cluster_id
    made.hello.record.metadata.endpoint, made.hello.record.metadata.metadata_version = "127.0.0.1:9", 1
    return frame(made.SerializeToString())


async def wrong_links(mesh, node, kind):
    ping = kind()
    ping.ping.sequence = 1
    for what, body, reason in [
        ("another cluster", hello(kind, mesh, cluster="elsewhere"), "another cluster"),
        ("another protocol version", hello(kind, mesh, version=9), "protocol version"),
        ("another node's name", hello(kind, mesh, name="mesh-b"), "certificate does not speak for this node"),
    ]:
        before = len(node.refusals())
        port = await link_that_ends(mesh, node, body, what)
        await asyncio.to_thread(wait_until, lambda: len(node.refusals()) > before, f"the record of {what}")
        found = node.refusals()[before:]
        expect(found == [(f"127.0.0.1:{port}", reason, "inbound")], f"records of {what}", found)
    for what, body in [
        ("a ping before the hello", frame(ping.SerializeToString())), ("bytes that are no Protobuf", frame(b"\xff\xff")),
        ("an empty message", frame(b"")), ("a compressed message", frame(b"x", flags=1)),
        ("a length over the limit", frame(b"", length=MESSAGE_BYTES_MAX + 1)),
    ]:
        before = await asyncio.to_thread(node.total, REJECTED)
        await link_that_ends(mesh, node, body, what)
        await expect_rejected(node, before, what)
    async with connected(mesh, node) as client:
        link = await client.open_link()
        second = await client.open_link()
        expect(second.grpc_status == "6", "a second link on one connection", second.fields)
        before = await asyncio.to_thread(node.total, REJECTED)
        # An epoch of its own: who was here before is not taken for it.
        epoch, goodbyes = int(time.time()), node.goodbyes("visitor")
        client.send(link, hello(kind, mesh, epoch=epoch) * 2)
        await expect_rejected(node, before, "a second hello")
        await hostile_claims(node, client, link, kind)
        # Nothing but a goodbye would make the node forget an honest visitor.
        leave = kind()
        leave.news.records.add(node_id="visitor", epoch=epoch, incarnation=0, state=4)
        client.send(link, frame(leave.SerializeToString()))
        await asyncio.to_thread(wait_until, lambda: node.goodbyes("visitor") > goodbyes, "the goodbye")


async def hostile_claims(node, client, link, kind):
    """Claims of a member about others, at the ends of every range: the node neither dies nor forgets who it is."""
    for number, (name, epoch, incarnation, state) in enumerate([
        (node.name, 2**64 - 1, 2**32 - 1, 3), (node.name, 2**64 - 1, 0, 4), (node.name, 1, 2**32 - 1, 2),
        ("visitor", 2**64 - 1, 2**32 - 1, 3), ("ghost", 2**64 - 1, 2**32 - 1, 1), ("ghost", 0, 0, 3),
    ]):
        news = kind()
        record = news.news.records.add(node_id=name, epoch=epoch, incarnation=incarnation, state=state)
        if state in (2, 3):
            record.accuser = "visitor"
        if state == 1:
            record.metadata.metadata_version, record.metadata.endpoint = 2**63 - 1, "127.0.0.1:1"
        client.send(link, frame(news.SerializeToString()))
        ping = kind()
        ping.ping.sequence = 2**64 - 1 - number
        client.send(link, frame(ping.SerializeToString()))
        await asyncio.to_thread(
            wait_until, lambda: ping.ping.sequence in acknowledged(link.body, kind), f"the ack after a claim of {name}")
        alive = (await asyncio.to_thread(node.statuses)).get(node.name)
        expect(alive == "Alive", f"{node.name} of itself after a claim about {name}", alive)


def acknowledged(body, kind):
    """The sequences of the acks among the messages in `body`."""
    found = set()
    while len(body) >= 5 and len(body) >= 5 + int.from_bytes(body[1:5], "big"):
        end = 5 + int.from_bytes(body[1:5], "big")
        message = kind.FromString(body[5:end])
        if message.WhichOneof("message") == "ack":
            found.add(message.ack.sequence)
        body = body[end:]
    return found


async def link_that_ends(mesh, node, body, what):
    """Opens a link, says `body`, and waits until the node has ended it. Gives the own port."""
    async with connected(mesh, node) as client:
        link = await client.open_link()
        expect(link.status == "200", "MeshStream", link.fields)
        client.send(link, body)
        ended = asyncio.ensure_future(link.ended.wait())
        done, _ = await asyncio.wait([ended, client.terminated], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        expect(done, f"the link ends after {what}", "nothing")
        ended.cancel()
        return client.port


# MARK: The control listener

def check_control(mesh):
    """The control listener answers garbage with 400, 413, 414, 431 or 505, foreign Host and Origin with 403, and lives."""
    node = target(mesh)
    host = f"Host: 127.0.0.1:{node.control_port}\r\n"
    for what, text, status in [
        ("garbage", b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n", 400), ("no version", b"GET /healthz\r\n\r\n", 400),
        ("what only begins as HTTP/2 does", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505),
        ("a long target", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n", 414),
        ("long fields", b"GET /healthz HTTP/1.1\r\n" + b"X: " + b"y" * 20000 + b"\r\n\r\n", 431),
        ("two lengths", b"POST /healthz HTTP/1.1\r\n" + host.encode()
         + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        ("a long body", b"POST /healthz HTTP/1.1\r\n" + host.encode() + b"Content-Length: 99999999\r\n\r\n", 413),
        ("a foreign Host", b"GET /control/peers HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        ("a Host that only looks local", b"GET /control/peers HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 403),
        ("a foreign Origin", b"GET /control/peers HTTP/1.1\r\n" + host.encode()
         + b"Origin: https://evil.example\r\n\r\n", 403),
        ("the Origin null", b"GET /control/peers HTTP/1.1\r\n" + host.encode() + b"Origin: null\r\n\r\n", 403),
        ("an own Origin", b"GET /control/peers HTTP/1.1\r\n" + host.encode() + b"Origin: http://localhost\r\n\r\n", 200),
    ]:
        answer = spoken(node, text)
        expect(answer.startswith(f"HTTP/1.1 {status} ".encode()), f"{what} is {status}", answer[:100])
    source = random.Random(11)
    for _ in range(200):
        spoken(node, source.randbytes(source.randrange(1, 400)) + b"\r\n\r\n")
    expect(get(f"{node.url}/healthz")[0] == 200, "/healthz afterwards", "another")
    expect(node.stop() == 0, "exit code", node.process.returncode)


def spoken(node, text):
    """What the control listener answers to `text`, up to the end of the connection or 0.3 s of silence."""
    with socket.create_connection(("127.0.0.1", node.control_port), timeout=15) as connection:
        answer = b""
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except (ConnectionError, TimeoutError):
            pass
        return answer


def target(mesh):
    """A node of its own for these checks, so that what visitors say stays away from the others."""
    for node in mesh.nodes:
        if node.name == "mesh-target" and node.process.poll() is None:
            return node
    mesh.issue("mesh-target")
    return mesh.start("mesh-target")
