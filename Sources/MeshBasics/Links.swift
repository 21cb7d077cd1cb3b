/// Names one link for the life of a node. The engine mints those it dials (counting up from 1), the shell those that
/// peers open (with `accepted(_:)`) and those that it dials for calls alone, so they never meet.
public struct LinkID: Comparable, Hashable, Sendable {
  /// The number behind the name.
  public let rawValue: UInt64

  /// A link that this node dials.
  public static func dialed(_ number: UInt64) -> LinkID { LinkID(rawValue: number & ~kindBits) }
  /// A link that a peer opened.
  public static func accepted(_ number: UInt64) -> LinkID { LinkID(rawValue: number | acceptedBit) }
  /// A connection that this node dials for calls alone: it carries no link, and the engine never hears of it.
  public static func calls(_ number: UInt64) -> LinkID { LinkID(rawValue: number & ~kindBits | callsBit) }
  /// Whether this node dialed it.
  public var isDialed: Bool { !isAccepted }

  /// Whether it was dialed for calls alone.
  public var isForCalls: Bool { !isAccepted && rawValue & LinkID.callsBit != 0 }

  private static let acceptedBit: UInt64 = 1 << 63
  private static let callsBit: UInt64 = 1 << 62
  private static let kindBits = acceptedBit | callsBit
  private var isAccepted: Bool { rawValue & LinkID.acceptedBit != 0 }
  private init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Orders by number.
  @inlinable public static func < (left: LinkID, right: LinkID) -> Bool { left.rawValue < right.rawValue }
}

/// Who a verified certificate says its holder is. Only `MeshSecurity` makes these, after the whole trust decision.
public struct PeerIdentity: Equatable, Sendable {
  /// The node ids that the certificate may speak for: the last segment of its one SPIFFE id, else its DNS names.
  public let nodeNames: [String]
  /// The cluster in its SPIFFE id; nil when it carries none.
  public let clusterID: String?
  /// SHA-256 of its public key (SubjectPublicKeyInfo), 64 lower-case hexadecimal digits.
  public let keyFingerprint: String

  /// An identity as the trust decision read it.
  public init(nodeNames: [String], clusterID: String?, keyFingerprint: String) {
    self.nodeNames = nodeNames
    self.clusterID = clusterID
    self.keyFingerprint = keyFingerprint
  }

  /// Whether the certificate may speak for `node` in `cluster`.
  public func maySpeak(for node: NodeID, cluster: String) -> Bool {
    nodeNames.contains(node.name) && (clusterID == nil || clusterID == cluster)
  }
}

/// The other end of an open link, as the transport knows it.
public struct LinkPeer: Equatable, Sendable {
  /// Who its certificate says it is.
  public let identity: PeerIdentity
  /// The address it speaks from, `ip:port`, for display.
  public let remoteAddress: String
  /// What was negotiated, for display and `http3Support`: `http3`, or `http2` where UDP is blocked.
  public let transport: String

  /// A peer on an open link.
  public init(identity: PeerIdentity, remoteAddress: String, transport: String) {
    self.identity = identity
    self.remoteAddress = remoteAddress
    self.transport = transport
  }
}

/// Why a link ended, or never opened.
public enum LinkEnd: Equatable, Sendable {
  /// The peer closed it, or it was closed on request.
  case closed
  /// Nobody answered in time.
  case timedOut
  /// The host answered that no one listens there.
  case unreachable(String)
  /// This node couldn't try: nothing was sent, and nothing is known of the peer.
  case notTried(String)
  /// A fresh dial was refused twice over: its datagram by ICMP, and a TCP connection to the same port by a reset. So
  /// the host lives, and nobody listens there. No refusal of trust: the next dial may find the node started again.
  case portClosed
  /// Trust was refused, by us (`reason` is ours) or by the peer (its alert).
  case refused(reason: String)
  /// The peer broke the protocol, or a limit was passed.
  case protocolError(String)

  /// The same in words.
  public var text: String {
    switch self {
    case .closed: "closed"
    case .timedOut: "timed out"
    case .unreachable(let why): "unreachable: \(why)"
    case .notTried(let why): "not tried: \(why)"
    case .portClosed: "refused by the host: nobody listens"
    case .refused(let why): "refused: \(why)"
    case .protocolError(let why): "protocol error: \(why)"
    }
  }
}

/// Names one unary call from a peer until it is answered.
public struct RequestID: Comparable, Hashable, Sendable {
  /// The number behind the name.
  public let rawValue: UInt64
  /// The call numbered `rawValue` by the transport.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Orders by number.
  public static func < (left: RequestID, right: RequestID) -> Bool { left.rawValue < right.rawValue }
}
