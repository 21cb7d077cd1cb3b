import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshEngine

struct EngineTests {
  private let link = LinkID.accepted(1)

  @Test func nothingIsSaidBeforeTheEpochIsDurable() throws {
    var rig = try Rig(starts: false)
    rig.send(.started(unixMilliseconds: 1_000))
    #expect(rig.effects.list == [.persist(SyncToken(rawValue: 1), .epoch(1_000))])
    rig.send(.linkOpened(link, peer("b")))
    rig.send(.received(link, hello("b")))
    #expect(rig.sends(link).isEmpty)
    rig.send(.stored(SyncToken(rawValue: 1)))
    #expect(rig.sends(link).contains { if case .hello = $0 { true } else { false } })
    #expect(rig.engine.members.count == 2)
  }

  @Test func anEpochIsGreaterThanEveryEarlierOneEvenIfTheClockWentBack() throws {
    var stored = StoredState()
    stored.epoch = 9_000
    var rig = try Rig(stored: stored, starts: false)
    rig.send(.started(unixMilliseconds: 1_000))
    #expect(rig.effects.list == [.persist(SyncToken(rawValue: 1), .epoch(9_001))])
  }

  @Test func anEpochThatCannotBeStoredStopsTheNode() throws {
    var rig = try Rig(starts: false)
    rig.send(.started(unixMilliseconds: 1_000))
    rig.send(.storeFailed(SyncToken(rawValue: 1), reason: "full"))
    #expect(rig.effects.list.contains { if case .storageLost = $0 { true } else { false } })
    #expect(rig.observations == [.storeFailed(reason: "full")])
  }

