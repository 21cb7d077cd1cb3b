import MeshBasics

// OmniRelay's agent as contracts: gossip §3 to §6 describe it, defects included, with its defaults. Members are numbers
// here, in the order of their names, and an endpoint is the number of who listens there.

/// Metadata as far as it matters: its version, and whether it can be called.
struct PeerMetadata: Equatable {
  var version: Int64 = 1
  var hasEndpoint = true
  var isMarked = false
}

enum PeerStatus: UInt8 { case alive, suspect, left }

struct PeerEntry: Equatable {
  var metadata: PeerMetadata
  var lastSeen: Int64
  var status: PeerStatus
}

/// An envelope.
struct PeerNews {
  let sender: Int
  let metadata: PeerMetadata
  var members: [(node: Int, status: PeerStatus, lastSeen: Int64?, metadata: PeerMetadata)]
}

/// §5.
func v1Fanout(members: Int, notAlive: Int = 0) -> Int {
  let (floor, ceiling, coefficient) = (3, 32, 1.5)
  let size = Double(max(2, members))
  let base = min(max(Int((coefficient * log2(size)).rounded(.up)), floor), ceiling)
  let boosted = Int((Double(base) * (1 + Double(notAlive) / Double(max(1, members)))).rounded(.up))
  return max(1, min(max(1, min(boosted, ceiling, V1Peer.activeMax)), 20))
}

/// log2 without Foundation, exact for powers of two.
private func log2(_ value: Double) -> Double {
  var (exponent, mantissa) = (Double(value.exponent), value.significand)
  var step = 0.5
  for _ in 0..<52 {
    mantissa *= mantissa
    if mantissa >= 2 {
      mantissa /= 2
      exponent += step
    }
    step /= 2
  }
  return exponent
}

final class V1Peer {
  static let activeMax = 16
  static let passiveMax = 64
  static let told = 32
  static let suspicion: Int64 = 50_000_000
  static let leave: Int64 = 110_000_000

  let node: Int
  let seeds: [Int]
  /// How far its clock is ahead, in 100 ns.
  let skew: Int64
  var random: SeededRandom
  var table: [PeerEntry?]
  private(set) var active: [Int] = []
  private(set) var passive: [Int] = []
  /// The round under way: its snapshot, and who is still to be told.
  var snapshot: PeerNews?
  var targets: [Int] = []

  init(_ node: Int, of count: Int, seeds: [Int], skew: Int64, now: Int64, seed: UInt64) {
    self.node = node
    self.seeds = seeds
    self.skew = skew
    random = SeededRandom(seed: seed)
    table = Array(repeating: nil, count: count)
    table[node] = PeerEntry(metadata: PeerMetadata(), lastSeen: now + skew, status: .alive)
  }

  // MARK: §3

  func markSender(_ news: PeerNews, now: Int64) {
    observe(news.sender, .alive, now + skew, news.metadata, now: now)
  }

  func merge(_ news: PeerNews, now: Int64) {
    markSender(news, now: now)
    for member in news.members { observe(member.node, member.status, member.lastSeen, member.metadata, now: now) }
  }

  func observe(_ subject: Int, _ status: PeerStatus, _ lastSeen: Int64?, _ metadata: PeerMetadata, now: Int64) {
    guard var entry = table[subject] else {
      table[subject] = PeerEntry(metadata: metadata, lastSeen: lastSeen ?? now + skew, status: status)
      return
    }
    if metadata.version >= entry.metadata.version { entry.metadata = metadata }
    if subject == node {
      (entry.status, entry.lastSeen) = (.alive, now + skew)
    } else {
      switch status {
      case .left: entry.status = .left
      case .suspect: entry.status = entry.status == .left ? .alive : .suspect
      case .alive: entry.status = .alive
      }
      entry.lastSeen = lastSeen ?? now + skew
    }
    table[subject] = entry
  }

  func sweep(now: Int64) {
    for subject in table.indices where subject != node {
      guard let entry = table[subject] else { continue }
      let elapsed = now + skew - entry.lastSeen
      if elapsed > V1Peer.suspicion { table[subject]?.status = elapsed >= V1Peer.leave ? .left : .suspect }
    }
  }

  func news() -> PeerNews {
    let own = table[node]
    var news = PeerNews(sender: node, metadata: own?.metadata ?? PeerMetadata(), members: [])
    for subject in [node] + table.indices.filter({ $0 != node }) {
      guard news.members.count < V1Peer.told else { break }
      if let entry = table[subject] { news.members.append((subject, entry.status, entry.lastSeen, entry.metadata)) }
    }
    return news
  }

  // MARK: §4 to §6

  func beginRound() {
    let known = table.compactMap { $0 }
    snapshot = news()
    updateViews()
    targets = select(v1Fanout(members: known.count, notAlive: known.filter { $0.status != .alive }.count))
  }

  private func updateViews() {
    let alive = table.indices.filter {
      $0 != node && table[$0]?.status == .alive && table[$0]?.metadata.hasEndpoint == true
    }
    var isAlive = [Bool](repeating: false, count: table.count)
    for subject in alive { isAlive[subject] = true }
    active.removeAll { !isAlive[$0] }
    passive.removeAll { !isAlive[$0] && !seeds.contains($0) }
    for endpoint in alive + seeds where !active.contains(endpoint) && !passive.contains(endpoint) {
      passive.append(endpoint)
    }
    promote(to: V1Peer.activeMax)
    while active.count > V1Peer.activeMax { active.remove(at: draw(active.count)) }
    while passive.count > V1Peer.passiveMax { passive.remove(at: draw(passive.count)) }
  }

  private func promote(to size: Int) {
    while active.count < size, !passive.isEmpty { active.append(passive.remove(at: draw(passive.count))) }
  }

  private func select(_ limit: Int) -> [Int] {
    if active.isEmpty { promote(to: limit) }
    let first = random.sample(limit, below: active.count).map { active[$0] }
    return first + random.sample(limit - first.count, below: passive.count).map { passive[$0] }
  }

  private func draw(_ count: Int) -> Int { Int(random.below(UInt64(count))) }

  var shuffleTarget: Int? {
    let view = active.isEmpty ? passive : active
    return view.isEmpty ? nil : view[draw(view.count)]
  }

  func shuffleSample() -> [Int] {
    let first = random.sample(10, below: active.count).map { active[$0] }
    return first + random.sample(10 - first.count, below: passive.count).map { passive[$0] }
  }

  func take(shuffle endpoints: [Int]) {
    for endpoint in endpoints where !active.contains(endpoint) && !passive.contains(endpoint) {
      passive.append(endpoint)
    }
    while passive.count > V1Peer.passiveMax { passive.remove(at: draw(passive.count)) }
  }
}
