import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshEngine

/// What a host may ask for, and how it is told that it may not.
struct CommandTests {
  private let token = CommandToken(rawValue: 1)

  private func outcome(_ rig: inout Rig, _ command: Command) -> CommandOutcome? {
    rig.send(.command(token, command))
    return rig.effects.list.compactMap { if case .complete(_, let outcome) = $0 { outcome } else { nil } }.first
  }

  private func isRejected(_ outcome: CommandOutcome?) -> Bool {
    if case .rejected = outcome { true } else { false }
  }

  @Test func broadcastsAreCheckedAtTheirLimits() throws {
    var rig = try Rig()
    func tell(_ topic: String, _ bytes: Int) -> CommandOutcome? {
      outcome(&rig, .broadcast(topic: topic, payload: Array(repeating: 0, count: bytes)))
    }
    #expect(tell("t", 0) == .done)
    #expect(tell(String(repeating: "t", count: WireLimits.topicBytes), WireLimits.broadcastBytes) == .done)
    let wrong = [("", 0), (String(repeating: "t", count: WireLimits.topicBytes + 1), 0), ("a\u{1}b", 0)]
    for (topic, bytes) in wrong + [("t", WireLimits.broadcastBytes + 1)] {
      #expect(isRejected(tell(topic, bytes)), "\(topic.utf8.count) \(bytes)")
    }
  }

  @Test func whenNoMoreBroadcastsFitTheHostIsToldToWait() throws {
    var rig = try Rig()
    let payload = [UInt8](repeating: 0, count: WireLimits.broadcastBytes)
    var last: CommandOutcome? = .done
    for _ in 0..<100 where last == .done { last = outcome(&rig, .broadcast(topic: "t", payload: payload)) }
    guard case .busy? = last else {
      Issue.record("not busy")
      return
    }
    rig.advance(.seconds(1))
    #expect(outcome(&rig, .broadcast(topic: "t", payload: payload)) == .done)
  }

  /// What a node says of itself beside its labels may grow later, and peers refuse one that says too much.
  @Test func labelsThatAreAcceptedLeaveRoomForAllElseThatANodeSays() throws {
    var rig = try Rig()
    let value = String(repeating: "v", count: 4_000)
    func labels(_ bytes: Int) -> [Label] {
      (0..<3).map { Label(key: "k\($0)", value: value) } + [Label(key: "k3", value: String(value.prefix(bytes)))]
    }
    let fitting = (0...4_000).reversed().first { bytes in !isRejected(outcome(&rig, .setLabels(labels(bytes)))) }
    let most = try #require(fitting)
    #expect(most > 3_900 || isRejected(outcome(&rig, .setLabels(labels(most + 1)))))
    var posture = SecurityPosture()
    (posture.mutualTLS, posture.revocationChecked, posture.certificateExpiresAt) = (true, true, .max)
    rig.send(.securityChanged(posture))
    #expect(outcome(&rig, .setDraining(true)) == .done)
    let claim = rig.engine.membership.localRecord
    #expect(claim.metadata?.draining == true)
    #expect(throws: Never.self) { try MemberRecord.decode(claim.encoded()) }
  }

  @Test func whatABroadcastBringsReachesTheHost() throws {
    var rig = try Rig()
    rig.establish(.accepted(1), "b")
    var message = Broadcast()
    (message.origin, message.epoch, message.sequence, message.topic) = ("b", 500, 1, "topic")
    (message.payload, message.size) = ([1, 2], 2)
    rig.send(.received(.accepted(1), .broadcast(message)))
    let delivered = rig.effects.list.compactMap { if case .deliver(let message) = $0 { message } else { nil } }
    #expect(delivered.map(\.payload) == [[1, 2]] && delivered.first?.topic == "topic")
  }

  /// Conformance 60.
  @Test func removalsNameWhatIsWrong() throws {
    var rig = try Rig()
    rig.establish(.accepted(1), "b")
    let (local, stranger, b) = (NodeID("m"), NodeID("stranger"), NodeID("b"))
    #expect(outcome(&rig, .removeMember(try #require(local))).map { "\($0)".contains("leaves by stopping") } == true)
    #expect(outcome(&rig, .removeMember(try #require(stranger))).map { "\($0)".contains("no such member") } == true)
    #expect(outcome(&rig, .removeMember(try #require(b))) == .done)
    #expect(rig.closes(.accepted(1)) && rig.engine.members.last?.isDead == true)
    #expect(outcome(&rig, .removeMember(try #require(b))) == .done)
  }

  @Test func drainingIsSeenInTheNodesOwnView() throws {
    var rig = try Rig()
    #expect(outcome(&rig, .setDraining(true)) == .done)
    #expect(rig.engine.members.first?.isDraining == true)
    #expect(outcome(&rig, .setDraining(false)) == .done)
    #expect(rig.engine.members.first?.isDraining == false)
  }

  @Test func beforeItRunsAndAfterItLeftANodeTakesNoCommands() throws {
    let commands: [Command] = [
      .setLabels([]), .setDraining(true), .removeMember(try #require(NodeID("m"))), .broadcast(topic: "t", payload: []),
    ]
    var rig = try Rig(starts: false)
    rig.send(.started(unixMilliseconds: 1_000))
    for command in commands where command != commands[2] { #expect(outcome(&rig, command) == .shuttingDown) }
    rig = try Rig()
    #expect(outcome(&rig, .leave) == .done)
    for command in commands { #expect(outcome(&rig, command) == .shuttingDown) }
  }

  @Test func twoLeavesAreBothAnswered() throws {
    var rig = try Rig()
    rig.establish(.accepted(1), "b")
    rig.send(.command(token, .leave))
    rig.send(.command(CommandToken(rawValue: 2), .leave))
    rig.advance(.seconds(2))
    #expect(rig.effects.list.contains(.complete(token, .done)))
    #expect(rig.effects.list.contains(.complete(CommandToken(rawValue: 2), .done)))
  }

  /// Each change is told once, to whoever asks for the changes.
  @Test func changesAreReadMemberByMember() throws {
    var rig = try Rig()
    #expect(rig.engine.takeChanges().map(\.name) == ["m"])
    rig.establish(.accepted(1), "b")
    #expect(rig.engine.takeChanges().map(\.name) == ["b"])
    #expect(rig.engine.member(try #require(NodeID("b")))?.status == .alive)
    #expect(rig.engine.takeChanges().isEmpty)
  }
}
