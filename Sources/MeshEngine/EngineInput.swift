import MeshBasics
import MeshWire

/// Names one write until it is durable.
public struct SyncToken: Comparable, Hashable, Sendable {
  /// The number behind the name.
  public let rawValue: UInt64
  /// The write numbered `rawValue` by the engine.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Orders by number.
  public static func < (left: SyncToken, right: SyncToken) -> Bool { left.rawValue < right.rawValue }
}

/// Names a host's command until it is completed.
public struct CommandToken: Comparable, Hashable, Sendable {
  /// The number behind the name.
  public let rawValue: UInt64
  /// The command numbered `rawValue` by the shell.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Orders by number.
  public static func < (left: CommandToken, right: CommandToken) -> Bool { left.rawValue < right.rawValue }
}

/// What a host may ask of the engine.
public enum Command: Equatable, Sendable {
  /// Replaces the labels of this node.
  case setLabels([Label])
  /// Says whether this node wants no new work.
  case setDraining(Bool)
  /// Declares a lost member gone, on an operator's word. A member that lives comes back by itself.
  case removeMember(NodeID)
  /// Tells every member: a topic of 1 to 128 bytes and a payload of up to 64 KiB.
  case broadcast(topic: String, payload: [UInt8])
  /// Announces a graceful leave; completed when the peers know, or after `leaveTimeout`. Then `.stopped`.
  case leave
}

/// How a command ended.
public enum CommandOutcome: Equatable, Sendable {
  /// It took effect.
  case done
  /// There is no room for it now; names what is full.
  case busy(String)
  /// Names the thing, the value and what is allowed.
  case rejected(String)
  /// The node is leaving, or has stopped.
  case shuttingDown
}

/// All that happens to a node.
public enum EngineInput: Equatable, Sendable {
  /// Once, first. The engine persists its epoch and speaks to nobody before that is durable.
  case started(unixMilliseconds: Int64)
  /// A link is open: one that was dialed, or one that a peer opened. Trust is decided already.
  case linkOpened(LinkID, LinkPeer)
  /// A dial waits until its host's name is looked up, and needs no place among the dials until then.
  case lookupStarted(LinkID)
  /// The name is known, and the dial goes on.
  case lookupEnded(LinkID)
  /// A link ended; also the answer to a `dial` that came to nothing.
  case linkClosed(LinkID, LinkEnd)
  /// One message of the link's stream.
  case received(LinkID, MeshMessage)
  /// What came on the link's stream is no message; `reason` names the field and what is allowed.
  case unreadable(LinkID, reason: String)
  /// The link may be dead: its tether closed, or the peer's host answered that nobody listens. A hint, not a verdict.
  case linkDoubted(LinkID)
  /// The shell's thread for links has had too little time, or too much to do: answers may lie in its queues.
  case linksLate
  /// A unary call to `meshkit.mesh.v1.Mesh/Ping`.
  case pingCalled(RequestID, [UInt8])
  /// A write is durable.
  case stored(SyncToken)
  /// A write failed, for good.
  case storeFailed(SyncToken, reason: String)
  /// The host asks for something.
  case command(CommandToken, Command)
  /// The node's own security posture changed (a certificate was replaced).
  case securityChanged(SecurityPosture)
  /// `nextDeadline` has come.
  case deadlineReached
}
