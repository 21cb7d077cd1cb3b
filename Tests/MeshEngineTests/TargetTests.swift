import MeshBasics
import MeshWire
import Testing

@testable import MeshEngine
@testable import MeshMembership

/// Whom the engine dials: seeds, remembered peers and what the membership wants.
struct TargetTests {
  private func remembered(_ count: Int) -> StoredState {
    var stored = StoredState()
    stored.knownPeers = (0..<count).map { index in
      var record = MemberRecord()
      (record.nodeID, record.epoch) = ("p\(index)", 1)
      record.metadata = NodeMetadata()
      record.metadata?.endpoint = "p\(index):1"
      return record
    }
    return stored
  }

  /// Conformance 36: a seed is needed to find the mesh, and again when its node is lost.
  @Test func aSeedRestsWhileItsNodeTakesPart() throws {
    var rig = try Rig()
    rig.send(.linkOpened(.dialed(1), peer("b")))
    rig.send(.received(.dialed(1), hello("b")))
    rig.advance(.milliseconds(10))
    #expect(rig.engine.dialer.targets[.seed(0)]?.isDormant == true)
    rig.send(.command(CommandToken(rawValue: 1), .removeMember(try #require(NodeID("b")))))
    #expect(rig.engine.dialer.targets[.seed(0)]?.isDormant == false)
    var dials = 0
    for _ in 0..<40 {
      rig.advance(.milliseconds(50))
      dials += rig.dials.count
    }
    #expect(dials >= 1)
  }

  @Test func rememberedPeersAreForgottenWhenTheMeshKnowsThem() throws {
    var rig = try Rig(stored: remembered(3)) { $0.seeds = [] }
    #expect(rig.dials.count == EngineLimits.patientDialsMax)
    rig.establish(.accepted(1), "b")
    var record = MemberRecord()
    (record.nodeID, record.epoch) = ("p1", 5)
    record.metadata = NodeMetadata()
    record.metadata?.endpoint = "moved:1"
    var news = MeshWire.News()
    news.records = [record]
    rig.send(.received(.accepted(1), .news(news)))
    for number in 1...3 { rig.send(.linkClosed(.dialed(UInt64(number)), .timedOut)) }
    rig.advance(.milliseconds(500))
    let node = try #require(NodeID("p1"))
    #expect(rig.engine.dialer.targets[.peer(node)]?.rememberedUntil == nil)
    #expect(rig.engine.dialer.targets[.peer(node)]?.endpoint == Endpoint(parsing: "moved:1"))
    #expect(rig.engine.dialer.targets[.peer(try #require(NodeID("p2")))]?.rememberedUntil != nil)
  }

  /// The names in the last write of known peers, after this node met `name` and some seconds passed.
  private func written(_ rig: inout Rig, _ link: LinkID, _ name: String) -> [String]? {
    var names: [String]?
    func note(_ rig: inout Rig) {
      for case .persist(let token, .knownPeers(let records)) in rig.effects.list {
        names = records.map(\.nodeID)
        rig.send(.stored(token))
      }
    }
    rig.send(.linkOpened(link, peer(name)))
    note(&rig)
    rig.send(.received(link, hello(name)))
    for _ in 0..<30 {
      note(&rig)
      rig.advance(.milliseconds(100))
    }
    return names
  }

  /// A power cut later, those that weren't met are all that there is to look for.
  @Test func rememberedPeersThatWereNotMetStayRemembered() throws {
    var rig = try Rig(stored: remembered(50)) { $0.seeds = [] }
    let all = (0..<50).map { "p\($0)" }
    let first = written(&rig, .accepted(1), "b")
    #expect(first == ["b"] + all)
    // What the mesh knows is written once, as the mesh knows it, whether it is being dialed as p0 is or not.
    _ = written(&rig, .accepted(2), "p0")
    let second = try #require(written(&rig, .accepted(3), "p7"))
    #expect(second.sorted() == (["b"] + all).sorted() && Set(second.prefix(3)) == ["b", "p0", "p7"])
    rig.now = rig.now + EngineLimits.rememberedPeerLifetime
    let last = try #require(written(&rig, .accepted(4), "c"))
    #expect(last.contains("c") && !last.contains("p9"))
  }

  @Test func rememberedPeersLeaveRoomForThoseOfTheMesh() throws {
    let limit = EngineLimits.knownPeersMax
    for count in [limit - 1, limit] {
      var rig = try Rig(stored: remembered(count)) { $0.seeds = [] }
      let names = try #require(written(&rig, .accepted(1), "b"))
      #expect(names.count == limit && names.first == "b")
    }
  }

  @Test func rememberedPeersAreDialedUpToTheirLimitAtOnce() throws {
    let limit = EngineLimits.patientDialsMax
    for (count, expected) in [(limit, limit), (limit + 1, limit), (500, limit)] {
      let rig = try Rig(stored: remembered(count)) { $0.seeds = [] }
      #expect(rig.dials.count == expected)
    }
  }

  private func seeds(_ count: Int) throws -> [Endpoint] {
    try (0..<count).map { try #require(Endpoint(parsing: "seed\($0):1")) }
  }

  /// Names that nobody can look up now mustn't keep the one from being dialed that can be.
  @Test func namesBeingLookedUpDoNotStandInTheWayOfOtherDials() throws {
    var seeds = try seeds(6)
    seeds.append(try #require(Endpoint(parsing: "10.0.0.7:1")))
    var rig = try Rig { $0.seeds = seeds }
    var dialed: [Endpoint] = []
    for _ in 0..<8 {
      for effect in rig.effects.list {
        guard case .dial(let link, let endpoint) = effect else { continue }
        dialed.append(endpoint)
        if endpoint.host.hasPrefix("seed") { rig.send(.lookupStarted(link)) }
      }
      rig.advance(EngineLimits.dialSpacing)
    }
    #expect(dialed.last == seeds.last && dialed.count == 7)
    #expect(rig.engine.dialer.dialsInFlight == 1 && rig.engine.dialer.lookupsInFlight == 6)
    // One that is found takes its place among the dials again.
    rig.send(.lookupEnded(.dialed(1)))
    #expect(rig.engine.dialer.dialsInFlight == 2 && rig.engine.dialer.lookupsInFlight == 5)
    rig.send(.linkClosed(.dialed(1), .timedOut))
    rig.send(.linkClosed(.dialed(2), .unreachable("no such name")))
    #expect(rig.engine.dialer.dialsInFlight == 1 && rig.engine.dialer.lookupsInFlight == 4)
  }

  @Test func aNameThatIsNotFoundInTimeIsAFailedDial() throws {
    var rig = try Rig()
    rig.send(.lookupStarted(.dialed(1)))
    rig.advance(EngineLimits.lookupTimeout - Duration.microseconds(1))
    #expect(rig.dials.isEmpty && !rig.closes(.dialed(1)))
    rig.advance(.microseconds(1))
    #expect(rig.closes(.dialed(1)) && rig.engine.dialer.lookupsInFlight == 0 && rig.engine.links.isEmpty)
    #expect(
      rig.observations.contains { observation in
        guard case .dialFailed(_, let reason, _) = observation else { return false }
        return reason == "no address in time"
      })
    // The answer that comes after all is of use to the next dial.
    rig.send(.lookupEnded(.dialed(1)))
    rig.advance(.seconds(1))
    #expect(rig.dials == [.dialed(2)] && rig.engine.dialer.dialsInFlight == 1)
    // One that is found in time has the time of any other dial.
    rig.send(.lookupStarted(.dialed(2)))
    rig.send(.lookupEnded(.dialed(2)))
    rig.advance(EngineLimits.lookupTimeout)
    #expect(!rig.closes(.dialed(2)))
  }

  @Test func lookupsHaveTheirLimit() throws {
    let limit = EngineLimits.lookupsMax
    let seeds = try seeds(limit + 8)
    var rig = try Rig { $0.seeds = seeds }
    for _ in 0..<limit + 8 {
      for link in rig.dials { rig.send(.lookupStarted(link)) }
      rig.advance(.milliseconds(50))
    }
    #expect(rig.engine.dialer.lookupsInFlight == limit)
    #expect(rig.engine.dialer.dialsInFlight == EngineLimits.patientDialsMax)
  }

  @Test func rememberedPeersAreGivenUpInTheEnd() throws {
    var rig = try Rig(stored: remembered(1)) { $0.seeds = [] }
    rig.send(.linkClosed(.dialed(1), .timedOut))
    rig.now = rig.now + EngineLimits.rememberedPeerLifetime
    rig.send(.deadlineReached)
    #expect(rig.engine.dialer.targets.isEmpty)
  }

  /// A dial that outlives the wish for it isn't repeated.
  @Test func whatNobodyWantsAnyMoreIsNotDialedAgain() throws {
    var rig = try Rig { $0.seeds = [] }
    rig.establish(.accepted(1), "z")
    rig.now = rig.now + .seconds(3)
    rig.send(.linkClosed(.accepted(1), .closed))
    for _ in 0..<40 where rig.dials.isEmpty { rig.advance(.milliseconds(10)) }
    let (link, node) = (try #require(rig.dials.first), try #require(NodeID("z")))
    // An operator removes it while the dial is on its way, and the links follow the rings before the dial ends.
    rig.send(.command(CommandToken(rawValue: 1), .removeMember(node)))
    rig.engine.membership.links = WantedLinks()
    for _ in 0..<300 where !rig.engine.membership.linkTargets.isEmpty { rig.advance(.milliseconds(20)) }
    #expect(rig.engine.member(node)?.status == .left && rig.engine.dialer.targets[.peer(node)]?.dialing == link)
    rig.send(.linkClosed(link, .timedOut))
    #expect(rig.engine.membership.linkTargets.isEmpty)
    #expect(rig.engine.dialer.targets[.peer(node)] == nil)
  }

  /// A rig that is linked to "b", has lost its link to "z", and dials that anew.
  private func dialingALostMember() throws -> (rig: Rig, link: LinkID) {
    var rig = try Rig { $0.seeds = [] }
    rig.establish(.accepted(1), "z")
    rig.establish(.accepted(2), "b")
    rig.now = rig.now + .seconds(3)
    rig.send(.linkClosed(.accepted(1), .closed))
    for _ in 0..<40 where rig.dials.isEmpty { rig.advance(.milliseconds(10)) }
    return (rig, try #require(rig.dials.first))
  }

  /// A process that ended, and started again elsewhere: that it isn't where it was is no reason to wait, whether that
  /// was learned before or after. One that moves on and on is followed once in an interval.
  @Test(arguments: [true, false]) func aMemberThatStartedAgainElsewhereIsDialedAtOnce(failsFirst: Bool) throws {
    var (rig, first) = try dialingALostMember()
    func move(_ epoch: UInt64) {
      guard case .hello(let hello) = hello("z", epoch: epoch) else { return }
      var news = MeshWire.News()
      news.records = [hello.record]
      news.records[0].metadata?.endpoint = "z:\(epoch)"
      rig.send(.received(.accepted(2), .news(news)))
    }
    var (dialed, underWay): ([Endpoint], [LinkID]) = ([], [])
    func note() {
      for case .dial(let link, let endpoint) in rig.effects.list {
        dialed.append(endpoint)
        underWay.append(link)
      }
    }
    func fail() {
      let links = underWay
      underWay = []
      for link in links {
        rig.send(.linkClosed(link, .portClosed))
        note()
      }
    }
    if failsFirst { rig.send(.linkClosed(first, .portClosed)) }
    move(700)
    note()
    if !failsFirst {
      rig.send(.linkClosed(first, .portClosed))
      note()
    }
    rig.advance(.milliseconds(1))
    note()
    #expect(dialed == [try #require(Endpoint(parsing: "z:700"))])
    for step in 0..<20 {
      // Also while a dial is on its way: nobody is to send this node at strangers without a pause.
      if !failsFirst {
        move(800 + UInt64(step))
        note()
      }
      fail()
      if failsFirst {
        move(800 + UInt64(step))
        note()
      }
      rig.advance(.milliseconds(40))
      note()
    }
    #expect(dialed.count <= 2)
  }

  /// They are written a moment after the change, so that the disk doesn't stand in the way of the news of it.
  @Test func knownPeersAreWrittenAMomentAfterTheChange() throws {
    var rig = try Rig { $0.seeds = [] }
    rig.establish(.accepted(1), "z")
    func writes(_ rig: Rig) -> Bool {
      rig.effects.list.contains { if case .persist(_, .knownPeers) = $0 { true } else { false } }
    }
    #expect(!writes(rig))
    rig.advance(EngineLimits.knownPeersDelay - .milliseconds(1))
    #expect(!writes(rig))
    rig.advance(.milliseconds(1))
    #expect(writes(rig))
  }

  /// A failed dial of a member by name is evidence; one of a seed is none.
  @Test func aRefusedDialIsToldToTheMembershipUnderItsName() throws {
    var (rig, link) = try dialingALostMember()
    rig.send(.linkClosed(link, .portClosed))
    #expect(rig.engine.member(try #require(NodeID("z")))?.status == .suspect)
    #expect(rig.observations.contains { if case .dialFailed = $0 { true } else { false } })
  }

  /// A dial that was answered, though by a refusal of trust, proves that somebody lives there; one that was never made
  /// proves nothing.
  @Test func onlyASilentDialOrAClosedPortIsToldToTheMembership() throws {
    let ends: [(LinkEnd, isTold: Bool)] = [
      (.timedOut, true), (.unreachable("no route"), true), (.portClosed, true), (.closed, false),
      (.refused(reason: "certificate"), false), (.protocolError("TLS"), false), (.notTried("no address"), false),
    ]
    for (end, isTold) in ends {
      var (rig, link, node) = try looking()
      rig.send(.linkClosed(link, end))
      let isAsked = rig.engine.membership.hearsay[node]?.isAsked == true
      #expect((rig.engine.member(node)?.status == .left || isAsked) == isTold, "\(end)")
    }
  }

  @Test func aDialThatOpensAndHearsNoHelloProvesNothing() throws {
    var (rig, link, node) = try looking()
    rig.send(.linkOpened(link, peer("z")))
    rig.send(.linkClosed(link, .timedOut))
    #expect(rig.engine.dialer.targets[.peer(node)]?.dialing == nil && rig.engine.member(node)?.status != .left)
  }

  /// The link to "z" has closed and it is dialed, while the membership looks whether it is dead, as "b" has said.
  private func looking() throws -> (rig: Rig, link: LinkID, node: NodeID) {
    var rig = try Rig { $0.seeds = [] }
    rig.establish(.accepted(1), "z")
    rig.establish(.accepted(2), "b")
    // In steps, so that no timer is late.
    for _ in 0..<150 { rig.advance(.milliseconds(20)) }
    // A node that hears nobody blames nobody.
    rig.send(.received(.accepted(2), .ping(Ping())))
    rig.send(.linkClosed(.accepted(1), .closed))
    for _ in 0..<40 where rig.dials.isEmpty { rig.advance(.milliseconds(10)) }
    let (link, node) = (try #require(rig.dials.first), try #require(NodeID("z")))
    var record = try #require(rig.engine.membership.record(of: node))
    (record.state, record.accuser, record.metadata) = (.dead, "b", nil)
    var claim = Hearsay(record: record, voice: try #require(NodeID("b")), isVoice: true)
    claim.isChecking = true
    rig.engine.membership.hearsay[node] = claim
    return (rig, link, node)
  }

  @Test func whoeverAnswersInAnothersPlaceIsNotTakenForIt() throws {
    var rig = try Rig { $0.seeds = [] }
    rig.establish(.accepted(1), "z")
    rig.now = rig.now + .seconds(3)
    rig.send(.linkClosed(.accepted(1), .closed))
    for _ in 0..<40 where rig.dials.isEmpty { rig.advance(.milliseconds(10)) }
    let link = try #require(rig.dials.first)
    rig.send(.linkOpened(link, peer("c")))
    rig.send(.received(link, hello("c")))
    #expect(rig.engine.sessions.keys.map(\.name) == ["c"])
    #expect(rig.engine.dialer.targets[.peer(try #require(NodeID("z")))]?.isLinked == false)
  }

  @Test func aDoubtedLinkIsAskedAboutOnlyWhileItIsTheOneInUse() throws {
    var rig = try Rig()
    rig.establish(.accepted(1), "b")
    rig.send(.linkDoubted(.accepted(1)))
    #expect(rig.observations.contains(.linkDoubted(peer: "b")))
    rig.send(.linkDoubted(.accepted(7)))
    #expect(rig.effects.list.isEmpty)
  }
}
