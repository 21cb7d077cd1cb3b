import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshEngine

/// Two live processes under one name, and what is no such thing.
struct InstanceTests {
  private let first = LinkID.accepted(1)
  private let second = LinkID.accepted(2)

  private func process(_ name: String, epoch: UInt64, startedAt: UInt64, nonce: UInt64) -> MeshMessage {
    hello(name, epoch: epoch) { ($0.startedAt, $0.nonce) = (startedAt, nonce) }
  }

  private func conflict(_ rig: Rig) -> String? {
    rig.effects.list.compactMap { if case .conflict(let detail) = $0 { detail } else { nil } }.first
  }

  private func duplicates(_ rig: Rig) -> Int {
    rig.observations.count { if case .duplicateNode = $0 { true } else { false } }
  }

  /// Conformance 87.
  @Test func theProcessThatStartedLaterTakesTheName() throws {
    for (startedAt, nonce, loses) in [
      (UInt64(2_000), UInt64(1), true), (1_000, 6, true), (1_000, 4, false), (999, 6, false), (.max, 6, true),
    ] {
      var rig = try Rig { $0.nonce = 5 }
      rig.send(.command(CommandToken(rawValue: 1), .setDraining(true)))
      rig.send(.linkOpened(first, peer("m")))
      rig.send(.received(first, process("m", epoch: 3_000, startedAt: startedAt, nonce: nonce)))
      #expect((conflict(rig) != nil) == loses, "\(startedAt) \(nonce)")
      #expect((rig.engine.phase == .stopped) == loses)
      #expect(duplicates(rig) == (loses ? 1 : 0))
      if !loses { #expect(rig.closes(first)) }
    }
  }

  /// A staging process, say, that was given the seeds of another cluster under the same authority.
  @Test func aLaterProcessOfAnotherClusterIsRefusedAndTakesNobodysPlace() throws {
    var rig = try Rig { $0.nonce = 5 }
    rig.send(.linkOpened(first, peer("m")))
    let stranger = hello("m", epoch: 3_000) { ($0.startedAt, $0.nonce, $0.clusterID) = (2_000, 6, "staging") }
    rig.send(.received(first, stranger))
    #expect(conflict(rig) == nil && rig.engine.isRunning && rig.closes(first))
    #expect(rig.observations.contains { if case .trustRefused(_, "another cluster", _) = $0 { true } else { false } })
  }

  @Test func theLoserSaysNothingMoreAndAnswersItsHost() throws {
    var rig = try Rig { $0.nonce = 5 }
    rig.establish(second, "b")
    rig.send(.linkOpened(first, peer("m")))
    rig.send(.received(first, process("m", epoch: 3_000, startedAt: 2_000, nonce: 6)))
    #expect(conflict(rig) != nil && rig.engine.nextDeadline == nil)
    rig.send(.command(CommandToken(rawValue: 2), .leave))
    #expect(rig.effects.list == [.complete(CommandToken(rawValue: 2), .shuttingDown)])
    rig.advance(.seconds(10))
    rig.send(.received(second, .ping(Ping())))
    #expect(rig.effects.list.isEmpty)
  }

  /// Without the certificate of the name nobody takes it.
  @Test func theNameAloneProvesNothing() throws {
    var rig = try Rig { $0.nonce = 5 }
    rig.send(.linkOpened(first, peer("b")))
    rig.send(.received(first, process("m", epoch: 3_000, startedAt: 2_000, nonce: 6)))
    #expect(conflict(rig) == nil && rig.closes(first) && rig.engine.isRunning)
  }

  /// What others tell of a later epoch of this node raises the epoch and stops nobody.
  @Test func hearsayStopsNobody() throws {
    var rig = try Rig { $0.nonce = 5 }
    rig.establish(first, "b")
    var record = MemberRecord()
    (record.nodeID, record.epoch) = ("m", 5_000)
    var news = News()
    news.records = [record]
    rig.send(.received(first, .news(news)))
    #expect(conflict(rig) == nil && rig.engine.isRunning)
    #expect(rig.effects.list.contains { if case .persist(_, .epoch(5_001)) = $0 { true } else { false } })
  }

  @Test func aSeedThatIsThisProcessIsNoConflict() throws {
    var rig = try Rig { $0.nonce = 5 }
    rig.send(.linkOpened(.dialed(1), peer("m")))
    rig.send(.received(.dialed(1), process("m", epoch: 1_000, startedAt: 1_000, nonce: 5)))
    #expect(conflict(rig) == nil && rig.closes(.dialed(1)))
    rig.advance(.seconds(300))
    #expect(rig.dials.isEmpty)
  }

  /// At the others the later process stays linked, whichever came first, and the elder is reported when both live.
  @Test func theOthersKeepTheLaterProcess() throws {
    let (older, newer) = (
      process("b", epoch: 500, startedAt: 500, nonce: 1), process("b", epoch: 600, startedAt: 600, nonce: 2)
    )
    for (one, two, kept, reports) in [(older, newer, second, 0), (newer, older, first, 1)] {
      for name in ["a", "z"] {
        var rig = try Rig(name)
        rig.send(.linkOpened(first, peer("b")))
        rig.send(.received(first, one))
        rig.send(.linkOpened(second, peer("b")))
        rig.send(.received(second, two))
        #expect(rig.engine.sessions.values.map(\.current) == [kept], "\(name)")
        #expect(rig.closes(kept == first ? second : first) && duplicates(rig) == reports)
        #expect(rig.engine.members.first { $0.nodeID.name == "b" }?.epoch == 600)
      }
    }
  }

  /// Conformance 61 and 62: a restart is a later life of the same name; its place may be another.
  @Test func aRestartIsNoConflict() throws {
    var rig = try Rig()
    rig.send(.linkOpened(first, peer("b")))
    rig.send(.received(first, process("b", epoch: 500, startedAt: 500, nonce: 1)))
    rig.send(.linkClosed(first, .closed))
    rig.send(.linkOpened(second, peer("b")))
    rig.send(
      .received(
        second,
        hello("b", epoch: 600) {
          ($0.startedAt, $0.nonce) = (600, 2)
          $0.record.metadata?.endpoint = "elsewhere:9"
        }))
    #expect(duplicates(rig) == 0 && rig.engine.members.last?.epoch == 600)
    #expect(rig.engine.members.last?.metadata.endpoint == "elsewhere:9" && rig.engine.members.last?.status == .alive)
  }

  @Test func aSecondLinkOfOneProcessIsNoDuplicate() throws {
    var rig = try Rig("z")
    for link in [first, second] {
      rig.send(.linkOpened(link, peer("b")))
      rig.send(.received(link, process("b", epoch: 500, startedAt: 500, nonce: 1)))
      #expect(duplicates(rig) == 0)
    }
    #expect(rig.engine.sessions.values.map(\.links.count) == [2])
  }
}
