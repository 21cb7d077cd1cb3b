import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// A mesh of rooms with perfect links of a few milliseconds, and one peer without a room: "evil", linked to all, which
/// says what the test wants.
struct TestMesh {
  struct Parcel {
    let at: Instant
    let from: String
    let to: String
    let message: MeshMessage
  }

  var nodes: [String: Rig] = [:]
  let names: [String]
  var links: Set<[String]> = []
  /// By the time at which they arrive.
  var parcels: [Parcel] = []
  var now = Instant.origin + .seconds(100)
  /// What each node has told its host about which member.
  var events: [(observer: String, kind: MembershipEvent.Kind, member: String)] = []
  /// What each node has told its host of others' broadcasts: origin and number.
  var delivered: [String: [String]] = [:]
  var broken: [String] = []
  /// Hosts whose network is gone: nothing comes from them or reaches them, and dials find nobody to refuse them.
  var silent: Set<String> = []
  private var turns = 0
  static let evil = "evil"

  init(_ count: Int) throws {
    names = (0..<count).map { "n\($0 < 10 ? "0" : "")\($0)" }
    for (index, name) in names.enumerated() { nodes[name] = try Rig(name, seed: UInt64(index) + 1) }
    let evil = claim(TestMesh.evil, epoch: 1_000)
    for name in names {
      try give(name, .peerConnected(id(TestMesh.evil), evil, version: 2))
      if name != names[0] { try link(name, names[0]) }
    }
  }

  /// Gives `name` an input now, and looks after what it asks for.
  mutating func give(_ name: String, _ input: MembershipInput) throws {
    guard var rig = nodes[name] else { return }
    rig.now = now
    rig.send(input)
    nodes[name] = rig
    turns += 1
    // All of it is recomputed, which is dear; some turns of each node will do.
    if turns % 61 == 0, let problem = brokenInvariant(of: rig.room, now: now) { broken.append("\(name): \(problem)") }
    for effect in rig.effects.list {
      switch effect {
      case .send(let targets, let message):
        for target in targets where links.contains([name, target.name].sorted()) {
          parcels.append(Parcel(at: now + .milliseconds(3), from: name, to: target.name, message: message))
        }
      case .disconnect(let node, _):
        if node.name != TestMesh.evil { try unlink(name, node.name) }
      case .notify(let event): events.append((name, event.kind, event.member.nodeID.name))
      case .deliver(let message): delivered[name, default: []].append("\(message.origin) \(message.sequence)")
      case .raiseEpoch(let epoch): try give(name, .epochRaised(epoch))
      default: break
      }
    }
  }

  mutating func link(_ one: String, _ other: String) throws {
    guard let first = nodes[one], let second = nodes[other], !links.contains([one, other].sorted()) else { return }
    links.insert([one, other].sorted())
    try give(one, .peerConnected(id(other), second.room.localRecord, version: 2))
    try give(other, .peerConnected(id(one), first.room.localRecord, version: 2))
  }

  mutating func unlink(_ one: String, _ other: String) throws {
    guard links.remove([one, other].sorted()) != nil else { return }
    parcels.removeAll { [$0.from, $0.to].sorted() == [one, other].sorted() }
    try give(one, .peerDisconnected(id(other)))
    try give(other, .peerDisconnected(id(one)))
  }

  /// The process of `name` ends without a word.
  mutating func crash(_ name: String) throws {
    nodes.removeValue(forKey: name)
    for link in links where link.contains(name) {
      links.remove(link)
      for other in link where other != name { try give(other, .peerDisconnected(id(name))) }
    }
  }

  /// What "evil" says to `name`; it needs no link.
  mutating func say(_ message: MeshMessage, to name: String) throws {
    try give(name, .received(id(TestMesh.evil), message))
  }

  /// Dials what each node wants linked: whoever listens where its endpoint says so answers.
  private mutating func dial() throws {
    for name in names {
      for target in nodes[name]?.room.linkTargets ?? [] {
        let other = target.node.name
        guard other != TestMesh.evil, !links.contains([name, other].sorted()), !silent.contains(name),
          !silent.contains(other)
        else { continue }
        if target.endpoint == "\(other):17421", nodes[other] != nil {
          try link(name, other)
        } else {
          try give(name, .dialFailed(target.node, refused: true))
        }
      }
    }
  }

  mutating func run(_ span: Duration, each step: Duration = .milliseconds(10)) throws {
    let end = now + span
    while now < end {
      now = now + step
      let due = parcels.prefix { $0.at <= now }
      parcels.removeFirst(due.count)
      for parcel in due where !silent.contains(parcel.from) && !silent.contains(parcel.to) {
        if parcel.to == TestMesh.evil {
          if case .ping(let ping) = parcel.message {
            var ack = Ack()
            ack.sequence = ping.sequence
            try say(.ack(ack), to: parcel.from)
          }
        } else {
          try give(parcel.to, .received(id(parcel.from), parcel.message))
        }
      }
      for name in names {
        if let next = nodes[name]?.room.nextDeadline, next <= now { try give(name, .deadlineReached) }
      }
      try dial()
    }
  }

  /// The nodes that see `member` as `status`.
  func seeing(_ member: String, _ status: MemberStatus) -> [String] {
    names.filter { nodes[$0]?.status(member) == status }
  }

  /// Whether all see all the others alive.
  var isWhole: Bool {
    nodes.values.allSatisfy { rig in nodes.keys.allSatisfy { rig.status($0) == .alive } }
  }
}
