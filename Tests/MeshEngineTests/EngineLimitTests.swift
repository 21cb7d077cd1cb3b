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

  @Test func dialsStayWithinTheirLimitAndTheRestWaits() throws {
    var rig = try Rig { $0.seeds = seeds(EngineLimits.dialsMax) }
    #expect(rig.dials.count == EngineLimits.dialsMax)
    rig = try Rig { $0.seeds = seeds(EngineLimits.dialsMax + 1) }
    #expect(rig.dials.count == EngineLimits.dialsMax)
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
    #expect(rig.dials.count == EngineLimits.dialsMax)
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

  @Test func earlyMessagesAreKeptUpToTheirNumberAndSize() throws {
    var rig = try Rig(starts: false)
    let link = LinkID.accepted(1)
    rig.send(.started(unixMilliseconds: 1_000))
    rig.send(.linkOpened(link, peer("b")))
    rig.send(.received(link, Array(repeating: 0, count: EngineLimits.earlyBytesMax + 1)))
    #expect(rig.engine.links[link]?.early.count == 0)
    rig.send(.received(link, Array(repeating: 0, count: EngineLimits.earlyBytesMax)))
    for _ in 0..<EngineLimits.earlyMessagesMax { rig.send(.received(link, [1])) }
    #expect(rig.engine.links[link]?.early.count == EngineLimits.earlyMessagesMax)
  }

  @Test func theGreatestHelloFitsAmongTheEarlyMessages() throws {
    var metadata = NodeMetadata()
    metadata.endpoint = "b:1"
    metadata.labels = (0..<3).map { Label(key: "k\($0)", value: String(repeating: "v", count: 4_096)) }
    let room = WireLimits.metadataBytes - 12_400
    metadata.labels.append(Label(key: "rest", value: String(repeating: "v", count: room)))
    let bytes = hello("b") {
      $0.clusterID = String(repeating: "c", count: WireLimits.textBytes)
      $0.record.metadata = metadata
    }
    _ = try MeshMessage.decode(bytes)
    #expect(bytes.count > WireLimits.metadataBytes - 256 && bytes.count <= EngineLimits.earlyBytesMax)
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
