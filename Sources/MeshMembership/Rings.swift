// The rings (design: Rapid, Suresh et al. 2018, and membership.md §4.5): in each, members stand in the order of a hash
// of their names, and everyone watches the next one. All nodes with the same view agree who watches whom.
import MeshBasics
import MeshWire

/// The places of this node's neighbours on the rings.
struct Rings: Equatable, Sendable {
  /// A member at its distance from this node.
  struct Neighbour: Equatable, Sendable {
    let node: NodeID
    let distance: UInt64

    func isNearer(than other: Neighbour?) -> Bool {
      guard let other else { return true }
      return distance == other.distance ? node < other.node : distance < other.distance
    }
  }

  private let local: NodeID
  private let localKey: UInt64
  /// For each ring the next member, which this node watches.
  private(set) var successors: [Neighbour?]
  /// For each ring the member before, which watches this node.
  private(set) var predecessors: [Neighbour?]

  init(local: NodeID, count: Int) {
    self.local = local
    localKey = Rings.key(of: local)
    let count = min(max(1, count), MembershipLimits.ringsMax)
    successors = Array(repeating: nil, count: count)
    predecessors = Array(repeating: nil, count: count)
  }

  /// The hash of a name, from which its places and its bucket follow.
  static func key(of node: NodeID) -> UInt64 {
    var hash = StableHash()
    hash.combine(node.name)
    return hash.value
  }

  /// The place of a member on ring `ring`.
  static func position(_ key: UInt64, ring: Int) -> UInt64 {
    var hash = StableHash()
    hash.combine(key)
    hash.combine(UInt64(ring))
    return hash.value
  }

  /// Takes a member in. Returns whether it became a neighbour.
  mutating func insert(_ node: NodeID, key: UInt64) -> Bool {
    var isChanged = false
    for ring in successors.indices {
      let own = Rings.position(localKey, ring: ring)
      let other = Rings.position(key, ring: ring)
      let after = Neighbour(node: node, distance: other &- own)
      if after.isNearer(than: successors[ring]) {
        successors[ring] = after
        isChanged = true
      }
      let before = Neighbour(node: node, distance: own &- other)
      if before.isNearer(than: predecessors[ring]) {
        predecessors[ring] = before
        isChanged = true
      }
    }
    return isChanged
  }

  func isNeighbour(_ node: NodeID) -> Bool {
    successors.contains { $0?.node == node } || predecessors.contains { $0?.node == node }
  }

  /// Looks for the neighbours again, after one of them is gone.
  mutating func rebuild(from members: ChunkedMap<NodeID, Member>) {
    self = Rings(local: local, count: successors.count)
    for (node, member) in members where member.isOnRings { _ = insert(node, key: member.key) }
  }

  /// The different members that this node watches, in the order of the rings.
  var watched: [NodeID] { Rings.distinct(successors) }

  /// The different members on either side.
  var neighbours: [NodeID] { Rings.distinct(successors + predecessors) }

  private static func distinct(_ places: [Neighbour?]) -> [NodeID] {
    var nodes: [NodeID] = []
    for place in places { if let node = place?.node, !nodes.contains(node) { nodes.append(node) } }
    return nodes
  }

  /// Who watches `node`, by this view, without this node itself. Linear; of use when a probe has failed.
  func observers(of node: NodeID, key: UInt64, among members: ChunkedMap<NodeID, Member>) -> [NodeID] {
    var best: [Neighbour?] = Array(repeating: nil, count: successors.count)
    for (other, member) in members where member.isOnRings && other != node {
      for ring in best.indices {
        let distance = Rings.position(key, ring: ring) &- Rings.position(member.key, ring: ring)
        let candidate = Neighbour(node: other, distance: distance)
        if candidate.isNearer(than: best[ring]) { best[ring] = candidate }
      }
    }
    return Rings.distinct(best)
  }
}
