import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// Which links a node wants, and how it gives back those that it doesn't.
struct OverlayTests {
  private func crowd(_ count: Int) -> [String] { (0..<count).map { "n\($0)" } }

  private func linked(_ names: [String], version: UInt32 = 2) throws -> Rig {
    var rig = try Rig()
    for name in names { try rig.connect(name, version: version) }
    return rig
  }

  private func releases(_ rig: Rig) -> [NodeID] {
    rig.effects.list.flatMap { effect -> [NodeID] in
      if case .send(let nodes, .release) = effect { nodes } else { [] }
    }
  }

  @Test func wantedLinksDoNotGrowWithTheMesh() throws {
    for count in [100, 1_000, 4_000] {
      var rig = try Rig.connected("c")
      for start in stride(from: 0, to: count, by: 500) {
        try rig.hear("c", news((start..<min(start + 500, count)).map { claim("n\($0)") }))
      }
      try rig.run(.milliseconds(1_900), answering: ["c"])
      #expect(rig.room.links.warm.count <= MembershipLimits.warmLinks)
      #expect(rig.room.linkTargets.count <= 6 + MembershipLimits.warmLinks)
      // One for each round.
      try rig.run(.seconds(15), answering: ["c"])
      #expect((MembershipLimits.warmLinks - 1...MembershipLimits.warmLinks).contains(rig.room.links.warm.count))
    }
  }

