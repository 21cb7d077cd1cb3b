import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// A membership driven by hand.
struct Rig {
  var room: Membership
  var now = Instant.origin + .seconds(100)
  var effects = MembershipEffects()

  init(
    _ name: String = "m", seed: UInt64 = 7, unixMilliseconds: Int64 = 1_000,
    change: (inout MembershipConfiguration) -> Void = { _ in }
  ) throws {
    InvariantPolicy.trapsOnViolation = true
    var metadata = NodeMetadata()
    metadata.endpoint = "\(name):17421"
    var configuration = MembershipConfiguration(nodeID: try #require(NodeID(name)), metadata: metadata)
    change(&configuration)
    room = Membership(configuration: configuration, seed: seed)
    send(.started(epoch: 1_000, unixMilliseconds: unixMilliseconds))
  }

  mutating func send(_ input: MembershipInput) {
    effects.removeAll()
    room.handle(input, now: now, into: &effects)
  }

  mutating func advance(_ span: Duration) {
    now = now + span
    send(.deadlineReached)
  }

  var events: [MembershipEvent.Kind] {
    effects.list.compactMap { if case .notify(let event) = $0 { event.kind } else { nil } }
  }

  /// The same with the members that they are about.
  var memberEvents: [(kind: MembershipEvent.Kind, member: String)] {
    effects.list.compactMap { effect in
      if case .notify(let event) = effect { (event.kind, event.member.nodeID.name) } else { nil }
    }
  }

  func status(_ name: String) -> MemberStatus? { view(name)?.status }

  func view(_ name: String) -> MemberView? { NodeID(name).flatMap { room.view(of: $0) } }
}

func claim(
  _ name: String, _ incarnation: UInt32 = 0, _ state: MemberState = .alive, epoch: UInt64 = 500, accuser: String = ""
) -> MemberRecord {
  var record = MemberRecord()
  record.nodeID = name
  record.epoch = epoch
  record.incarnation = incarnation
  record.state = state
  record.accuser = accuser
  if state == .alive {
    var metadata = NodeMetadata()
    metadata.endpoint = "\(name):17421"
    metadata.metadataVersion = 1
    record.metadata = metadata
  }
  return record
}

func news(_ records: MemberRecord...) -> MeshMessage { news(records) }

func news(_ records: [MemberRecord]) -> MeshMessage {
  var news = MeshWire.News()
  news.records = records
  return .news(news)
}

extension Rig {
  /// A rig that is linked to `names`.
  static func connected(_ names: String...) throws -> Rig {
    var rig = try Rig()
    for name in names { try rig.connect(name) }
    try rig.ripen(names)
    return rig
  }

  mutating func connect(_ name: String, _ record: MemberRecord? = nil, version: UInt32 = 2) throws {
    send(.peerConnected(try id(name), record ?? claim(name), version: version))
  }

  /// Fills the table from several peers, each within its budget of newcomers.
  mutating func fill(_ records: [MemberRecord]) throws {
    for (page, start) in stride(from: 0, to: records.count, by: 512).enumerated() {
      let teller = "teller-\(page / 8)"
      if view(teller) == nil { try connect(teller) }
      try hear(teller, news(Array(records[start..<min(start + 512, records.count)])))
    }
  }

  /// Makes neighbours of these peers whose word counts, which takes a while.
  mutating func ripen(_ names: [String]) throws {
    for name in names {
      guard let old = room.peers[try id(name)] else { continue }
      var peer = Peer(version: old.version, now: .origin)
      (peer.roundTrip, peer.smoothedRoundTrip, peer.budget) = (old.roundTrip, old.smoothedRoundTrip, old.budget)
      room.peers[try id(name)] = peer
    }
  }

  /// Two linked peers say that `name` is dead, which is enough where it has no link of its own.
  mutating func bury(_ name: String, _ incarnation: UInt32 = 0, voices: [String]) throws {
    try ripen(voices)
    for voice in voices { try hear(voice, news(claim(name, incarnation, .dead, accuser: voice))) }
  }

