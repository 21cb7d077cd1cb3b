import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshEngine

/// Each limit of the engine, at its value and one above.
struct EngineLimitTests {
  private func seeds(_ count: Int) -> [Endpoint] { (0..<count).compactMap { Endpoint(host: "s\($0)", port: 1) } }

  @Test func seedsAreTakenUpToTheirLimitAndTheRestIsReported() throws {
    func targets(_ count: Int) throws -> (targets: Int64?, reports: Int) {
      let rig = try Rig { $0.seeds = seeds(count) }
      let reports = rig.observations.count { if case .limitReached = $0 { true } else { false } }
      return (rig.statistic("dialTargets"), reports)
    }
    #expect(try targets(EngineLimits.seedsMax) == (Int64(EngineLimits.seedsMax), 0))
    #expect(try targets(EngineLimits.seedsMax + 1) == (Int64(EngineLimits.seedsMax), 1))
  }

  @Test func dialsThatCanWaitStayWithinTheirLimitAndTheRestWaits() throws {
    var rig = try Rig { $0.seeds = seeds(EngineLimits.patientDialsMax) }
    #expect(rig.dials.count == EngineLimits.patientDialsMax)
    rig = try Rig { $0.seeds = seeds(EngineLimits.patientDialsMax + 1) }
    #expect(rig.dials.count == EngineLimits.patientDialsMax)
    #expect(try #require(rig.engine.nextDeadline) > rig.now)
    rig.send(.linkClosed(.dialed(1), .timedOut))
    rig.advance(EngineLimits.dialSpacing)
    #expect(rig.dials.count == 1)
  }

  @Test func thousandsOfRememberedPeersAreDialedAFewAtATime() throws {
    var stored = StoredState()
    stored.knownPeers = (0..<4_000).map { index in
      var record = MemberRecord()
      record.nodeID = "p\(index)"
      record.epoch = 1
      record.metadata = NodeMetadata()
      record.metadata?.endpoint = "p\(index):1"
      return record
    }
    let rig = try Rig(stored: stored)
    #expect(rig.dials.count == EngineLimits.patientDialsMax)
    #expect(try #require(rig.engine.nextDeadline) > rig.now)
  }

  @Test func linksStayWithinTheirLimitAndNoDeadlineStaysInThePast() throws {
    var rig = try Rig()
    rig.send(.linkClosed(.dialed(1), .timedOut))
    for number in 1...UInt64(EngineLimits.linksMax) {
      rig.send(.linkOpened(.accepted(number), peer("b")))
      #expect(!rig.closes(.accepted(number)))
    }
    let oneMore = LinkID.accepted(9_999)
    rig.send(.linkOpened(oneMore, peer("b")))
    #expect(rig.closes(oneMore))
    // The seed is due again, and there is no room to dial it.
    rig.advance(.seconds(2))
    #expect(rig.dials.isEmpty)
    #expect(try #require(rig.engine.nextDeadline) > rig.now)
    rig.advance(EngineLimits.helloTimeout)
    #expect(rig.dials.count == 1)
  }

  @Test func aPeerKeepsAFewLinksAndLosesItsOldest() throws {
    var rig = try Rig("z")
    for number in 1...UInt64(EngineLimits.linksPerNodeMax) { rig.establish(.accepted(number), "b") }
    #expect(rig.statistic("linksOpen") == Int64(EngineLimits.linksPerNodeMax) + 1)
    rig.establish(.accepted(99), "b")
    #expect(rig.closes(.accepted(1)) && !rig.closes(.accepted(99)))
    #expect(rig.statistic("linksOpen") == Int64(EngineLimits.linksPerNodeMax) + 1)
    #expect(rig.engine.members.last?.status == .alive)
  }

  @Test func beforeTheEpochIsDurableOneHelloIsKeptAndNothingElse() throws {
    var rig = try Rig(starts: false)
    let link = LinkID.accepted(1)
    rig.send(.started(unixMilliseconds: 1_000))
    rig.send(.linkOpened(link, peer("b")))
    rig.send(.received(link, .ping(Ping())))
    #expect(rig.engine.links[link]?.early == nil)
    rig.send(.received(link, hello("b", epoch: 500)))
    rig.send(.received(link, hello("b", epoch: 600)))
    #expect(rig.engine.links[link]?.early == hello("b", epoch: 500))
    rig.send(.stored(SyncToken(rawValue: 1)))
    #expect(rig.engine.members.map(\.epoch) == [1_000, 500])
    #expect(rig.engine.links[link]?.early == nil)
  }

  @Test func aLinkWithoutAHelloIsClosedAtItsTimeout() throws {
    var rig = try Rig()
    let link = LinkID.accepted(1)
    rig.send(.linkOpened(link, peer("b")))
    rig.advance(EngineLimits.helloTimeout - .milliseconds(1))
    #expect(!rig.closes(link))
    rig.advance(.milliseconds(1))
    #expect(rig.closes(link))
  }
}
