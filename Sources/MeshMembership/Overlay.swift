// Who talks to whom. This first form links and probes all members up to a limit, and beyond it the next ones in the
// order of their ids; the rings of membership.md §4.5 replace it behind the same two questions.
import MeshBasics

/// Answers to whom this node holds links and whom it probes.
struct Overlay: Sendable {
  /// Where the next round begins when not all can be probed in one.
  private var cursor = 0

  /// The members to hold links to, out of `candidates` in ascending order: all, or the successors of `local` in the
  /// circle of ids, so that the graph of links stays connected.
  func links(of local: NodeID, among candidates: [NodeID], limit: Int = MembershipLimits.linksMax) -> [NodeID] {
    guard candidates.count > limit else { return candidates }
    let start = candidates.firstIndex { $0 > local } ?? 0
    return (candidates[start...] + candidates[..<start]).prefix(limit).sorted()
  }

  /// Whom to probe this round, out of the linked members.
  mutating func probes(among linked: [NodeID], limit: Int = MembershipLimits.probesPerRoundMax) -> [NodeID] {
    guard linked.count > limit else { return linked }
    let start = cursor % linked.count
    cursor = (start &+ limit) % linked.count
    return Array((linked[start...] + linked[..<start]).prefix(limit))
  }
}
