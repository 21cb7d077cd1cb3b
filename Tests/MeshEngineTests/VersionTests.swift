import MeshBasics
import MeshWire
import Testing

@testable import MeshEngine
@testable import MeshMembership

/// Which version of the protocol two ends speak, and what a peer of the version before gets to see.
struct VersionTests {
  private let link = LinkID.accepted(1)

  /// A node of the first version as it was: its hello has neither start nor nonce, and it reads five messages.
  private func old(_ name: String, epoch: UInt64 = 500) -> MeshMessage {
    hello(name, epoch: epoch) { ($0.protocolVersionMin, $0.protocolVersion, $0.startedAt, $0.nonce) = (1, 1, 0, 0) }
  }

  /// Conformance 38: ranges that meet are spoken, in the greatest version of both; others are refused.
  @Test func theGreatestVersionOfBothIsSpoken() throws {
    let cases: [(min: UInt32, max: UInt32, spoken: UInt32?)] = [
      (1, 1, 1), (1, 2, 2), (2, 2, 2), (1, 3, 2), (2, 9, 2), (3, 3, nil), (3, 9, nil), (0, 0, nil), (0, 1, 1),
      (1, .max, 2), (.max, .max, nil),
    ]
    for (low, high, spoken) in cases {
      var rig = try Rig()
      rig.send(.linkOpened(link, peer("b")))
      rig.send(.received(link, hello("b") { ($0.protocolVersionMin, $0.protocolVersion) = (low, high) }))
      #expect(rig.engine.links[link]?.version == spoken, "\(low)...\(high)")
      #expect(rig.engine.members.count == (spoken == nil ? 1 : 2))
    }
  }

  @Test func thisNodeOffersBothVersions() throws {
    var rig = try Rig { $0.nonce = 9 }
    rig.send(.linkOpened(link, peer("b")))
    guard case .hello(let own)? = rig.sends(link).first else {
      Issue.record("no hello")
      return
    }
    #expect(own.protocolVersionMin == EngineLimits.protocolVersionMin && own.protocolVersion == 2)
    #expect(own.nonce == 9 && own.startedAt == 1_000)
  }

  @Test func aPeerOfTheFirstVersionTakesPartAndHearsOnlyWhatItKnows() throws {
    var rig = try Rig()
    var kinds: [MessageKind] = []
    func look(_ rig: Rig) { kinds += rig.sends(link).map(\.kind) }
    rig.send(.linkOpened(link, peer("b")))
    look(rig)
    rig.send(.received(link, old("b")))
    look(rig)
    #expect(rig.engine.members.count == 2)
    rig.send(.command(CommandToken(rawValue: 1), .broadcast(topic: "t", payload: [1])))
    look(rig)
    rig.send(.command(CommandToken(rawValue: 2), .setLabels([Label(key: "k", value: "v")])))
    look(rig)
    for turn in 0..<600 {
      if turn > 0 { rig.advance(.milliseconds(25)) }
      look(rig)
      let due = rig.engine.membership.probes[try #require(NodeID("b"))]
      guard let due else { continue }
      var ack = Ack()
      (ack.sequence, ack.digest) = (due.sequence, 42)
      rig.send(.received(link, .ack(ack)))
      look(rig)
    }
    #expect(kinds.allSatisfy { [.hello, .ping, .ack, .news, .view].contains($0) })
    #expect([.hello, .ping, .news, .view].allSatisfy(kinds.contains))
    #expect(rig.engine.members.last?.status == .alive)
  }

  /// A node of the first version that restarted is a later life although it names no process.
  @Test func aRestartAcrossVersionsIsALaterLife() throws {
    var rig = try Rig()
    let second = LinkID.accepted(2)
    rig.send(.linkOpened(link, peer("b")))
    rig.send(.received(link, old("b", epoch: 500)))
    rig.send(.linkOpened(second, peer("b")))
    rig.send(.received(second, hello("b", epoch: 600) { ($0.startedAt, $0.nonce) = (600, 7) }))
    #expect(rig.closes(link) && rig.engine.members.last?.epoch == 600)
  }
}
