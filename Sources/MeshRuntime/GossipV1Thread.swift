import Glibc
import MeshBasics
import MeshGossipV1
import MeshMembership
import MeshTransport
import MeshWire

/// OmniRelay's gossip as the other threads of a node see it: the door of the `meshkit-v1` thread, which a node has when
/// `mesh:gossip:v1:enabled` is true.
final class GossipV1Thread: @unchecked Sendable {
  // Sendable although `loop` is not: only the thread in `run()` touches it after `init`.
  private let loop: GossipV1Loop
  private let mailbox: Mailbox<Message>

  private static let capacity = 8_192

  /// What reaches the thread.
  enum Message: Sendable {
    /// A client that begins TLS; the socket belongs to the thread.
    case came(Int32, SocketAddress)
    /// Members of MeshKit's side that have changed; nil was forgotten. The node takes part from the first on that holds
    /// itself.
    case members([(node: NodeID, member: MemberView?)])
    /// What a host's name stands for.
    case lookedUp(host: String, Result<[SocketAddress], TransportError>)
    /// Say goodbye.
    case leave
    /// End; after the goodbye, when one is being said.
    case stop
  }

  /// *Errors*: a certificate that OpenSSL can't use, no descriptors left.
  init(_ parts: GossipV1Parts, doors: NodeDoors) throws(TransportError) {
    let mailbox = Mailbox<Message>(capacity: GossipV1Thread.capacity)
    self.mailbox = mailbox
    loop = try GossipV1Loop(parts, mailbox: mailbox, doors: doors)
  }

  /// The body of the thread; returns after `stop`, with all sockets closed. Call it once.
  func run() { loop.run() }

  /// Serves a client. False when the thread has no room for it, or has ended: the socket stays the caller's.
  func serve(_ socket: Int32, _ remote: SocketAddress) -> Bool {
    mailbox.post(.came(socket, remote), keepingFree: GossipV1Thread.capacity - 256)
  }

  /// Tells what changed among MeshKit's members, and begins with all of them. False when there is no room now; true
  /// also when the thread has ended.
  func tell(_ members: [(node: NodeID, member: MemberView?)]) -> Bool {
    mailbox.post(.members(members), keepingFree: 1_024) || mailbox.isClosed
  }

  /// Says goodbye to the nodes of OmniRelay, within two seconds.
  func leave() { _ = mailbox.post(.leave) }

  /// Lets the thread end. False when there is no room for the word; true when it has ended.
  func stop() -> Bool { mailbox.post(.stop) || mailbox.isClosed }
}
