"""gRPC on the control listener: Google's grpcio over HTTP/2, in clear and with TLS, and aioquic over HTTP/3."""

import asyncio
import gzip
import threading

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from http3 import connected, frame
from mesh import expect, get, wait_until

SERVICE = "meshkit.control.v1.Members"
PATIENCE = 10


class Members:
    """A client of the service that knows nothing of it but what reflection tells."""

    def __init__(self, channel):
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self.service = pool.FindServiceByName(SERVICE)
        self.channel = channel

    def method(self, name):
        method = self.service.methods_by_name[name]
        request, response = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
        make = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        call = make(f"/{SERVICE}/{name}", request_serializer=request.SerializeToString,
                    response_deserializer=response.FromString)
        return request, call


def failure(call):
    """The error that `call` ends with."""
    try:
        result = call()
        for _ in result if hasattr(result, "__iter__") else ():
            pass
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call went well")


def check_grpc(mesh):
    """grpcio finds the services by reflection, asks for health, lists and watches members, and gets statuses for mistakes."""
    node = mesh.nodes[0]
    with grpc.insecure_channel(f"127.0.0.1:{node.control_port}") as channel:
        check_health(channel)
        members = Members(channel)
        names = ProtoReflectionDescriptorDatabase(channel).get_services()
        expect({SERVICE, "grpc.health.v1.Health"} <= set(names), "the services", names)
        check_list(mesh, members)
        check_mistakes(channel, members)
        check_compression(channel, members)
        check_watch_ends(members)
    expect(node.metric("mesh_control_calls_total", method=f"{SERVICE}/List", code="0") > 0, "the metric of calls",
           get(f"{node.url}/metrics")[2].decode())
    wait_until(lambda: node.metric("mesh_control_watches") == 0, "watches that end with their callers")


def check_health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ("", SERVICE):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE)
        expect(answer.status == serving, f"the health of '{service}'", answer)
    error = failure(lambda: stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=PATIENCE))
    expect(error.code() == grpc.StatusCode.NOT_FOUND, "the health of nothing", error)
    watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    expect(next(watch).status == serving, "the first word of a watch", watch)
    watch.cancel()


def check_list(mesh, members):
    request, call = members.method("List")
    answer, context = call.with_call(request(), timeout=PATIENCE, metadata=[("x-any", "1"), ("x-any-bin", b"\x00\xff")])
    names = [member.node_id for member in answer.members]
    expect(names == sorted(names) and {node.name for node in mesh.nodes[:2]} <= set(names), "the members", answer)
    expect({member.metadata.cluster_id for member in answer.members} == {mesh.cluster}, "the metadata", answer)
    told = dict(context.initial_metadata())
    negotiated = [told.get(f"rpc-{name}") for name in ("transport", "protocol", "encoding")]
    expect(negotiated == ["grpc", "HTTP/2", "protobuf"], "leading metadata", told)
    paged, cursor = [], ""
    while not paged or cursor:
        page = call(request(page_size=1, cursor=cursor), timeout=PATIENCE)
        paged, cursor = paged + [member.node_id for member in page.members], page.next_cursor
    expect(paged == names, "pages", paged)
    for role, count in (("WORKER", len(names)), ("gateway", 0)):
        picked = call(request(filter={"role": role}), timeout=PATIENCE)
        expect(len(picked.members) == count, f"the members with the role {role}", picked)


def check_mistakes(channel, members):
    request, call = members.method("List")
    error = failure(lambda: call(request(cursor="nonsense"), timeout=PATIENCE))
    expect(error.code() == grpc.StatusCode.INVALID_ARGUMENT and "cursor" in error.details(), "a wrong cursor", error)
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)
    expect(status.details[0].Unpack(info) and (info.reason, info.domain) == ("INVALID_FILTER", "meshkit"), "its details",
           status)
    trailing = dict(error.trailing_metadata())
    expect(trailing.get("error-code") == "INVALID_FILTER", "trailing metadata", trailing)
    expect(trailing.get("grpc-status-details-bin") == status.SerializeToString(), "binary trailing metadata", trailing)
    check_metadata(request, call)
    raw = channel.unary_unary(f"/{SERVICE}/List")
    for body, code in ((b"\x08", grpc.StatusCode.INVALID_ARGUMENT), (b"x" * 70_000, grpc.StatusCode.RESOURCE_EXHAUSTED)):
        error = failure(lambda: raw(body, timeout=PATIENCE))
        expect(error.code() == code, f"a message of {len(body)} bytes", error)
    error = failure(lambda: channel.unary_unary("/none/such")(b"", timeout=PATIENCE))
    expect(error.code() == grpc.StatusCode.UNIMPLEMENTED, "an unknown method", error)
    twice = channel.stream_unary(f"/{SERVICE}/List")
    error = failure(lambda: twice(iter([b"", b""]), timeout=PATIENCE))
    expect(error.code() == grpc.StatusCode.INTERNAL, "two messages for one", error)
    error = failure(lambda: twice(iter([]), timeout=PATIENCE))
    expect(error.code() == grpc.StatusCode.INTERNAL, "no message", error)
    foreign = [("grpc.default_authority", "elsewhere.example")]
    with grpc.insecure_channel(channel._channel.target().decode(), options=foreign) as other:
        error = failure(lambda: other.unary_unary(f"/{SERVICE}/List")(b"", timeout=PATIENCE))
        expect(error.code() == grpc.StatusCode.PERMISSION_DENIED, "a foreign authority", error)


