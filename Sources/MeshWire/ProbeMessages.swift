/// "Probe that one for me": a node that got no answer asks others to try from where they are.
public struct ProbeRequest: Equatable, Sendable {
  /// Comes back in the reply.
  public var sequence: UInt64 = 0
  /// The name of the node to probe.
  public var target = ""

  /// A request about nobody, which no peer accepts before it has a target.
  public init() {}
}

/// What became of a `ProbeRequest`.
public struct ProbeReply: Equatable, Sendable {
  /// The sequence of the request.
  public var sequence: UInt64 = 0
  /// The node that was probed.
  public var target = ""
  /// Whether it answered in time. A reply with `false` still shows that the relay works and was heard.
  public var reached = false

  /// A reply about nobody, which no peer accepts before it has a target.
  public init() {}
}

/// "I don't need this link": the receiver closes it unless it wants it itself, so that a link ends only when both sides
/// can do without.
public struct Release: Equatable, Sendable {
  /// There is nothing more to say.
  public init() {}
}
