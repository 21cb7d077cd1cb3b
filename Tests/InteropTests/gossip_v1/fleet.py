"""Many v1 nodes in one thread, for tests that are no coroutines, and their certificates.

    everybody = issue(Authority.unknown(), folder, "everybody")
    with Fleet() as fleet:
        first = fleet.start(Settings("v1-a", interval=0.25), everybody)
        other = fleet.start(Settings("v1-b", interval=0.25, seeds=[first.endpoint]), everybody)
        wait_until(lambda: other.statuses() == {"v1-a": "Alive", "v1-b": "Alive"}, "both are known")
        fleet.stop(first)
"""

import asyncio
import resource
import threading

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gossip_v1.peer import Peer
from gossip_v1.settings import Identity

# Forty peers that keep their connections need more than the usual 1024.
FILES = 8192


class Fleet:
    """An event loop in a thread; `with` stops all peers that were started in it."""

    def __enter__(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < FILES:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
        self.peers = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="v1 peers", daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        try:
            self.run(self._close_all())
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()

    def start(self, settings, identity, kind=Peer, **more):
        """A peer that listens and gossips; `kind` is Peer or a subclass, which `more` is given to."""
        peer = kind(settings, identity, **more)
        self.run(peer.open())
        self.peers.append(peer)
        return peer

    def stop(self, peer):
        """Ends one as the end of its process would; what it knew can still be read."""
        self.peers.remove(peer)
        self.run(peer.close())

    async def _close_all(self):
        await asyncio.gather(*(peer.close() for peer in self.peers))

    def run(self, coroutine, patience=30):
        """The result of a coroutine of a peer, such as `peer.run_round()`."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(patience)


def issue(authority, folder, name, **wrong):
    """The Identity of a node: its certificate is made in `folder` by a certificates.Authority, wrong as its `leaf` can
    make it. v1 binds no certificate to a node [gossip.md D6], so that one may serve many."""
    ca = folder / "ca.pem"
    if not ca.exists():
        ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    return Identity(ca, *authority.leaf(folder / name, [x509.DNSName(name)], **wrong))