  /// One word of a peer asks for a greater epoch; a hint that couldn't be written mustn't make that fatal.
  @Test func knownPeersThatCannotBeStoredLeaveTheEpochToBeStored() throws {
    var rig = try Rig()
    rig.establish(link, "b")
    rig.advance(.seconds(1))
    let peers = try #require(rig.engine.persistence.pending.first { $0.1 == .knownPeers }?.0)
    rig.send(.storeFailed(peers, reason: "full"))
    #expect(rig.observations == [.storeFailed(reason: "full")] && rig.engine.isRunning)
    var claim = rig.engine.membership.localRecord
    (claim.incarnation, claim.state, claim.accuser, claim.metadata) = (1_000, .suspect, "b", nil)
    var news = MeshWire.News()
    news.records = [claim]
    rig.send(.received(link, .news(news)))
    let writes = rig.effects.list.compactMap { if case .persist(let token, .epoch) = $0 { token } else { nil } }
    rig.send(.stored(try #require(writes.first)))
    #expect(rig.engine.isRunning && rig.engine.membership.localRecord.epoch > claim.epoch)
    rig.establish(.accepted(9), "c")
    rig.advance(.seconds(5))
    #expect(!rig.engine.persistence.pending.values.contains(.knownPeers))
  }

  @Test func wrongHellosAreRefused() throws {
    let wrong: [(String, MeshMessage)] = [
      ("another name than the certificate", hello("c")),
      ("another cluster", hello("b") { $0.clusterID = "other" }),
      ("a newer protocol", hello("b") { ($0.protocolVersionMin, $0.protocolVersion) = (3, 4) }),
      ("this node's own name", hello("m")),
      ("no metadata", hello("b") { $0.record.metadata = nil }),
      ("not alive", hello("b") { $0.record.state = .left }),
    ]
    for (name, bytes) in wrong {
      var rig = try Rig()
      rig.send(.linkOpened(link, peer("b")))
      rig.send(.received(link, bytes))
      #expect(rig.closes(link), "\(name)")
      #expect(rig.engine.members.count == 1, "\(name)")
    }
  }

  @Test func anUnreadableMessageClosesTheLinkAndChangeNothing() throws {
    var rig = try Rig()
    rig.send(.linkOpened(link, peer("b")))
    rig.send(.unreadable(link, reason: "frame: no such field"))
    #expect(rig.closes(link))
    #expect(rig.engine.members.count == 1)
  }

  @Test func aSeedThatIsThisNodeIsNotDialedAgain() throws {
    var rig = try Rig()
    let dialed = LinkID.dialed(1)
    rig.send(.linkOpened(dialed, peer("m")))
    rig.send(.received(dialed, hello("m", epoch: 1_000)))
    #expect(rig.closes(dialed))
    rig.now = rig.now + .seconds(120)
    rig.send(.deadlineReached)
    #expect(!rig.effects.list.contains { if case .dial = $0 { true } else { false } })
  }

  @Test func aRefusedDialWaitsAtLeastFiveSeconds() throws {
    var rig = try Rig()
    rig.send(.linkClosed(.dialed(1), .refused(reason: "expired")))
    rig.now = rig.now + .milliseconds(4_900)
    rig.send(.deadlineReached)
    #expect(!rig.effects.list.contains { if case .dial = $0 { true } else { false } })
    rig.now = rig.now + .seconds(3)
    rig.send(.deadlineReached)
    #expect(rig.effects.list.contains { if case .dial = $0 { true } else { false } })
  }

  @Test func whatIsDroppedIsCountedWithItsReason() throws {
    var rig = try Rig()
    func rejections() -> [String] {
      rig.effects.list.compactMap { if case .observe(.messageRejected(_, let reason)) = $0 { reason } else { nil } }
    }
    let (first, second) = (LinkID.accepted(1), LinkID.accepted(2))
    rig.send(.linkOpened(first, peer("x")))
    rig.send(.received(first, hello("x")))
    #expect(rejections().isEmpty)
    rig.send(.received(first, hello("x")))
    #expect(rejections() == ["a second hello"])
    #expect(!rig.closes(first))
    rig.send(.linkOpened(second, peer("y")))
    rig.send(.received(second, MeshMessage.ping(Ping())))
    #expect(rejections() == ["a message before the hello"])
    #expect(rig.closes(second))
    rig.send(.pingCalled(RequestID(rawValue: 1), [0xff]))
    #expect(rejections().count == 1)
    #expect(rig.engine.statistics.first { $0.name == "messagesRejected" }?.value == 3)
  }

  @Test func backoffDoublesUpToItsLimit() {
    let waits = (1...8).map { Dialer.backoff(failures: $0, first: .seconds(1), refused: false).milliseconds / 1000 }
    #expect(waits == [1, 2, 4, 8, 16, 30, 30, 30])
    #expect(Dialer.backoff(failures: 1, first: .seconds(1), refused: true) == .seconds(5))
    #expect(Dialer.backoff(failures: 64, first: .seconds(1), refused: true) == .seconds(60))
  }

  @Test func theUnaryPingEchoesAndSaysWho() throws {
    var rig = try Rig()
    var request = PingRequest()
    request.payload = [1, 2, 3]
    rig.send(.pingCalled(RequestID(rawValue: 1), request.encoded()))
    guard case .respond(_, .reply(let bytes)) = rig.effects.list.first else {
      Issue.record("no reply")
      return
    }
    let reply = try PingReply.decode(bytes)
    #expect(reply.nodeID == "m" && reply.payload == [1, 2, 3] && reply.epoch == 1_000)
  }

  @Test func labelsAreCheckedAtTheirLimits() throws {
    var rig = try Rig()
    func outcome(_ labels: [Label]) -> CommandOutcome? {
      rig.send(.command(CommandToken(rawValue: 1), .setLabels(labels)))
      return rig.effects.list.compactMap { if case .complete(_, let outcome) = $0 { outcome } else { nil } }.first
    }
    let most = (0..<WireLimits.labels).map { Label(key: "k\($0)", value: "v") }
    #expect(outcome(most) == .done)
    #expect(outcome(most + [Label(key: "one-more", value: "")]) != .done)
    #expect(outcome([Label(key: "a", value: ""), Label(key: "a", value: "")]) != .done)
    #expect(outcome([Label(key: "", value: "")]) != .done)
    #expect(outcome([Label(key: "a", value: String(repeating: "v", count: WireLimits.labelValueBytes + 1))]) != .done)
  }

  @Test func aLeaveOfALonelyNodeStopsIt() throws {
    var rig = try Rig()
    rig.send(.command(CommandToken(rawValue: 9), .leave))
    #expect(rig.effects.list.contains(.complete(CommandToken(rawValue: 9), .done)))
    #expect(rig.effects.list.last == .stopped)
    rig.send(.command(CommandToken(rawValue: 10), .leave))
    #expect(rig.effects.list == [.complete(CommandToken(rawValue: 10), .shuttingDown)])
  }

  @Test func ofTwoLinksToOneNodeTheSmallerIdClosesOne() throws {
    var rig = try Rig("a")
    rig.send(.linkOpened(.dialed(1), peer("b")))
    rig.send(.received(.dialed(1), hello("b")))
    rig.send(.linkOpened(link, peer("b")))
    rig.send(.received(link, hello("b")))
    #expect(rig.closes(link) && !rig.closes(.dialed(1)))
    var other = try Rig("z")
    other.send(.linkOpened(.dialed(1), peer("b")))
    other.send(.received(.dialed(1), hello("b")))
    other.send(.linkOpened(link, peer("b")))
    other.send(.received(link, hello("b")))
    #expect(!other.closes(link) && !other.closes(.dialed(1)))
  }

  @Test func randomInputsBreakNothing() throws {
    var random = SeededRandom(seed: 42)
    for _ in 0..<200 {
      let bytes = (0..<400).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      #expect(brokenEngineSequence(bytes) == nil, "\(bytes)")
    }
  }
}
