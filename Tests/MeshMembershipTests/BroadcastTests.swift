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
    var asked = 0
    try rig.run(.milliseconds(1_100)) { asked += pulls($0, to: "d") }
    #expect(asked == 1)
    var dropped = false
    try rig.run(.milliseconds(1_100)) { rig in
      dropped = dropped || rig.observations.contains { if case .broadcastDropped = $0 { true } else { false } }
    }
    #expect(dropped && rig.room.broadcasts.kept.isEmpty)
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
    let piece = WireLimits.broadcastInlineBytes + 1
    for _ in 0..<MembershipLimits.broadcastsMax { tell(piece) }
    #expect(rig.room.broadcasts.kept.count == MembershipLimits.broadcastsMax)
    tell(piece)
    // The oldest made room.
    #expect(rig.room.broadcasts.kept.count == MembershipLimits.broadcastsMax)
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
    for _ in 0..<300 { rig.send(.broadcast(topic: "t", payload: Array(repeating: 0, count: 1_024))) }
    #expect(rig.room.marks.contains(.broadcastOverBudget) && sent(rig, to: "c").isEmpty)
    rig.now = rig.now + .milliseconds(20)
    rig.send(.labelsSet([Label(key: "k", value: "v")]))
    #expect(rig.told("c").contains { $0.nodeID == "m" })
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