  @Test func randomLinksComeOneAfterTheOther() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news(crowd(200).map { claim($0) }))
    var counts: [Int] = []
    try rig.run(.seconds(8)) { rig in
      if counts.last != rig.room.links.warm.count { counts.append(rig.room.links.warm.count) }
    }
    #expect(counts == Array(counts[0]...counts[0] + counts.count - 1))
    #expect((4...11).contains(counts.count))
  }

  /// One that comes alone to a mesh that stands has its handshakes behind it after some rounds.
  @Test func aNewcomerAloneChoosesSomeRandomLinksInEachRound() throws {
    for (lead, perRound) in [(UInt64(20_000), 1), (3_600_000, MembershipLimits.warmLinksOfNewcomer)] {
      var rig = try Rig()
      rig.room.local.version.epoch = 500 + lead
      try rig.connect("c")
      try rig.hear("c", news(crowd(200).map { claim($0) }))
      var counts = [0]
      try rig.run(.seconds(5), answering: ["c"])
      counts.append(rig.room.links.warm.count)
      try rig.run(.seconds(2), answering: ["c"])
      counts.append(rig.room.links.warm.count)
      #expect((2...4).contains(counts[1] / perRound) && counts[2] - counts[1] <= 3 * perRound)
    }
  }

  /// One that has lost its links later isn't in that haste: others may have lost theirs as well.
  @Test func anOldNodeChoosesItsRandomLinksOneByOne() throws {
    for (age, perRound) in [(Int64(10), MembershipLimits.warmLinksOfNewcomer), (31, 1)] {
      var rig = try Rig()
      rig.room.local.version.epoch = 500 + 3_600_000
      try rig.connect("c")
      try rig.run(.seconds(age), answering: ["c"])
      try rig.hear("c", news(crowd(200).map { claim($0) }))
      var counts = [0]
      try rig.run(.seconds(3), answering: ["c"]) { rig in
        if counts.last != rig.room.links.warm.count { counts.append(rig.room.links.warm.count) }
      }
      let steps = zip(counts, counts.dropFirst()).map { $1 - $0 }
      #expect((2...3).contains(steps.count) && steps.allSatisfy { $0 == perRound }, "\(age): \(counts)")
    }
  }

  /// The news of a change goes round without handshakes in its way, and the links follow in a moment.
  @Test func oneChangeInAQuietMeshIsFollowedInAMoment() throws {
    for count in [3, 60] {
      var rig = try Rig.connected("c")
      try rig.hear("c", news(crowd(count).map { claim($0) }))
      try rig.run(.seconds(6), answering: ["c"])
      let (gone, before) = (try #require(rig.room.settledNeighbours.first { $0.name != "c" }), rig.now)
      try rig.bury(gone.name, voices: ["c", gone.name == "n0" ? "n1" : "n0"])
      if rig.status(gone.name) != .left { rig.send(.memberRemoved(gone)) }
      #expect(rig.room.settledNeighbours.contains(gone))
      try rig.run(.milliseconds(Int64(count + 4) * 3 / 2), answering: ["c"])
      #expect(!rig.room.settledNeighbours.contains(gone) && rig.room.settledAt > before)
    }
  }

  /// Nodes that form a mesh come to rest in one moment; their handshakes are spread.
  @Test func linksOfAMeshThatFormsFollowTheRingsAtDifferentMoments() throws {
    func moment(_ seed: UInt64, _ count: Int) throws -> Int64 {
      var rig = try Rig(seed: seed)
      let began = rig.now
      try rig.connect("c")
      try rig.hear("c", news(crowd(count).map { claim($0) }))
      var settled: Int64?
      try rig.run(.seconds(3), answering: ["c"])
      settled = rig.room.settledAt.since(began).milliseconds
      return try #require(settled)
    }
    let moments = try (0..<40).map { try moment($0, 100) }.sorted()
    #expect(moments[0] >= 100 && moments[39] <= 1_300 && moments[39] - moments[0] >= 400)
    #expect(try (0..<40).allSatisfy { try moment($0, 3) <= 400 })
  }

  /// In a mesh where something changes all the time, too, a node comes by its random links, though more slowly.
  @Test func randomLinksComeInAMeshThatNeverRests() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news(crowd(200).map { claim($0) }))
    var counts: [Int] = []
    for second in 0..<60 {
      for tenth in 0..<10 {
        try rig.run(.milliseconds(100), answering: ["c"])
        var changed = claim("n7")
        changed.metadata?.metadataVersion = Int64(2 + second * 10 + tenth)
        changed.metadata?.role = "r\(second)-\(tenth)"
        try rig.hear("c", news(changed))
      }
      counts.append(rig.room.links.warm.count)
    }
    // They leave again after a while, since nobody opens them here.
    #expect(counts[3] == 0 && (1...2).contains(counts[11]) && (4...6).contains(counts[29]), "\(counts)")
  }

  @Test func noMemberIsWantedTwice() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news(crowd(30).map { claim($0) }))
    try rig.run(.seconds(4), answering: ["c"])
    let wanted = rig.room.linkTargets.map(\.node)
    for (index, node) in wanted.enumerated() { #expect(wanted.firstIndex(of: node) == index) }
    #expect(!wanted.contains(rig.room.nodeID))
  }

  @Test func surplusLinksAreGivenBackAndThoseOfTheRingsKept() throws {
    let names = crowd(60)
    var rig = try linked(names)
    try rig.run(MembershipLimits.releaseAge - .milliseconds(500), answering: names)
    var released: [NodeID] = []
    try rig.run(.seconds(3)) { rig in
      let given = releases(rig)
      released += given
      let pings = names.map { name in (name, rig.pings(to: name).map(\.sequence)) }
      // The peers close them: no doubt about a peer, no dial, no probe.
      for node in given { rig.send(.peerDisconnected(node)) }
      for (name, numbers) in pings { try rig.answer(name, numbers) }
    }
    #expect(released.allSatisfy { !rig.room.rings.isNeighbour($0) && rig.room.timers[.redial($0)] == nil })
    #expect(released.count == names.count - rig.room.rings.neighbours.count - MembershipLimits.warmLinksMax)
    #expect(rig.room.marks.contains(.releasedLinks))
    #expect(released.allSatisfy { rig.status($0.name) == .alive })
  }

  /// Where thousands start at once, those that are in make room for those that wait.
  @Test(arguments: [(0, []), (1, [64]), (201, [164, 82])])
  func halfOfACrowdIsGivenBackInEachRound(more: Int, expected: [Int]) throws {
    // Neighbours on the rings don't count; with as many names there are as many of them.
    let neighbours = try linked(crowd(100)).room.rings.neighbours.count
    let surplus = MembershipLimits.crowdLinks + more
    let names = crowd(neighbours + MembershipLimits.warmLinksMax + surplus)
    var rig = try linked(names)
    #expect(rig.room.rings.neighbours.count == neighbours)
    var released: [Int] = []
    // Some are slow to close: they aren't counted again.
    var closing: [NodeID] = []
    try rig.run(MembershipLimits.crowdReleaseAge + .milliseconds(2_300), answering: names) { rig in
      let given = releases(rig)
      guard !given.isEmpty else { return }
      released.append(given.count)
      for node in closing { rig.send(.peerDisconnected(node)) }
      closing = given
    }
    #expect(Array(released.prefix(expected.count)) == expected && (more > 0 || released.isEmpty), "\(released)")
  }

  @Test func aLinkGivenBackByThePeerIsClosedUnlessARingNeedsIt() throws {
    let names = crowd(60)
    var rig = try linked(names)
    let neighbour = try #require(rig.room.rings.neighbours.first)
    let other = try #require(names.first { name in !rig.room.rings.neighbours.contains { $0.name == name } })
    try rig.hear(neighbour.name, .release(Release()))
    #expect(!rig.disconnects(neighbour.name) && rig.room.marks.contains(.keptReleasedLink))
    try rig.hear(other, .release(Release()))
    #expect(rig.disconnects(other))
  }

  @Test func passingPurposesHaveTheirLimit() throws {
    var rig = try Rig.connected("c")
    let names = crowd(MembershipLimits.temporaryLinksMax + 1)
    for name in names.dropLast() { #expect(rig.room.wantTemporarily(try id(name), now: rig.now)) }
    #expect(!rig.room.wantTemporarily(try id(names[names.count - 1]), now: rig.now))
    #expect(rig.room.wantTemporarily(try id(names[0]), now: rig.now))
    try rig.run(MembershipLimits.temporaryLink, answering: ["c"])
    #expect(rig.room.links.temporary.isEmpty)
  }

  /// What a peer of the first version of the protocol is sent, whatever happens.
  @Test func aPeerOfTheFirstVersionIsNeverSentWhatItCannotRead() throws {
    let names = crowd(40)
    var rig = try linked(names, version: 1)
    var kinds: [MessageKind] = []
    func look(_ rig: Rig) {
      for case .send(_, let message) in rig.effects.list where !kinds.contains(message.kind) {
        kinds.append(message.kind)
      }
    }
    rig.send(.broadcast(topic: "t", payload: [1]))
    look(rig)
    var request = ProbeRequest()
    request.target = "n1"
    try rig.hear("n0", .probeRequest(request))
    look(rig)
    var ping = Ping()
    ping.digest = 1
    try rig.run(.seconds(10)) { rig in
      look(rig)
      // Some answer, with a digest that never agrees; the others are silent, so that relays are wished for.
      for name in names.prefix(20) {
        for sent in rig.pings(to: name) {
          var ack = Ack()
          ack.sequence = sent.sequence
          ack.digest = 1
          try rig.hear(name, .ack(ack))
          look(rig)
        }
      }
    }
    #expect(kinds.allSatisfy { [.ping, .ack, .news, .view].contains($0) }, "\(kinds)")
    #expect(kinds.contains(.view))
  }
}
