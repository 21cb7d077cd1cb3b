import MeshBasics

/// How well this node itself is (Lifeguard's local health multiplier; Dadgar, Phillips, Currey 2018): one that answers
/// late or hears nobody is the likelier cause of what it sees, and gives others more time.
struct LocalHealth: Equatable, Sendable {
  /// 0 is well, 8 the worst.
  private(set) var score = 0

  /// Takes one sign of health, negative, or of illness, positive.
  mutating func note(_ change: Int) { score = min(max(0, score &+ change), MembershipLimits.healthMax) }

  /// A time of this node's own, stretched.
  func stretched(_ span: Duration) -> Duration { span.multiplied(by: Int64(score &+ 1)) }
}
