"""The mesh port over TCP, where links go when UDP is blocked."""

import pathlib
import shutil
import socket
import ssl
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from certificates import Authority, names_of
from mesh import expect, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICE = "/meshkit.mesh.v1.Mesh/"


def channel(mesh, certificate, key):
    trust = grpc.ssl_channel_credentials(
        (mesh.certificates / "ca.pem").read_bytes(), pathlib.Path(key).read_bytes(),
        pathlib.Path(certificate).read_bytes())
    node = mesh.nodes[0]
    return grpc.secure_channel(
        f"127.0.0.1:{node.mesh_port}", trust, [("grpc.ssl_target_name_override", node.name)])


def status_of(call):
    try:
        call(b"", timeout=15)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def check_mesh_grpc(mesh):
    """grpcio calls the mesh service over HTTP/2 with a member's certificate, and gets no answer with a stranger's."""
    certificate, key = (mesh.certificates / name for name in ("visitor.pem", "visitor-key.pem"))
    with channel(mesh, certificate, key) as known:
        # An empty request may be refused by the engine, but by a status of its own.
        code = status_of(known.unary_unary(SERVICE + "Ping"))
        expect(code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), "Ping", code)
        code = status_of(known.unary_unary(SERVICE + "Nothing"))
        expect(code == grpc.StatusCode.UNIMPLEMENTED, "an unknown method", code)
        answer = health_pb2_grpc.HealthStub(known).Check(health_pb2.HealthCheckRequest(), timeout=15)
        expect(answer.status == health_pb2.HealthCheckResponse.SERVING, "the health of the node", answer)
        stream = known.stream_stream(SERVICE + "MeshStream")(iter([]), timeout=15)
        expect(list(stream) is not None and stream.code() == grpc.StatusCode.OK, "MeshStream", stream.code())
    stranger = Authority.unknown().leaf(mesh.work / "tcp-stranger", names_of(mesh.cluster, "visitor"))
    with channel(mesh, *stranger) as unknown:
        code = status_of(unknown.unary_unary(SERVICE + "Ping"))
        expect(code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED), "a stranger's call", code)
    context = ssl.create_default_context(cafile=str(mesh.certificates / "ca.pem"))
    context.check_hostname, context.maximum_version = False, ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    try:
        with socket.create_connection(("127.0.0.1", mesh.nodes[0].mesh_port), 5) as plain:
            with context.wrap_socket(plain) as old:
                expect(False, "TLS 1.2 is refused", old.version())
    except ssl.SSLError:
        pass


def check_without_udp(mesh):
    """The demonstration, three processes of which one is killed and comes back, passes in a network that drops UDP."""
    work = mesh.work / "without-udp"
    shutil.rmtree(work, ignore_errors=True)
    stage = mesh.meshkit.parents[1]
    run([ROOT / ".ci" / "without-udp", sys.executable, ROOT / "examples" / "meshdemo" / "demo.py", "--stage", stage,
         "--work", work])
