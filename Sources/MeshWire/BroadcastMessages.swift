/// An application's message to all nodes, named by (origin, epoch, sequence).
public struct Broadcast: Equatable, Sendable {
  /// The node that sent it first.
  public var origin = ""
  /// The life of that node in which it did.
  public var epoch: UInt64 = 0
  /// Its number in that life, counted from 1.
  public var sequence: UInt64 = 0
  /// What it is about: 1 to 128 bytes without control characters.
  public var topic = ""
  /// What it says, up to 64 KiB. Absent when it is only announced: whoever lacks it asks with a `BroadcastPull`.
  public var payload: [UInt8]?
  /// The bytes of the payload, also where that is absent, up to 64 KiB.
  public var size: UInt32 = 0
  /// How many links it has passed.
  public var hops: UInt32 = 0

  /// A broadcast of nobody, which no peer accepts before it has an origin and a topic.
  public init() {}
}

/// Asks for the payload of a broadcast that was announced by its name.
public struct BroadcastPull: Equatable, Sendable {
  /// The node that sent it first.
  public var origin = ""
  /// The life of that node in which it did.
  public var epoch: UInt64 = 0
  /// Its number in that life.
  public var sequence: UInt64 = 0

  /// A request for nothing, which no peer accepts before it has an origin.
  public init() {}
}