  /// A message of the linked peer `name`.
  mutating func hear(_ name: String, _ message: MeshMessage) throws { send(.received(try id(name), message)) }

  /// Lets time pass up to each deadline in turn. All effects of that time are gathered; `react` sees each turn.
  mutating func run(_ span: Duration, react: (inout Rig) throws -> Void = { _ in }) throws {
    let end = now + span
    while let next = room.nextDeadline, next <= end {
      now = max(now, next)
      send(.deadlineReached)
      try react(&self)
    }
    now = end
  }

  /// Lets time pass while these peers answer each ping at once, those under way first, and say of whatever they are
  /// asked to probe that it doesn't answer them either.
  mutating func run(
    _ span: Duration, answering names: [String], react: (inout Rig) throws -> Void = { _ in }
  ) throws {
    for name in names { try answer(name, room.probes[id(name)].map { [$0.sequence] } ?? []) }
    try run(span) { rig in
      try react(&rig)
      let pings = names.map { name in (name, rig.pings(to: name).map(\.sequence)) }
      let asked = names.flatMap { name in rig.relayRequests(to: name).map { (name, $0) } }
      for (name, numbers) in pings { try rig.answer(name, numbers) }
      for (name, request) in asked { try rig.hear(name, reply(to: request, reached: false)) }
    }
  }

  /// Peer `name` answers these pings, with this node's own digest.
  mutating func answer(_ name: String, _ numbers: [UInt64]) throws {
    for number in numbers {
      var ack = Ack()
      ack.sequence = number
      ack.digest = room.digest
      try hear(name, .ack(ack))
    }
  }

  /// Lets time pass until just before `instant`, with no deadline missed, and then takes the turn of that moment.
  mutating func reach(_ instant: Instant) throws {
    try run(instant.since(now) - .milliseconds(1))
    now = instant
    send(.deadlineReached)
  }

  /// Goes to this time before the next round, when peer `name` pings, and knows what this node knows.
  mutating func pinged(by name: String, before span: Duration) throws {
    try run(try #require(room.timers[.round]).since(now) - span, answering: [name])
    var ping = Ping()
    ping.digest = room.digest
    try hear(name, .ping(ping))
  }

  var observations: [Observation] {
    effects.list.compactMap { if case .observe(let observation) = $0 { observation } else { nil } }
  }

  /// What the last input sent to `name`.
  func messages(to name: String) -> [MeshMessage] {
    effects.list.compactMap { effect in
      if case .send(let nodes, let message) = effect, nodes.contains(where: { $0.name == name }) {
        message
      } else {
        nil
      }
    }
  }

  func pings(to name: String) -> [Ping] {
    messages(to: name).compactMap { if case .ping(let ping) = $0 { ping } else { nil } }
  }

  func relayRequests(to name: String) -> [ProbeRequest] {
    messages(to: name).compactMap { if case .probeRequest(let request) = $0 { request } else { nil } }
  }

  func member(_ name: String) -> Member? { NodeID(name).flatMap { room.members[$0] } }
  func suspicion(_ name: String) -> Suspicion? { NodeID(name).flatMap { room.suspicions[$0] } }

  /// The claims of the news that the last input sent to `name`.
  func told(_ name: String) -> [MemberRecord] {
    messages(to: name).flatMap { message -> [MemberRecord] in
      if case .news(let news) = message { news.records } else { [] }
    }
  }

  func disconnects(_ name: String) -> Bool {
    effects.list.contains { if case .disconnect(let node, _) = $0 { node.name == name } else { false } }
  }

  func statistic(_ name: String) -> Int64? { room.statistics.first { $0.name == name }?.value }
}

func reply(to request: ProbeRequest, reached: Bool) -> MeshMessage {
  var reply = ProbeReply()
  reply.sequence = request.sequence
  reply.target = request.target
  reply.reached = reached
  return .probeReply(reply)
}

func id(_ name: String) throws -> NodeID { try #require(NodeID(name)) }
