// What is worth telling: one entry for each member it is about, so that the queue never holds more than the table.
import MeshBasics
import MeshWire

/// How urgent a claim is; the smaller is told first.
enum NewsClass: UInt8, Comparable, Sendable {
  case end, suspicion, join, metadata

  init(_ record: MemberRecord, isJoin: Bool) {
    switch record.state {
    case .dead, .left: self = .end
    case .suspect: self = .suspicion
    case .alive: self = isJoin ? .join : .metadata
    }
  }

  static func < (left: NewsClass, right: NewsClass) -> Bool { left.rawValue < right.rawValue }
}

/// Claims that wait to be told.
struct News: Sendable {
  struct Entry: Equatable, Sendable {
    var record: MemberRecord
    var rank: NewsClass
    /// How often it was told, and heard again.
    var sends = 0
    /// Told to all links rather than along the rings: ends, and what this node says of itself.
    var isWide: Bool
    /// Who has told it to us; needn't hear it back. The first few count.
    var sources: [NodeID] = []
    var number: UInt64
  }

  /// The order of telling: by urgency, then what was told least, then the older.
  private struct Turn: Comparable, Sendable {
    let rank: NewsClass
    let sends: Int
    let number: UInt64

    init(_ entry: Entry) {
      rank = entry.rank
      sends = entry.sends
      number = entry.number
    }

    static func < (left: Turn, right: Turn) -> Bool {
      if left.rank != right.rank { return left.rank < right.rank }
      if left.sends != right.sends { return left.sends < right.sends }
      return left.number < right.number
    }
  }

  private var entries = ChunkedMap<NodeID, Entry>()
  private var turns = ChunkedMap<Turn, NodeID>()
  private var lastNumber: UInt64 = 0
  /// Entries that have not been told at all, by their numbers; those replaced meanwhile are passed over.
  private var fresh: [(node: NodeID, number: UInt64)] = []

  private static let sourcesMax = 4

  var count: Int { entries.count }
  /// How often the claim told most often was told.
  var sendsMax: Int { entries.reduce(0) { max($0, $1.1.sends) } }

  subscript(node: NodeID) -> Entry? { entries[node] }

  /// Puts a claim in place of what was to be told about the same member.
  mutating func put(_ record: MemberRecord, about node: NodeID, rank: NewsClass, wide: Bool, source: NodeID?) {
    forget(node)
    lastNumber &+= 1
    let entry = Entry(
      record: record, rank: rank, isWide: wide, sources: source.map { [$0] } ?? [], number: lastNumber)
    entries[node] = entry
    turns[Turn(entry)] = node
    fresh.append((node, lastNumber))
  }

  /// Puts a claim that needn't leave at once: it rides on probes.
  mutating func putQuietly(_ record: MemberRecord, about node: NodeID, rank: NewsClass) {
    put(record, about: node, rank: rank, wide: false, source: nil)
    fresh.removeLast()
  }

  /// Says more in a claim that is told anyhow; one that nobody waits for rides on probes.
  mutating func amend(_ record: MemberRecord, about node: NodeID, rank: NewsClass) {
    if entries.modify(node, { $0.record = record }) == nil { putQuietly(record, about: node, rank: rank) }
  }

  /// Notes that `source` knows the claim too, which counts as one telling.
  mutating func heardAgain(_ node: NodeID, from source: NodeID, limit: Int) {
    guard let old = entries[node] else { return }
    guard old.sends &+ 1 < limit else { return forget(node) }
    var entry = old
    entry.sends &+= 1
    if !entry.sources.contains(source) && entry.sources.count < News.sourcesMax { entry.sources.append(source) }
    replace(old, by: entry, node)
  }

  /// Drops what was to be told about `node`.
  mutating func forget(_ node: NodeID) {
    guard let old = entries.removeValue(forKey: node) else { return }
    turns.removeValue(forKey: Turn(old))
  }

  /// Counts a claim as told `times` more; one that was told `limit` times is dropped.
  mutating func told(_ node: NodeID, times: Int, limit: Int, keepsForEver: Bool) {
    guard let old = entries[node] else { return }
    var entry = old
    entry.sends &+= times
    if entry.sends >= limit && !keepsForEver {
      forget(node)
    } else {
      replace(old, by: entry, node)
    }
  }

  private mutating func replace(_ old: Entry, by entry: Entry, _ node: NodeID) {
    entries[node] = entry
    turns.removeValue(forKey: Turn(old))
    turns[Turn(entry)] = node
  }

  /// Takes the mark of freshness off all entries and returns those that had it, the urgent first.
  mutating func takeFresh() -> [NodeID] {
    defer { fresh.removeAll(keepingCapacity: true) }
    let current = fresh.compactMap { mark in
      entries[mark.node].flatMap { $0.number == mark.number ? (mark.node, $0.rank, $0.number) : nil }
    }
    return current.sorted { ($0.1, $0.2) < ($1.1, $1.2) }.map(\.0)
  }

  var hasFresh: Bool { !fresh.isEmpty }

  /// The claims whose turn it is, up to `bytesMax`; one that is larger than that doesn't hold up the others.
  func next(bytesMax: Int, countMax: Int, for peer: NodeID) -> [NodeID] {
    var picked: [NodeID] = []
    var bytes = 0
    // A few that don't fit are passed over; a long search for small ones isn't worth its time on every probe.
    for (_, node) in turns.prefix(countMax &* 4) {
      if picked.count >= countMax { break }
      guard let entry = entries[node], !entry.sources.contains(peer) else { continue }
      let size = entry.record.encodedSize
      if bytes &+ size > bytesMax { continue }
      bytes &+= size
      picked.append(node)
      if bytes &+ 40 > bytesMax { break }
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
