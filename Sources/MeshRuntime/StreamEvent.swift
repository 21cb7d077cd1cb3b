import MeshBasics
import MeshMembership
import MeshTelemetry

/// What a subscriber wants to hear of.
public struct Topics: OptionSet, Sendable {
  /// The bits, as in the C header.
  public let rawValue: UInt32
  /// The topics of `rawValue`.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Members joined, updated, suspect, recovered, left.
  public static let members = Topics(rawValue: 1)
  /// Structured log records.
  public static let log = Topics(rawValue: 2)
  /// The end of the node: told whether asked for or not, so that a stream may be opened for it alone.
  public static let node = Topics(rawValue: 4)
  /// What other members tell all.
  public static let broadcasts = Topics(rawValue: 8)
  /// Every topic there is.
  public static let all: Topics = [.members, .log, .node, .broadcasts]
}

/// One event on a stream.
public struct StreamEvent: Sendable {
  /// What happened.
  public enum Payload: Sendable {
    /// A change of the membership.
    case member(MembershipEvent)
    /// A log record.
    case log(LogRecord)
    /// What another member told all. Its origin isn't proven: a member can tell one in another's name.
    case broadcast(BroadcastMessage)
    /// What happened in a lease queue.
    case queue(QueueEvent)
    /// A task that a pump brings; end its delivery by the pump.
    case lease(PumpedLease)
    /// The last event of a pump: nil when it was closed, `.closed` when its queue was.
    case pumpEnded(MeshError?)
    /// The end of a submitted operation; nil when it succeeded.
    case completed(MeshError?)
    /// The node stopped: nil when it was stopped, or let go of without a stop; else why it ended by itself.
    case nodeStopped(MeshError?)
    /// So many events were lost since the last event of this kind, because nobody read this stream: the oldest log
    /// records and broadcasts, and the newest changes of members that had none waiting.
    case dropped(count: UInt64)
    /// A type that no host knows; only through `EventStream.injectUnknown`, so that bindings can prove that they skip
    /// it.
    case unknown
  }

  /// What happened.
  public let payload: Payload
  /// The host's token of the operation that this completes; else 0.
  public let token: UInt64
  /// Unix time in nanoseconds.
  public let unixNanoseconds: Int64

  init(_ payload: Payload, token: UInt64 = 0) {
    self.payload = payload
    self.token = token
    unixNanoseconds = WallClock.unixNanoseconds()
  }
}
