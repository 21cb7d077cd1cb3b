import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// What hosts tell all members.
struct BroadcastTests {
  private func message(
    _ sequence: UInt64, from origin: String = "b", epoch: UInt64 = 500, payload: [UInt8]? = [1], size: UInt32? = nil
  ) -> MeshMessage {
    var message = Broadcast()
    message.origin = origin
    message.epoch = epoch
    message.sequence = sequence
    message.topic = "topic"
    message.payload = payload
    message.size = size ?? UInt32(payload?.count ?? 0)
    return .broadcast(message)
  }

  private func delivered(_ rig: Rig) -> [BroadcastMessage] {
    rig.effects.list.compactMap { if case .deliver(let message) = $0 { message } else { nil } }
  }

  private func sent(_ rig: Rig, to name: String) -> [Broadcast] {
    rig.messages(to: name).compactMap { if case .broadcast(let message) = $0 { message } else { nil } }
  }

  private func pulls(_ rig: Rig, to name: String) -> Int {
    rig.messages(to: name).count { $0.kind == .broadcastPull }
  }

  /// Conformance 85.
  @Test func eachIsDeliveredOnceFromWhomeverItComes() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.hear("b", message(1))
    #expect(delivered(rig).map(\.payload) == [[1]] && delivered(rig).first?.origin.name == "b")
    #expect(sent(rig, to: "b").isEmpty && !(sent(rig, to: "c") + sent(rig, to: "d")).isEmpty)
    for name in ["b", "c", "d"] {
      try rig.hear(name, message(1))
      #expect(delivered(rig).isEmpty && sent(rig, to: "c").isEmpty && sent(rig, to: "d").isEmpty)
    }
  }

  @Test func theOriginTellsAllItIsLinkedToAndNotItself() throws {
    let names = (0..<20).map { "n\($0)" }
    var rig = try Rig()
    for name in names { try rig.connect(name) }
    rig.send(.broadcast(topic: "topic", payload: [7]))
    #expect(names.allSatisfy { sent(rig, to: $0).map(\.sequence) == [1] } && delivered(rig).isEmpty)
    rig.send(.broadcast(topic: "topic", payload: [8]))
    #expect(sent(rig, to: "n3").map(\.sequence) == [2])
    try rig.hear("n3", message(1, from: "m", epoch: 1_000))
    #expect(delivered(rig).isEmpty)
  }

  @Test func numbersMayComeInAnyOrderWithinTheWindow() throws {
    let window = MembershipLimits.broadcastWindow
    var seen = Broadcasts.Seen(epoch: 1)
    let first = seen.insert(window + 1)
    let lowest = seen.insert(2)
    let below = seen.insert(1)
    let zero = seen.insert(0)
    let again = seen.insert(2)
    #expect(first && lowest && !below && !zero && !again)
    let next = seen.insert(window + 2)
    let nowBelow = seen.insert(2)
    #expect(next && !nowBelow)
    // A leap leaves nothing of the old window behind.
    let leap = seen.insert(10 * window)
    let others = (9 * window + 1..<10 * window).allSatisfy { seen.insert($0) }
    let all = (9 * window + 1...10 * window).allSatisfy { !seen.insert($0) }
    #expect(leap && others && all)
    let end = seen.insert(.max - window)
    let endAgain = seen.insert(.max - window)
    let beyond = seen.insert(.max)
    #expect(end && !endAgain && !beyond)
  }

  @Test func aRestartOfTheOriginBeginsAnew() throws {
    var rig = try Rig.connected("b", "c")
    try rig.hear("b", message(1))
    try rig.connect("b", claim("b", epoch: 600))
    try rig.hear("b", message(1, epoch: 600))
    #expect(delivered(rig).count == 1)
    try rig.hear("c", message(2, epoch: 500))
    #expect(delivered(rig).isEmpty)
  }

  @Test func strangersAndWrongSizesAreDropped() throws {
    var rig = try Rig.connected("b", "c")
    try rig.hear("c", message(1, from: "stranger"))
    #expect(delivered(rig).isEmpty)
    try rig.hear("c", message(1, size: 2))
    #expect(delivered(rig).isEmpty && rig.statistic("claimsRejected") == 1)
    try rig.hear("c", message(2, payload: nil, size: UInt32(WireLimits.broadcastBytes) + 1))
    #expect(pulls(rig, to: "c") == 0 && rig.statistic("claimsRejected") == 2)
    try rig.hear("c", message(3, payload: nil, size: UInt32(WireLimits.broadcastBytes)))
    #expect(pulls(rig, to: "c") == 1)
  }

  @Test func aLargePayloadIsAnnouncedAndPulled() throws {
    var origin = try Rig("b")
    try origin.connect("m")
    origin.send(.broadcast(topic: "topic", payload: Array(repeating: 1, count: WireLimits.broadcastInlineBytes)))
    #expect(sent(origin, to: "m").first?.payload?.count == WireLimits.broadcastInlineBytes)
    let payload = [UInt8](repeating: 2, count: WireLimits.broadcastInlineBytes + 1)
    origin.send(.broadcast(topic: "topic", payload: payload))
    let announced = try #require(sent(origin, to: "m").first)
    #expect(announced.payload == nil && announced.size == UInt32(payload.count))
    var rig = try Rig.connected("c")
    try rig.connect("b", origin.room.localRecord)
    try rig.hear("b", .broadcast(announced))
    let pull = try #require(rig.messages(to: "b").first { $0.kind == .broadcastPull })
    try origin.hear("m", pull)
    try rig.hear("b", .broadcast(try #require(sent(origin, to: "m").first)))
    #expect(delivered(rig).map(\.payload) == [payload] && rig.room.marks.contains(.pulledBroadcast))
    #expect(sent(rig, to: "c").map { $0.payload == nil } == [true])
  }

  @Test func theNextAnnouncerIsAskedWhenTheFirstIsSilent() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.hear("c", message(1, payload: nil, size: 5_000))
    try rig.hear("d", message(1, payload: nil, size: 5_000))
    #expect(pulls(rig, to: "d") == 0)
    var asked: [String] = []
    func note(_ rig: Rig) { for name in ["c", "d"] where pulls(rig, to: name) > 0 { asked.append(name) } }
    // A silent one may have no budget now, so that they take turns.
    try rig.run(.milliseconds(3_200)) { note($0) }
    #expect(asked == ["d", "c", "d"])
    rig.send(.peerDisconnected(try id("c")))
    asked = []
    try rig.run(.milliseconds(2_200)) { note($0) }
    #expect(asked == ["d", "d"])
  }

  @Test(arguments: [true, false]) func whatNobodyGivesIsDroppedAndTold(_ areLinked: Bool) throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.hear("c", message(1, payload: nil, size: 5_000))
    if !areLinked { rig.send(.peerDisconnected(try id("c"))) }
    func drops(_ span: Duration) throws -> Int {
      var drops = 0
      try rig.run(span) { rig in
        drops += rig.observations.count { if case .broadcastDropped = $0 { true } else { false } }
      }
      return drops
    }
    let life = MembershipLimits.broadcastLife
    let early = try drops(areLinked ? life - .seconds(1) : .milliseconds(900))
    #expect(early == 0 && rig.room.broadcasts.kept.count == 1)
    // Rounds are longer for a node that hears nobody.
    let late = try drops(.seconds(15))
    #expect(late == 1 && rig.room.broadcasts.kept.isEmpty)
  }

  /// It would not be taken, and asked for again each second for a minute.
  @Test func whatAnEarlierLifeOfItsOriginToldIsAskedForNoMore() throws {
    var rig = try Rig.connected("b", "c")
    try rig.hear("c", message(1, payload: nil, size: 5_000))
    #expect(pulls(rig, to: "c") == 1)
    try rig.hear("b", news(claim("b", epoch: 501)))
    var late = 0
    try rig.run(.seconds(5), answering: ["b", "c"]) { late += pulls($0, to: "c") }
    #expect(late == 0 && rig.room.broadcasts.kept.isEmpty)
  }

  @Test func whatIsNotKeptIsNotGiven() throws {
    var rig = try Rig.connected("b")
    var pull = BroadcastPull()
    pull.origin = "b"
    pull.epoch = 500
    pull.sequence = 9
    try rig.hear("b", .broadcastPull(pull))
    #expect(sent(rig, to: "b").isEmpty)
  }

  @Test func keptBroadcastsHaveTheirNumberTheirBytesAndTheirTime() throws {
    var rig = try Rig()
    func tell(_ bytes: Int) { rig.send(.broadcast(topic: "t", payload: Array(repeating: 0, count: bytes))) }
    let ids = try (0...UInt64(MembershipLimits.broadcastsMax)).map { number in
      BroadcastID(origin: try id("b"), epoch: 1, sequence: number)
    }
    for (index, id) in ids.enumerated() {
      rig.now = rig.now + .microseconds(1)
      rig.room.broadcasts.keep(id, Broadcast(), announcers: [], now: rig.now)
      #expect(rig.room.broadcasts.kept.count == min(index + 1, MembershipLimits.broadcastsMax))
    }
    // The oldest made room.
    #expect(rig.room.broadcasts.kept[ids[0]] == nil && rig.room.broadcasts.kept[ids[1]] != nil)
    for _ in 0..<MembershipLimits.broadcastBytesMax / WireLimits.broadcastBytes + 1 { tell(WireLimits.broadcastBytes) }
    #expect(rig.room.broadcasts.bytes <= MembershipLimits.broadcastBytesMax)
    try rig.run(MembershipLimits.broadcastLife + .seconds(2))
    #expect(rig.room.broadcasts.kept.isEmpty && rig.room.broadcasts.bytes == 0)
  }

  @Test func theHostsOwnBroadcastsHaveABudgetThatFillsAgain() throws {
    var rig = try Rig()
    var told = 0
    while told < 100_000, rig.room.mayBroadcast(bytes: 1_000, now: rig.now) { told += 1 }
    #expect(told == Int(MembershipLimits.ownBroadcastBytesBurst) / 1_256)
    let again = rig.room.mayBroadcast(bytes: 1_000, now: rig.now + .seconds(1))
    #expect(again)
  }

  @Test func broadcastsOfOneLinkHaveABudgetApartFromNews() throws {
    var rig = try Rig.connected("b", "c")
    var (given, told) = (0, 0)
    func tell(_ rig: inout Rig) -> Bool {
      rig.send(.broadcast(topic: "t", payload: Array(repeating: 0, count: 1_024)))
      let messages = sent(rig, to: "c")
      given += messages.count { $0.payload != nil }
      told += messages.count { $0.payload == nil }
      return !messages.isEmpty
    }
    while tell(&rig) {}
    // Beyond the budget they are announced, up to the debt; then they are dropped, and that is told.
    #expect(given == 2 * Int(MembershipLimits.broadcastBytesPerSecond) / (1_024 + 65))
    #expect(abs(told - Int(MembershipLimits.broadcastDebtMax) / 65) <= 16)
    #expect(rig.room.marks.contains(.broadcastOverBudget))
    #expect(rig.observations.contains { if case .broadcastDropped = $0 { true } else { false } })
    rig.now = rig.now + .milliseconds(20)
    rig.send(.labelsSet([Label(key: "k", value: "v")]))
    #expect(rig.told("c").contains { $0.nodeID == "m" })
  }

  /// The host is told to wait rather than to believe that all learn what no link can carry.
  @Test func whatTheHostMayTellAtOnceFitsEachOfItsLinks() throws {
    var rig = try Rig.connected("b", "c")
    var accepted = 0
    while accepted < 800, rig.room.mayBroadcast(bytes: 1_024, now: rig.now) {
      rig.send(.broadcast(topic: "topic", payload: Array(repeating: 0, count: 1_024)))
      accepted += 1
      #expect(sent(rig, to: "b").first?.payload != nil && sent(rig, to: "c").first?.payload != nil)
    }
    #expect(accepted > 200 && accepted < 800)
  }

  /// Each host tells as much as it may at once, which is more than the links carry at once.
  @Test(arguments: [(1, 1_024, 5), (5, 1_024, 20), (5, WireLimits.broadcastBytes, 20)])
  func whatIsAcceptedArrivesEverywhereOnce(_ origins: Int, _ size: Int, _ seconds: Int64) throws {
    var mesh = try TestMesh(5)
    try mesh.run(.seconds(3))
    let payload = [UInt8](repeating: 1, count: size)
    var told: [String: [String]] = [:]
    var hasRoom = true
    while hasRoom {
      hasRoom = false
      for name in mesh.names.prefix(origins) {
        guard mesh.nodes[name]?.room.mayBroadcast(bytes: size, now: mesh.now) == true else { continue }
        hasRoom = true
        told[name, default: []].append("\(name) \(told[name, default: []].count + 1)")
        try mesh.give(name, .broadcast(topic: "topic", payload: payload))
      }
    }
    #expect(told.count == origins)
    try mesh.run(.seconds(seconds))
    for name in mesh.names {
      let others = told.filter { $0.key != name }.values.flatMap { $0 }
      #expect(mesh.delivered[name, default: []].sorted() == others.sorted(), "\(name)")
    }
    #expect(mesh.broken == [])
  }

  /// What passes the budget of a link at once is pulled over it later.
  @Test func aRelayPassesOnWhatItsLinkCannotCarryAtOnce() throws {
    let origins = (1...5).map { "o\($0)" }
    // So many rings that it passes all on to all.
    var relay = try Rig { $0.fanout = 8 }
    for origin in origins { try relay.connect(origin) }
    var leaf = try Rig("z")
    try leaf.connect("m", relay.room.localRecord)
    try relay.connect("z", leaf.room.localRecord)
    try leaf.hear("m", news(origins.map { claim($0) }))
    var arrived: [String] = []
    func talk(_ said: [MeshMessage], byRelay: Bool) throws {
      var (toLeaf, toRelay) = byRelay ? (said, []) : ([], said)
      while !toLeaf.isEmpty || !toRelay.isEmpty {
        for message in toLeaf {
          try leaf.hear("m", message)
          arrived += delivered(leaf).map { "\($0.origin) \($0.sequence)" }
          toRelay += leaf.messages(to: "m")
        }
        toLeaf = []
        for message in toRelay {
          try relay.hear("z", message)
          toLeaf += relay.messages(to: "z")
        }
        toRelay = []
      }
    }
    let payload = [UInt8](repeating: 1, count: 1_024)
    for sequence in 1...200 {
      for origin in origins {
        try relay.hear(origin, message(UInt64(sequence), from: origin, payload: payload))
        try talk(relay.messages(to: "z"), byRelay: true)
      }
    }
    let atOnce = arrived.count
    for _ in 0..<120 {
      relay.advance(.milliseconds(100))
      try talk(relay.messages(to: "z"), byRelay: true)
      leaf.advance(.milliseconds(100))
      try talk(leaf.messages(to: "m"), byRelay: false)
    }
    #expect(atOnce < 500 && arrived.count == 1_000 && Set(arrived).count == 1_000)
    #expect(relay.room.marks.contains(.broadcastOverBudget) && leaf.room.marks.contains(.pulledBroadcast))
  }

  /// A peer that invents numbers for others must not silence them.
  @Test func anInventedEpochDoesNotSilenceItsOrigin() throws {
    var rig = try Rig.connected("b", "c")
    try rig.hear("c", message(1, epoch: .max))
    try rig.hear("b", message(1))
    #expect(delivered(rig).count == 1)
    try rig.connect("b", claim("b", epoch: 600))
    try rig.hear("b", message(1, epoch: 600))
    #expect(delivered(rig).count == 1)
  }

  @Test func aForgedNumberDoesNotKeepAnOriginsOwnLinkFromBeingHeard() throws {
    var rig = try Rig.connected("b", "c")
    try rig.hear("c", message(1 << 60))
    for number in UInt64(1)...5 {
      try rig.hear("b", message(number))
      #expect(delivered(rig).count == 1)
    }
    try rig.hear("c", message(3))
    #expect(delivered(rig).isEmpty)
  }

  @Test func whatWasSeenOfMembersIsForgottenWithThem() throws {
    var rig = try Rig.connected("c", "d")
    try rig.hear("c", news(claim("b")))
    try rig.hear("c", message(1))
    try rig.bury("b", voices: ["c", "d"])
    rig.room.drop(try id("b"), now: rig.now)
    try rig.hear("c", news(claim("b")))
    try rig.hear("c", message(1))
    #expect(delivered(rig).count == 1)
  }
}
