"""What a member with a valid certificate may say to break its peers: bytes that are no UTF-8, values that no version
knows, wrong types, and streams of HTTP/3 in pieces (docs/reference/gossip-protocol.md, Encoding)."""

import asyncio

from abuse import REJECTED, Findings, clear_victim, unharmed
from abuse_streams import CONTROL, DATA, PRIORITY_UPDATE, connected, frame as frame_of_http, outcome, request
from abuse_streams import varint as varint_of_quic
from http3 import SERVICE, frame
from malformed import hello, schema, varint
from mesh import expect, wait_until
from trust import expect_answers_ping

# RFC 3629 §3: not the first byte of anything, cut off, overlong, a surrogate, beyond U+10FFFF.
NO_UTF8 = (b"\xff", b"\x80", b"\xe2\x82", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")
LINK = request((b"content-type", b"application/grpc+proto"), (b"te", b"trailers"), method=b"POST", authority=b"mesh",
               path=SERVICE.encode() + b"MeshStream")
# Numbers that no version has for the state of a member: absent, next, beyond a byte, 2^32 and more, and -1.
NO_STATES = (0, 5, 255, 256, 257, 2**31, 2**32 + 1, 2**64 - 1)


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def record(name=b"ghost", state=1, more=b""):
    """A claim (MemberRecord)."""
    return text(1, name) + number(2, 1) + (number(4, state) if state else b"") + more


def metadata(cluster, more=b""):
    return text(6, text(2, cluster) + text(6, b"127.0.0.1:9") + number(7, 1) + more)


def news(*records):
    return text(4, b"".join(text(1, each) for each in records))


def check_messages(mesh):
    """Text that is no UTF-8, unknown states and kinds and broken fields end a link and are counted; new ones don't."""
    victim = clear_victim(mesh)
    with unharmed(victim):
        expect_ends(victim, wrong_hellos(victim.mesh.cluster.encode()))
        first = hello(schema(), victim.mesh)
        expect_ends(victim, wrong_news(), first)
        asyncio.run(say_goodbye(victim, first))
        expect_answers_ping(mesh, victim.node)
        expect("ghost" not in victim.node.statuses(), "members that wrong messages made", victim.node.statuses())


def expect_ends(victim, cases, first=b""):
    """Each message, after `first`, ends its link and is counted once."""
    with Findings() as findings:
        for what, message in cases:
            before = victim.count(REJECTED)
            found = outcome(victim, [CONTROL, (0, LINK + frame_of_http(DATA, first + frame(message)))],
                            member="visitor")
            findings.expect(found is not None, f"{what} ends the link", found)
            rejected = victim.count(REJECTED) - before
            findings.expect(rejected == 1, f"{what} is counted once in {REJECTED}", rejected)


def wrong_hellos(cluster):
    """First messages that can't be read, and make nobody a member."""
    good = record(b"visitor", 1, metadata(cluster))
    versions = number(1, 1) + number(2, 1)
    head = versions + text(3, cluster)
    cases = [(f"a cluster of {bad}", versions + text(3, bad) + text(4, good)) for bad in NO_UTF8]
    cases += [(f"a name of {bad}", head + text(4, record(bad, 1, metadata(cluster))))
              for bad in (*NO_UTF8, b"", b".", b"..", b"a b", b"a/b", b"a\0", b"a" * 129)]
    cases += [(f"the state {state}", head + text(4, record(b"visitor", state, metadata(cluster))))
              for state in NO_STATES]
    labels = [text(1, b"\xff"), text(1, b"a\n"), text(1, b"a" * 65), text(2, b"x"),
              *(text(1, b"a") + text(2, value) for value in (b"\xff", b"\0", b"x" * 4097))]
    for what, field, values in [("role", 1, (*NO_UTF8, b"a\n", b"\x7f", b"a" * 257)), ("label", 8, labels),
                                ("endpoint", 6, (b"x", b"x:", b"x:0x1", b"x:65536", b"[::1:1", b"\xff:1", b"x y:1"))]:
        cases += [(f"the {what} {bad}", head + text(4, record(b"visitor", 1, metadata(cluster, text(field, bad)))))
                  for bad in values]
    cases += [("no claim", head), ("two claims", head + text(4, good) * 2),
              ("a version of 33 bits", number(1, 2**32) + text(3, cluster) + text(4, good)),
              ("a cluster that is a number", versions + number(3, 7) + text(4, good))]
    return [(what, text(1, body)) for what, body in cases]


def wrong_news():
    """What a member may not say after its hello."""
    cases = [(f"a claim with the state {state}", news(record(b"ghost", state))) for state in NO_STATES]
    cases += [(f"an accuser of {bad}", news(record(b"ghost", 2, text(5, bad)))) for bad in (*NO_UTF8, b"a b", b"..")]
    accusers = text(5, b"e") + b"".join(text(8, name) for name in (b"a", b"b", b"c", b"d"))
    cases += [
        ("513 claims", news(*[record()] * 513)), ("four accusers more", news(record(b"ghost", 2, accusers))),
        ("a kind that no version has", text(99, b"")), ("a kind that is a number", number(4, 1)),
        ("no kind", text(15, b"x")), ("two kinds", news() + text(2, b"")), ("a group", b"\x23\x24"),
        ("the field 0", b"\2\0"), ("a wire type of 7", b"\x27"),
        ("a tag without an end", b"\xff" * 11), ("a length beyond the message", b"\x22\x7f"),
        ("a length of 64 bits", b"\x22" + b"\xff" * 9 + b"\1"), ("a doubt of 9", text(3, number(4, 9))),
        ("a topic of no UTF-8", text(11, text(1, b"visitor") + number(2, 1) + number(3, 1) + text(4, b"\xff"))),
        ("63 buckets", text(8, text(1, bytes(63 * 8)))), ("half a bucket", text(8, text(1, bytes(64 * 8 + 4)))),
    ]
    return cases


async def say_goodbye(victim, first):
    """A hello, a ping with fields of the future and a goodbye that come byte by byte. Nothing else would make the node
    forget an honest visitor."""
    unknown = number(100, 2**64 - 1) + text(101, b"\xff" * 1000) + b"\xb5\x06abcd" + b"\xb1\x06abcdefgh"
    before, goodbyes = await asyncio.to_thread(victim.count, REJECTED), victim.node.goodbyes("visitor")
    async with connected(victim, "visitor") as client:
        client.say(*CONTROL)
        client.say(0, LINK)
        for byte in first + frame(text(2, number(1, 7)) + unknown) + frame(news(record(b"visitor", 4)) + unknown):
            client.say(0, frame_of_http(DATA, bytes([byte])))
            await asyncio.sleep(0)
        await asyncio.to_thread(wait_until, lambda: victim.node.goodbyes("visitor") > goodbyes, "the goodbye")
        expect(await asyncio.to_thread(victim.count, REJECTED) == before, "unknown fields are skipped", "a rejection")


def check_link_pieces(mesh):
    """A member that sends priorities in pieces on the mesh port ends no process: it is read as if they came at once."""
    victim = clear_victim(mesh)
    said = CONTROL[1] + frame_of_http(PRIORITY_UPDATE, varint_of_quic(64) + b"u=1")
    with unharmed(victim):
        pieces = [(2, bytes([byte])) for byte in said]
        found = outcome(victim, [*pieces, (0, request(path=b"/nothing")), (0, b"", True)], pause=0.001,
                        member="visitor")
        expect(found == 404, "a request after priorities byte by byte", found)
