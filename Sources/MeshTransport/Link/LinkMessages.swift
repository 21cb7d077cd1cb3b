// What goes through the link thread's two doors.
import MeshBasics

/// What the runtime asks of the link thread. Commands are carried out in the order they were posted.
public enum LinkCommand: Sendable {
  /// Opens a link; ends in `LinkEvent.opened` or `.closed`. `serverName` is sent as SNI and `:authority`.
  case dial(LinkID, SocketAddress, serverName: String)
  /// Sends one message on an open link. Messages for links that are gone are dropped.
  case send(LinkID, [UInt8])
  /// Closes a link once the peer has what was sent on it, after 250 ms at the latest; answered by
  /// `LinkEvent.closed(_, .closed)`. Calls that are on its connection go on. `reason` is for logs.
  case close(LinkID, reason: String)
  /// Answers a unary call.
  case reply(RequestID, [UInt8])
  /// Ends a unary call with a gRPC status code and a message for people.
  case fail(RequestID, code: Int, message: String)
  /// Makes a call to a peer; ends in `LinkEvent.callEnded`.
  case call(CallID, PeerCall)
  /// Gives such a call up. Its end follows, unless it has come already.
  case cancelCall(CallID)
  /// Use the newest credential for handshakes from now on. Live links go on.
  case credentialChanged
  /// Sends what waits, closes all, and ends `LinkTransport.run()`.
  case stop
}

/// What the link thread reports.
public enum LinkEvent: Sendable {
  /// A link is open in both directions, and its peer's certificate is trusted.
  case opened(LinkID, LinkPeer)
  /// One message of the link's stream, in order. A peer whose messages are not taken is read no further.
  case received(LinkID, InboundMessage)
  /// Something says that the peer of an open link may be gone: its tether closed, or ICMP called it unreachable. No
  /// verdict, since both can be forged or wrong: the link stays open until it proves dead. At most one a second for
  /// ICMP, and one for the tether.
  case doubted(LinkID)
  /// The link thread got to its work late, through no fault of any peer: what is not answered in time may lie in this
  /// node's own queues.
  case late
  /// A link ended, or a dial came to nothing. The last event of that link.
  case closed(LinkID, LinkEnd)
  /// A call of ours is over.
  case callEnded(CallID, PeerCallEnd)
  /// A unary call by the full name of its method; answered by `LinkCommand.reply` or `.fail`. It counts as a message
  /// of its connection.
  case called(RequestID, method: String, LinkPeer, InboundMessage)
  /// Something to log or count.
  case observed(Observation)
}

/// How the mesh listener behaves.
public struct LinkOptions: Sendable {
  /// An IPv4 or IPv6 literal; `::` takes both families.
  public var bindAddress = "0.0.0.0"
  /// The port, of UDP and TCP; 0 lets the kernel choose.
  public var port: UInt16 = 17421
  /// A connection without a packet for this long is given up.
  public var idleTimeout = Duration.seconds(60)
  /// How long a handshake, and a dial as a whole, may take.
  public var handshakeTimeout = Duration.seconds(4)
  /// After how long without a packet an open link shows that it lives: a third of `idleTimeout`, so that two of these
  /// may be lost. A link that carries probes never comes to it. A connection on which a call of this node waits does so
  /// too.
  public var keepAlive = Duration.seconds(20)

  /// Takes over TCP connections whose clients begin TLS and don't offer HTTP/2: the socket, from which nothing was
  /// read, and its other end. False leaves the socket to the caller. Called on the link thread; must not block. Nil:
  /// there are none but links.
  public var takeTLS: (@Sendable (Int32, SocketAddress) -> Bool)?

  /// The defaults: all addresses, port 17421.
  public init() {}
}
