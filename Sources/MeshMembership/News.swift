// What is worth telling, one entry for each member it is about, so that the queue never holds more than the table.
import MeshBasics
import MeshWire

/// Claims that wait to be told.
struct News: Sendable {
  struct Entry: Equatable, Sendable {
    var record: MemberRecord
    /// How often it rode on a ping or an ack.
    var sends = 0
    /// Not yet told at all: it leaves at the end of this turn.
    var isFresh: Bool
    /// Told by its owner or seen with our own eyes; goes to all, hearsay to a few.
    var isFirstHand: Bool
    /// Who told us; needn't hear it back.
    var source: NodeID?
  }

  private(set) var entries = OrderedMap<NodeID, Entry>()
  private(set) var freshCount = 0

  var count: Int { entries.count }
  /// How often the claim told most often was told.
  var sendsMax: Int { entries.values.reduce(0) { max($0, $1.sends) } }

  /// Puts a claim in place of what was to be told about the same member.
  mutating func put(_ record: MemberRecord, about node: NodeID, fresh: Bool, firstHand: Bool, source: NodeID?) {
    forget(node)
    entries[node] = Entry(record: record, isFresh: fresh, isFirstHand: firstHand, source: source)
    if fresh { freshCount &+= 1 }
  }

  /// Drops what was to be told about `node`.
  mutating func forget(_ node: NodeID) {
    if let old = entries.removeValue(forKey: node), old.isFresh { freshCount &-= 1 }
  }

  /// Takes the mark of freshness off all entries and returns those that had it.
  mutating func takeFresh() -> [(node: NodeID, entry: Entry)] {
    guard freshCount > 0 else { return [] }
    freshCount = 0
    var taken: [(node: NodeID, entry: Entry)] = []
    for node in entries.keys where entries[node]?.isFresh == true {
      _ = entries.modify(node) { entry in
        entry.isFresh = false
        taken.append((node, entry))
      }
    }
    return taken
  }

  /// The claims told least often so far, each counted as told once more; those told `limit` times are dropped.
  mutating func pick(limit: Int, keepsForEver: Bool = false) -> [MemberRecord] {
    guard !entries.isEmpty else { return [] }
    let byNeed = entries.sorted { ($0.1.sends, $0.0) < ($1.1.sends, $1.0) }
    var picked: [MemberRecord] = []
    var bytes = 0
    for (node, entry) in byNeed.prefix(MembershipLimits.newsPerMessageMax) {
      bytes &+= entry.record.estimatedSize
      if !picked.isEmpty && bytes > MembershipLimits.newsBytesMax { break }
      picked.append(entry.record)
      if entry.sends &+ 1 >= limit && !keepsForEver {
        forget(node)
      } else {
        _ = entries.modify(node) { $0.sends &+= 1 }
      }
    }
    return picked
  }

  /// How often a claim is told in a mesh of `members`: `scale` · ⌈log2(members + 1)⌉.
  static func retransmissions(scale: Int, members: Int) -> Int {
    var log = 0
    while log < 62 && (1 << log) < members &+ 1 { log &+= 1 }
    return max(1, scale) &* max(1, log)
  }
}

extension MemberRecord {
  /// At most this many bytes on the wire, reckoned without encoding.
  var estimatedSize: Int {
    var size = 64 &+ nodeID.utf8.count &+ accuser.utf8.count
    if let metadata {
      size &+= 96 &+ metadata.role.utf8.count &+ metadata.clusterID.utf8.count &+ metadata.region.utf8.count
      size &+= metadata.meshVersion.utf8.count &+ metadata.endpoint.utf8.count
      size &+= metadata.security.tlsVersion.utf8.count
      for label in metadata.labels { size &+= 16 &+ label.key.utf8.count &+ label.value.utf8.count }
    }
    return size
  }
}