def check_metadata(request, call):
    """Binary metadata of every byte is taken, several values of a name as well, and more than 8 KiB are refused."""
    every = bytes(range(256))
    taken = [("rpc-caller", "interop"), ("x-any-bin", every), ("x-any-bin", b""), ("x-any", "a, b"),
             ("x-long-bin", bytes(6_000))]
    expect(len(call(request(page_size=1), timeout=PATIENCE, metadata=taken).members) == 1, "metadata", taken)
    error = failure(lambda: call(request(), timeout=PATIENCE, metadata=[("x-long-bin", bytes(9_000))]))
    expect(error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, "too much metadata", error)


def check_compression(channel, members):
    request, call = members.method("List")
    plain = call(request(), timeout=PATIENCE)
    squeezed = call(request(filter={"labels": []}), timeout=PATIENCE, compression=grpc.Compression.Gzip)
    expect([m.node_id for m in plain.members] == [m.node_id for m in squeezed.members], "gzip", squeezed)
    bomb = channel.unary_unary(f"/{SERVICE}/List")
    error = failure(lambda: bomb(bytes(30_000_000), timeout=PATIENCE, compression=grpc.Compression.Gzip))
    expect(error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, "30 MB in few bytes", error)


def check_watch_ends(members):
    """A watch ends by its caller's word, or by its deadline."""
    request, call = members.method("Watch")
    error = failure(lambda: call(request(), timeout=0.3))
    expect(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, "a watch with a deadline", error)
    stream = call(request())
    expect(next(stream).snapshot.complete, "a snapshot", stream)
    stream.cancel()


def check_grpc_watch(mesh):
    """A watch over gRPC with TLS sees a drain and a join at once, goes on after a break, and ends when the node does."""
    mesh.issue("called", "caller")
    node = mesh.start("called", control={"tls": "on", "loopbackScopes": "mesh.operate"})
    trust = grpc.ssl_channel_credentials((mesh.certificates / "ca.pem").read_bytes())
    with grpc.secure_channel(f"localhost:{node.control_port}", trust) as channel:
        request, call = Members(channel).method("Watch")
        stream, events = call(request()), []
        reader = threading.Thread(target=lambda: collect(stream, events))
        reader.start()
        wait_until(lambda: events, "a snapshot")
        token = events[0].token
        expect(events[0].snapshot.first and events[0].snapshot.complete and token, "the snapshot", events)
        mesh.start("caller", seeds=[f"127.0.0.1:{node.mesh_port}"])
        wait_until(lambda: any(event.change.node_id == "caller" for event in events), "the news of a join")
        again = call(request(after=token), timeout=PATIENCE)
        expect(next(again).change.node_id == "caller", "what was missed", again)
        again.cancel()
        lost = call(request(after="zz-9"), timeout=PATIENCE)
        expect(next(lost).resync == "token-unknown" and next(lost).snapshot.first, "a token of nowhere", lost)
        lost.cancel()
        asyncio.run(over_http3(mesh, node))
        expect(node.stop() == 0, "exit code", node.process.returncode)
        reader.join(PATIENCE)
        expect(not reader.is_alive() and events[-1] == grpc.StatusCode.UNAVAILABLE, "the end", events[-1:])


def collect(stream, events):
    try:
        for event in stream:
            events.append(event)
    except grpc.RpcError as error:
        events.append(error.code())


async def over_http3(mesh, node):
    """Health by aioquic: in pieces, compressed, and with a caller that waits with its message."""
    async with connected(mesh, node, None, port=node.control_port) as client:
        path = "/grpc.health.v1.Health/Check"
        stream = client.request(path, b"", end=False, authority="localhost")
        body = frame(b"")
        for start in range(len(body)):
            client.send(stream, body[start:start + 1])
            await asyncio.sleep(0.01)
        client.send(stream, b"", end=True)
        answer = await stream.end()
        expect((answer.grpc_status, answer.body) == ("0", frame(b"\x08\x01")), "health over HTTP/3",
               (answer.fields, answer.body))
        squeezed = frame(gzip.compress(b""), flags=1)
        answer = await client.request(path, squeezed, authority="localhost", more=[("grpc-encoding", "gzip")]).end()
        expect(answer.grpc_status == "0", "a compressed message", answer.fields)
        answer = await client.request(path, frame(b""), authority="localhost", more=[("grpc-encoding", "br")]).end()
        expect(answer.grpc_status == "12", "an unknown compression", answer.fields)
        for value, status in (("AP8=,AQ", "0"), ("AP8, AQ==", "0"), ("A", "13"), ("AQ,!", "13"), ("," * 100, "8")):
            more = [("x-any-bin", value), ("grpc-other-bin", "!")]
            answer = await client.request(path, frame(b""), authority="localhost", more=more).end()
            expect(answer.grpc_status == status, f"binary metadata as {value}", answer.fields)
        answer = await client.request(path, frame(b"")[:3], authority="localhost").end()
        expect(answer.grpc_status == "13", "half a message", answer.fields)
