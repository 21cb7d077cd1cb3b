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
    var record: MemberRecord {
      didSet { size = record.encodedSize }
    }
    /// How many bytes the record takes on the wire.
    private(set) var size: Int
    var rank: NewsClass
    /// How many peers it was told to, or heard from again.
    var sends = 0
    /// Told to all links rather than along the rings: ends, and what this node says of itself.
    var isWide: Bool
    /// Nothing in it is new.
    var isReminder = false
    /// Of an end: who told it, the first and some that said it again since.
    var tellers: [NodeID] = []
    /// Who knows it: has told it to us, or was told by us over a link that loses nothing. None of them hears it again.
    var knowers: [NodeID] = []
    fileprivate(set) var number: UInt64

    init(_ record: MemberRecord, rank: NewsClass, wide: Bool, source: NodeID?, number: UInt64) {
      self.record = record
      size = record.encodedSize
      self.rank = rank
      isWide = wide
      self.number = number
      guard let source else { return }
      knowers = [source]
      if rank == .end { tellers = [source] }
    }

    /// Whether the digest tells who knows it. It leaves out suspicions and ends. What this node says of itself without
    /// a change is meant for those that know it.
    var isInDigest: Bool { !isReminder && rank >= .join }

    /// Whether `peer` has yet to hear it. Nobody is told its own life; what changed in metadata only who speaks the
    /// second version of the protocol understands.
    func isFor(_ peer: NodeID, about node: NodeID, isModern: Bool) -> Bool {
      peer != node && (isModern || record.metadataDelta == nil) && !knowers.contains(peer)
    }
  }

  /// The order of telling: by urgency, then what was told least, then the older.
  private struct Turn: Comparable, Sendable {
    let rank: NewsClass
    let sends: Int
    fileprivate(set) var number: UInt64

    init(rank: NewsClass, sends: Int, number: UInt64) {
      self.rank = rank
      self.sends = sends
      self.number = number
    }

    init(_ entry: Entry) { self.init(rank: entry.rank, sends: entry.sends, number: entry.number) }

    static func < (left: Turn, right: Turn) -> Bool {
      if left.rank != right.rank { return left.rank < right.rank }
      if left.sends != right.sends { return left.sends < right.sends }
      return left.number < right.number
    }
  }

  private var entries = ChunkedMap<NodeID, Entry>()
  private var turns = ChunkedMap<Turn, NodeID>()
  /// The number of the last entry; each that is new or says more has a greater one than all before.
  private(set) var lastNumber: UInt64 = 0
  /// Entries that have not been told at all, by their numbers; those replaced meanwhile are passed over.
  private var fresh: [(node: NodeID, number: UInt64)] = []

  var count: Int { entries.count }
  /// How often the claim told most often was told.
  var sendsMax: Int { entries.reduce(0) { max($0, $1.1.sends) } }

  /// What is to be told about `node`.
  subscript(node: NodeID) -> Entry? { entries[node] }

  /// Reads what is to be told about `node` without a copy of it; nil when that is nothing.
  func read<Result>(_ node: NodeID, _ body: (Entry) -> Result) -> Result? { entries.read(node, body) }

  /// Puts a claim in place of what was to be told about the same member.
  mutating func put(_ record: MemberRecord, about node: NodeID, rank: NewsClass, wide: Bool, source: NodeID?) {
    forget(node)
    lastNumber &+= 1
    let entry = Entry(record, rank: rank, wide: wide, source: source, number: lastNumber)
    entries[node] = entry
    turns[Turn(entry)] = node
    fresh.append((node, lastNumber))
  }

  /// Puts a claim that is told again although nothing changed.
  mutating func putReminder(_ record: MemberRecord, about node: NodeID) {
    putQuietly(record, about: node, rank: .metadata)
    _ = entries.modify(node) { $0.isReminder = true }
  }

  /// Drops all that the digest covers, when everybody to tell it to has the same digest.
  mutating func forgetCovered() {
    trim(to: 0)
  }

  /// Puts a claim that needn't leave at once: it rides on probes.
  mutating func putQuietly(_ record: MemberRecord, about node: NodeID, rank: NewsClass) {
    put(record, about: node, rank: rank, wide: false, source: nil)
    fresh.removeLast()
  }

  /// Says more in a claim that is told anyhow; one that nobody waits for rides on probes.
  mutating func amend(_ record: MemberRecord, about node: NodeID, rank: NewsClass) {
    guard var entry = entries[node] else { return putQuietly(record, about: node, rank: rank) }
    lastNumber &+= 1
    if let place = fresh.firstIndex(where: { $0.number == entry.number }) { fresh[place].number = lastNumber }
    turns.removeValue(forKey: Turn(entry))
    entry.record = record
    entry.knowers = []
    entry.number = lastNumber
    entries[node] = entry
    turns[Turn(entry)] = node
  }

  /// Tells all links what went along the rings, unless so many peers have told it as well that all have heard it.
  mutating func widen(_ node: NodeID, unlessToldBy echoesMax: Int) {
    guard let entry = entries[node], entry.rank == .end, !entry.isWide, entry.tellers.count <= echoesMax else { return }
    _ = entries.modify(node) { $0.isWide = true }
    // Where a node has many links the telling along the rings may still wait for its turn: one telling does for both.
    if !fresh.contains(where: { $0.number == entry.number }) { fresh.append((node, entry.number)) }
  }

  /// Notes that `source` knows the claim too, which counts as one telling; one with older metadata doesn't.
  mutating func heardAgain(_ record: MemberRecord, about node: NodeID, from source: NodeID, limit: Int) {
    let isAsNew = entries.modify(node) { entry in
      guard record.offeredMetadataVersion >= entry.record.offeredMetadataVersion else { return false }
      // Each peer once, however often it says it: else one could keep this node from telling it on.
      let isOneMore = entry.rank == .end && entry.tellers.count <= MembershipLimits.endEchoes
      if isOneMore && !entry.tellers.contains(source) { entry.tellers.append(source) }
      return true
    }
    guard isAsNew == true else { return }
    told(node, to: [source], limit: limit, keepsForEver: false)
  }

  /// Drops what was to be told about `node`.
  mutating func forget(_ node: NodeID) {
    guard let old = entries.removeValue(forKey: node) else { return }
    turns.removeValue(forKey: Turn(old))
  }

  /// Counts a claim as told to these peers, each once; one that was told `limit` times is dropped.
  mutating func told(_ node: NodeID, to peers: [NodeID], limit: Int, keepsForEver: Bool) {
    let turned = entries.modify(node) { entry in
      let before = Turn(entry)
      for peer in peers where !entry.knowers.contains(peer) {
        if !keepsForEver { entry.knowers.append(peer) }
        entry.sends &+= 1
      }
      return (before: before, after: Turn(entry))
    }
    guard let turned, turned.before != turned.after else { return }
    turns.removeValue(forKey: turned.before)
    if turned.after.sends >= limit && !keepsForEver {
      entries.removeValue(forKey: node)
    } else {
      turns[turned.after] = node
    }
  }

  /// Drops entries that the digest covers until `limit` are left, the least urgent first, of those the ones told most
  /// often: what a large mesh learns while it forms would ride on probes for hours, long after anti-entropy has brought
  /// it to all.
  mutating func trim(to limit: Int) {
    // Those of these ranks stand behind all others; what this node reminds of is among them, and stays.
    let urgent = turns.rank(of: Turn(rank: .join, sends: 0, number: 0))
    var surplus = turns.count &- urgent &- limit
    var place = turns.count
    while surplus > 0, let (turn, node) = turns.element(at: place &- 1), turn.rank >= .join {
      place &-= 1
      guard entries.read(node, \.isInDigest) == true else { continue }
      forget(node)
      surplus &-= 1
    }
  }

  /// Takes the mark of freshness off all entries and returns those that had it, the urgent first.
  mutating func takeFresh() -> [NodeID] {
    defer { fresh.removeAll(keepingCapacity: true) }
    let current = fresh.compactMap { mark in
      entries.read(mark.node) { $0.number == mark.number ? (mark.node, $0.rank, $0.number) : nil } ?? nil
    }
    return current.sorted { ($0.1, $0.2) < ($1.1, $1.2) }.map(\.0)
  }

  var hasFresh: Bool { !fresh.isEmpty }

  /// What a peer is to be told next.
  struct Pick {
    var nodes: [NodeID] = []
    /// Whether nothing else in the queue is for it, so that it needs no look before there are greater numbers.
    var isAll = true
  }

  /// The claims above number `known` that `peer` may hear, whose turn it is, up to `bytesMax`; one that is larger
  /// doesn't hold up the others. Whoever has the same digest knows all that it covers.
  func next(
    bytesMax: Int, countMax: Int, for peer: NodeID, isModern: Bool, agrees: Bool = false, above known: UInt64 = 0
  ) -> Pick {
    var pick = Pick()
    var bytes = 0
    var looks = 0
    for (turn, node) in turns where turn.number > known {
      // A few that don't fit are passed over; a long search for small ones isn't worth its time on every probe.
      guard pick.nodes.count < countMax, looks < countMax &* 4, bytes &+ 40 <= bytesMax else {
        pick.isAll = false
        break
      }
      looks &+= 1
      let size = entries.read(node) { entry in
        agrees && entry.isInDigest || !entry.isFor(peer, about: node, isModern: isModern) ? nil : entry.size
      }
      guard let size = size ?? nil else { continue }
      guard bytes &+ size <= bytesMax else {
        pick.isAll = false
        continue
      }
      bytes &+= size
      pick.nodes.append(node)
    }
    return pick
  }

  /// How often a claim is told in a mesh of `members`: `scale` · ⌈log2(members + 1)⌉.
  static func retransmissions(scale: Int, members: Int) -> Int {
    var log = 0
    while log < 62 && (1 << log) < members &+ 1 { log &+= 1 }
    return max(1, scale) &* max(1, log)
  }
}
