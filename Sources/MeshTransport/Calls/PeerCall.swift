// A call of this node to a peer over the mesh, and how it ends.
import MeshBasics

/// Names one call of this node to a peer until it has ended. Whoever makes the calls of a node mints them.
public struct CallID: Comparable, Hashable, Sendable {
  /// The number behind the name.
  public let rawValue: UInt64
  /// The call numbered `rawValue` by its maker.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Orders by number.
  public static func < (left: CallID, right: CallID) -> Bool { left.rawValue < right.rawValue }
}

/// The peer of a call, and the ways to it.
public struct CallTarget: Equatable, Sendable {
  /// Whom the call is for: the peer's certificate must name it.
  public let node: NodeID
  /// The link to it, as far as the caller knows. It carries the call if this node has dialed it and it is still open.
  public let link: LinkID?
  /// Where a connection for calls is dialed otherwise; nil: where the link was.
  public let address: SocketAddress?
  /// What is then sent as SNI and `:authority`.
  public let serverName: String

  /// A target of these parts.
  public init(node: NodeID, link: LinkID?, address: SocketAddress?, serverName: String) {
    self.node = node
    self.link = link
    self.address = address
    self.serverName = serverName
  }
}

/// One unary call of gRPC.
public struct PeerCall: Equatable, Sendable {
  /// The full name of the method, `package.Service/Method`.
  public let method: String
  /// The request, without its prefix.
  public let message: [UInt8]
  /// Whom it is for.
  public let target: CallTarget
  /// When its caller wants no answer any more; `CallLimits.deadlineMax` from its beginning at the latest.
  public let deadline: Instant
  /// Whether it does no harm when it is made twice: only then is it made again after the peer may have had it.
  public let isIdempotent: Bool

  /// A call of these parts.
  public init(method: String, message: [UInt8], target: CallTarget, deadline: Instant, isIdempotent: Bool) {
    self.method = method
    self.message = message
    self.target = target
    self.deadline = deadline
    self.isIdempotent = isIdempotent
  }
}

/// How a call to a peer ended.
public enum PeerCallOutcome: Equatable, Sendable {
  /// The peer has answered, with a status; the reply is empty unless that is OK.
  case answered(GRPCStatus, reply: [UInt8])
  /// No answer came in time.
  case deadlinePassed
  /// The caller gave it up.
  case cancelled
  /// The peer wasn't reached, or broke off before its answer was whole, and the call isn't made again.
  case unreachable(String)
  /// Calls to the peer failed lately: none is made before so much time has passed.
  case circuitOpen(retryIn: Duration)
  /// This node has no room for it; names what is full.
  case busy(String)
  /// This node stops.
  case stopped

  /// A name for metrics.
  public var word: String {
    switch self {
    case .answered: "answered"
    case .deadlinePassed: "deadline"
    case .cancelled: "cancelled"
    case .unreachable: "unreachable"
    case .circuitOpen: "circuit-open"
    case .busy: "busy"
    case .stopped: "stopped"
    }
  }
}

/// The end of a call to a peer, with what its caller may tell of it.
public struct PeerCallEnd: Equatable, Sendable {
  /// How it ended.
  public let outcome: PeerCallOutcome
  /// What carried the last attempt, `http3` or `http2`; nil when none was sent.
  public let transport: String?
  /// From the last attempt's request to its end; nil when none was sent.
  public let roundTrip: Duration?
  /// How often it was tried.
  public let attempts: Int

  /// An end of these parts.
  public init(
    outcome: PeerCallOutcome, transport: String? = nil, roundTrip: Duration? = nil, attempts: Int = 0
  ) {
    self.outcome = outcome
    self.transport = transport
    self.roundTrip = roundTrip
    self.attempts = attempts
  }
}
