"""Datagrams that nobody should send, on the UDP port of the control listener: other versions of QUIC, garbage, first
packets of noise, and Retry tokens that are forged, bent or stolen."""

import os
import random
import socket
import struct
import time

from aioquic.quic.connection import QuicConnection

from abuse import DROPPED, Findings, counted, secure_victim, unharmed
from abuse_streams import configuration
from mesh import expect

HALF_OPEN_MAX = 128
RESETS_PER_SECOND_MAX = 100
# Never given, of drafts that libraries still know, reserved (RFC 9000 §15), and of later standards.
OTHER_VERSIONS = (2, 0x6B3343CF, 0x709A50C4, 0x0A0A0A0A, 0xFACEB002, 0xFF00001B, 0xFF00001D, 0xFF000020, 0xFFFFFFFF)


def udp(victim):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", victim.port))
    client.settimeout(1)
    return client


def answers(client):
    """All datagrams until a second of silence."""
    found = []
    try:
        while True:
            found.append(client.recv(2048))
    except TimeoutError:
        return found


def noise(source):
    """A first packet of QUIC version 1 whose protected part is noise."""
    head = b"\xc3" + struct.pack("!I", 1) + b"\x08" + source.randbytes(8) + b"\x08" + source.randbytes(8) + b"\0"
    return head + struct.pack("!H", 0x4000 | 1174) + source.randbytes(1174)


def long_header(version, destination=b"destinat", source=b"sourceid", size=1200):
    head = struct.pack("!BI", 0xC0, version) + bytes([len(destination)]) + destination + bytes([len(source)]) + source
    return head.ljust(size, b"\0")


def check_quic_versions(mesh):
    """Each version but 1 gets Version Negotiation, to ids of any length; never to short packets, nor to its like."""
    victim = secure_victim(mesh)
    named = counted(victim, DROPPED, len(OTHER_VERSIONS) + 1, reason="control unknown QUIC version")
    with unharmed(victim), udp(victim) as client, named, Findings() as findings:
        for version in OTHER_VERSIONS:
            client.send(long_header(version))
            found = answers(client)
            is_right = [each[1:] for each in found if each[0] & 0x80] == [b"\0\0\0\0\x08sourceid\x08destinat\0\0\0\1"]
            findings.expect(is_right, f"the answer to version {version:#x}", found)
        client.send(long_header(0x0A0A0A0A, b"d" * 255, b"s" * 255))
        found = answers(client)
        expected = b"\0\0\0\0\xff" + b"s" * 255 + b"\xff" + b"d" * 255 + b"\0\0\0\1"
        is_right = [each[1:] for each in found] == [expected]
        findings.expect(is_right, "the answer to ids of 255 bytes (RFC 9000 §17.2.1)", found)
        for what, datagram in [("1,199 bytes", long_header(0x0A0A0A0A, size=1199)), ("version 0", long_header(0)),
                               ("an id of 21 bytes in version 1", long_header(1, b"d" * 21))]:
            client.send(datagram)
            found = answers(client)
            findings.expect(not found, f"no answer to {what}", found)


def check_quic_garbage(mesh):
    """Garbage gets fewer bytes than it has, shorter resets than itself and 100 in a second at most, and no memory."""
    victim = secure_victim(mesh)
    source, began = random.Random(3), time.monotonic()
    with unharmed(victim), udp(victim) as client, counted(victim, DROPPED, 1000, reason="control unknown connection"):
        sent = 0
        for number in range(3000):
            kind = number % 3
            datagram = noise(source) if kind == 0 else bytes([0x40 | source.randrange(64)]) + source.randbytes(60)
            datagram = source.randbytes(source.randrange(1, 1500)) if kind == 2 else datagram
            sent += len(datagram)
            client.send(datagram)
            if number % 100 == 0:
                time.sleep(0.01)
        found = answers(client)
        expect(sum(map(len, found)) < sent, f"bytes for {sent} bytes of garbage", sum(map(len, found)))
        resets = [each for each in found if each[0] & 0x80 == 0]
        most = RESETS_PER_SECOND_MAX * (2 + int(time.monotonic() - began))
        expect(0 < len(resets) <= most and max(map(len, resets)) < 61, f"resets, {most} at most", len(resets))


def check_quic_noise(mesh):
    """First packets whose protected part is noise get no answer, cost no memory, and each is counted."""
    victim = secure_victim(mesh)
    source = random.Random(1)
    with unharmed(victim), udp(victim) as client, counted(victim, DROPPED, 1000):
        for number in range(1000):
            client.send(noise(source))
            if number % 100 == 0:
                time.sleep(0.01)
        found = answers(client)
        expect(not found, "no answer to noise", len(found))


def hello(victim, **more):
    """A client that has made its first packet, and that packet."""
    quic = QuicConnection(configuration=configuration(**more))
    quic.connect(("127.0.0.1", victim.port), now=time.monotonic())
    return quic, packets_of(quic)[0]


def packets_of(quic):
    return [datagram for datagram, _ in quic.datagrams_to_send(now=time.monotonic())]


def check_quic_retry(mesh):
    """Beyond 128 half-open clients there is Retry; forged, bent and stolen tokens get nothing and are counted."""
    victim = secure_victim(mesh)
    with unharmed(victim, 24), udp(victim) as crowd, udp(victim) as honest, udp(victim) as thief:
        crowd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        firsts = [hello(victim)[1] for _ in range(300)]
        quic, first = hello(victim)
        for number, each in enumerate(firsts):
            crowd.send(each)
            if number % 10 == 9:
                time.sleep(0.02)
        # Soon, since who is half open is forgotten after some seconds.
        honest.send(first)
        retry, found = honest.recv(2048), answers(crowd)
        retries = [each for each in found if each[0] & 0xF0 == 0xF0]
        expect(300 - HALF_OPEN_MAX <= len(retries) < 200, "Retry packets for 300 clients", len(retries))
        expect(sum(map(len, found)) <= 3 * 300 * 1200, "three times what came (RFC 9000 §8.1)", sum(map(len, found)))
        expect(retry[0] & 0xF0 == 0xF0, "a Retry packet", retry[:1])
        quic.receive_datagram(retry, ("127.0.0.1", victim.port), time.monotonic())
        second = packets_of(quic)[0]
        token = second.index(quic._peer_token)
        with counted(victim, DROPPED, 5, reason="control invalid Retry token"):
            thief.send(second)
            for place in (1, 20, 60):
                bent = bytearray(second)
                bent[token + place] ^= 1
                honest.send(bent)
            thief.send(hello(victim, token=b"\xb6" + os.urandom(70))[1])
            expect(not answers(thief) and not answers(honest), "no answer to forged tokens", "some")
        honest.send(second)
        for _ in range(3):
            for datagram in answers(honest):
                quic.receive_datagram(datagram, ("127.0.0.1", victim.port), time.monotonic())
            for datagram in packets_of(quic):
                honest.send(datagram)
        expect(quic._handshake_confirmed, "the handshake with the right token", quic._state)
