import MeshBasics

/// What one member told all, as it reaches the host: once per node.
public struct BroadcastMessage: Equatable, Sendable {
  /// Who told it.
  public let origin: NodeID
  /// Grows with each broadcast of the origin's life.
  public let sequence: UInt64
  /// What it is about, 1 to 128 bytes.
  public let topic: String
  /// Up to 64 KiB, as the origin's host gave it.
  public let payload: [UInt8]

  /// A broadcast, as the membership received it.
  public init(origin: NodeID, sequence: UInt64, topic: String, payload: [UInt8]) {
    self.origin = origin
    self.sequence = sequence
    self.topic = topic
    self.payload = payload
  }
}
