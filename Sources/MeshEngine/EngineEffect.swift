import MeshBasics
import MeshMembership
import MeshWire

/// What shall be written.
public enum StoreWrite: Equatable, Sendable {
  /// The epoch of this life.
  case epoch(UInt64)
  /// The members to try after a restart, in place of those written before.
  case knownPeers([MemberRecord])
}

/// The answer to a unary call.
public enum UnaryResponse: Equatable, Sendable {
  /// The reply's protobuf.
  case reply([UInt8])
  /// A gRPC status other than OK, with a message for people.
  case failure(code: Int, message: String)
}

/// What the shell shall do, in this order.
public enum EngineEffect: Equatable, Sendable {
  /// Open a link. Ends in `linkOpened` or `linkClosed`.
  case dial(LinkID, Endpoint)
  /// Send one message on the stream of each of these links.
  case send([LinkID], MeshMessage)
  /// Close the link, or give up its dial. The engine has forgotten it already; a `linkClosed` may follow.
  case close(LinkID, reason: String)
  /// Answer a unary call.
  case respond(RequestID, UnaryResponse)
  /// Write, and say `stored` or `storeFailed`.
  case persist(SyncToken, StoreWrite)
  /// Tell the host that the membership changed.
  case notify(MembershipEvent)
  /// Tell the host what a member told all.
  case deliver(BroadcastMessage)
  /// Tell the operator.
  case observe(Observation)
  /// Another live process with this node's name has taken its place: the node must stop.
  case conflict(String)
  /// A command has ended.
  case complete(CommandToken, CommandOutcome)
  /// The leave is over; nothing more will come.
  case stopped
  /// The epoch can't be made durable: the node must stop.
  case storageLost(String)
  /// An invariant of ours is broken: the node must stop.
  case poison(String)
}

/// The sink that an engine fills: ordered, reused between turns.
public struct EngineEffects: Sendable {
  /// What was asked for so far.
  public private(set) var list: [EngineEffect] = []
  /// An empty sink.
  public init() {}
  /// Adds one effect at the end.
  public mutating func append(_ effect: EngineEffect) { list.append(effect) }
  /// Empties the sink for the next turn.
  public mutating func removeAll() { list.removeAll(keepingCapacity: true) }
}
