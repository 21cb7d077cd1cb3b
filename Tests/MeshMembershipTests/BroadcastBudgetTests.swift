import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// How much one peer may bring of broadcasts.
struct BroadcastBudgetTests {
  private let burst = Int(MembershipLimits.broadcastBytesTakenBurst)
  private let perSecond = Int(MembershipLimits.broadcastBytesTakenPerSecond)
  /// What each of `message` takes: topic and payload, and 64 bytes.
  private let cost = 64 + 1 + 959

  private func message(
    _ sequence: UInt64, from origin: String = "b", epoch: UInt64 = 500, bytes: Int? = 959
  ) -> MeshMessage {
    var message = Broadcast()
    message.origin = origin
    message.epoch = epoch
    message.sequence = sequence
    message.topic = "t"
    message.payload = bytes.map { [UInt8](repeating: 1, count: $0) }
    message.size = UInt32(bytes ?? 2_000)
    return .broadcast(message)
  }

  private func delivered(_ rig: Rig) -> Int {
    rig.effects.list.count { if case .deliver = $0 { true } else { false } }
  }

  /// Those that were held back by the last input.
  private func heldBack(_ rig: Rig) -> [String] {
    rig.observations.compactMap {
      if case .limitReached("broadcasts of one link", let peer, 1) = $0 { peer } else { nil }
    }
  }

  @Test func aPeerBringsAsMuchAsItMayAndIsHeldBackAloneAndNamed() throws {
    var rig = try Rig.connected("b", "c")
    for number in 1...UInt64(burst / cost) {
      try rig.hear("b", message(number))
      #expect(delivered(rig) == 1 && heldBack(rig).isEmpty)
    }
    for number in UInt64(burst / cost) + 1...UInt64(burst / cost) + 50 {
      try rig.hear("b", message(number))
      #expect(delivered(rig) == 0 && rig.messages(to: "c").isEmpty && heldBack(rig) == ["b"])
      #expect(!rig.disconnects("b") && rig.status("b") == .alive)
    }
    // Others are heard, also with what was refused of this one.
    try rig.hear("c", message(UInt64(burst / cost) + 1))
    #expect(delivered(rig) == 1 && heldBack(rig).isEmpty)
    rig.now = rig.now + .seconds(1)
    for number in 1...UInt64(perSecond / cost) {
      try rig.hear("b", message(5_000 + number))
      #expect(delivered(rig) == 1 && heldBack(rig).isEmpty)
    }
    try rig.hear("b", message(6_000))
    #expect(delivered(rig) == 0 && heldBack(rig) == ["b"])
  }

  /// What costs work counts, whatever comes of it.
  @Test(arguments: ["seen", "of strangers", "of another life", "announced"])
  func whatIsNotDeliveredCountsAsWell(_ kind: String) throws {
    var rig = try Rig.connected("b", "c")
    let bytes: Int? = kind == "announced" ? nil : 959
    let count = kind == "announced" ? burst / 65 : burst / cost
    for number in 1...count {
      let sequence = kind == "announced" ? UInt64(number) : 1
      try rig.hear(
        "b",
        message(
          sequence, from: kind == "of strangers" ? "stranger" : "b", epoch: kind == "of another life" ? 499 : 500,
          bytes: bytes))
      #expect(heldBack(rig).isEmpty)
    }
    try rig.hear("b", message(100_000))
    #expect(heldBack(rig) == ["b"])
  }

  @Test func whatWasBroughtStaysBroughtWhenThePeerComesBack() throws {
    var rig = try Rig.connected("b", "c")
    for number in 1...UInt64(burst / cost) { try rig.hear("b", message(number)) }
    rig.send(.peerDisconnected(try id("b")))
    try rig.connect("b")
    try rig.hear("b", message(3_000))
    #expect(delivered(rig) == 0 && heldBack(rig) == ["b"])
  }

  /// A relay that sends all that its budget for the link allows, whole ones, announcements and what is pulled, over a
  /// link that stands still for four seconds again and again, and that restarts in between.
  @Test func anHonestPeerIsNeverHeldBackThoughItsLinkStandsStill() throws {
    let origins = (1...5).map { "o\($0)" }
    var leaf = try Rig("z")
    var (taken, whole, announced, pulled) = (0, 0, 0, 0)
    for life in 0..<2 {
      var relay = try Rig { $0.fanout = 8 }
      relay.now = leaf.now
      for origin in origins { try relay.connect(origin) }
      try relay.connect("z", leaf.room.localRecord)
      try leaf.connect("m", claim("m", epoch: 1_000 + UInt64(life)))
      try leaf.hear("m", news(origins.map { claim($0) }))
      var way: [MeshMessage] = []
      for step in 0..<200 {
        relay.now = relay.now + .milliseconds(60)
        leaf.now = relay.now
        for origin in origins {
          for number in 1...4 {
            let sequence = UInt64(life * 800 + step * 4 + number)
            let size = step % 10 == 0 ? nil : number % 2 == 0 ? 1_024 : 10
            try relay.hear(origin, message(sequence, from: origin, bytes: size))
            way += relay.messages(to: "z")
          }
        }
        guard step % 67 == 66 else { continue }
        // Four seconds of it arrive at once, and its answers find the link open.
        for message in way {
          guard case .broadcast(let broadcast) = message else { continue }
          taken += 1
          if broadcast.payload == nil { announced += 1 } else { whole += 1 }
          try leaf.hear("m", message)
          #expect(heldBack(leaf).isEmpty)
          for pull in leaf.messages(to: "m") where pull.kind == .broadcastPull {
            try relay.hear("z", pull)
            for answer in relay.messages(to: "z") {
              try leaf.hear("m", answer)
              #expect(heldBack(leaf).isEmpty)
              pulled += 1
            }
          }
        }
        way = []
      }
      #expect(relay.room.marks.contains(.broadcastOverBudget))
      leaf.send(.peerDisconnected(try id("m")))
    }
    #expect(whole > 500 && announced > 500 && pulled > 50, "\(taken): \(whole) \(announced) \(pulled)")
  }

  /// One member tells each of the others ten times what it may: hosts read what its budget allows, nobody is suspected
  /// for it, and what another host tells arrives.
  @Test func aFloodOfOneMemberIsBoundedAndDisturbsNobody() throws {
    var mesh = try TestMesh(8)
    try mesh.run(.seconds(4))
    #expect(mesh.isWhole)
    mesh.events = []
    let (size, seconds) = (16_384, 3)
    var forged: UInt64 = 0
    for step in 0..<seconds * 10 {
      for name in mesh.names {
        for _ in 0..<8 {
          forged += 1
          try mesh.say(message(forged, from: TestMesh.evil, epoch: 1_000, bytes: size), to: name)
        }
      }
      if step % 3 == 0 { try mesh.give("n00", .broadcast(topic: "topic", payload: [1])) }
      try mesh.run(.milliseconds(100))
    }
    try mesh.run(.seconds(5))
    let bound = mesh.names.count * (burst + seconds * perSecond) / (size + 65)
    #expect(forged > 2 * UInt64(bound))
    for name in mesh.names {
      let heard = mesh.delivered[name, default: []]
      #expect(heard.count { $0.hasPrefix(TestMesh.evil) } <= bound, "\(name)")
      #expect(heard.count { $0.hasPrefix("n00") } == (name == "n00" ? 0 : seconds * 10 / 3), "\(name)")
    }
    let disturbed = mesh.events.filter { $0.member != TestMesh.evil }
    #expect(disturbed.isEmpty && mesh.isWhole && mesh.broken.isEmpty, "\(disturbed.prefix(5))")
  }
}
