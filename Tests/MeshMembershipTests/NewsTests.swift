import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// The queue of what is to be told, and to whom it goes.
struct NewsTests {
  private typealias Queue = MeshMembership.News

  private func order(_ queue: Queue, bytes: Int = 1_000_000, for peer: String = "peer") throws -> [String] {
    queue.next(bytesMax: bytes, countMax: 64, for: try id(peer), isModern: true).nodes.map(\.name)
  }

  /// Conformance 48.
  @Test func theUrgentComeFirstThenTheLeastToldThenTheOldest() throws {
    var queue = Queue()
    let ranks: [(String, NewsClass)] = [
      ("label", .metadata), ("joiner", .join), ("suspect", .suspicion), ("dead", .end), ("dead-2", .end),
    ]
    for (name, rank) in ranks { queue.put(claim(name), about: try id(name), rank: rank, wide: false, source: nil) }
    #expect(try order(queue) == ["dead", "dead-2", "suspect", "joiner", "label"])
    queue.told(try id("dead"), to: [try id("other")], limit: 10, keepsForEver: false)
    #expect(try order(queue) == ["dead-2", "dead", "suspect", "joiner", "label"])
  }

  /// Conformance 47 and 50: one entry for each subject, the newest.
  @Test func theNewestClaimReplacesTheOneBefore() throws {
    var queue = Queue()
    for incarnation in 0..<5 {
      queue.put(claim("b", UInt32(incarnation)), about: try id("b"), rank: .join, wide: false, source: nil)
    }
    #expect(queue.count == 1)
    #expect(queue[try id("b")]?.record.incarnation == 4)
    #expect(queue.takeFresh().map(\.name) == ["b"] && queue.takeFresh().isEmpty)
  }

  /// Conformance 51.
  @Test func whoToldItDoesNotHearItBack() throws {
    var queue = Queue()
    queue.put(claim("b"), about: try id("b"), rank: .join, wide: false, source: try id("c"))
    #expect(try order(queue, for: "c").isEmpty)
    #expect(try order(queue, for: "d") == ["b"])
    queue.heardAgain(claim("b"), about: try id("b"), from: try id("d"), limit: 10)
    #expect(try order(queue, for: "d").isEmpty)
    #expect(try queue[id("b")]?.sends == 1)
  }

  /// Conformance 52.
  @Test func whatDoesNotFitHoldsNobodyUp() throws {
    var queue = Queue()
    var large = claim("large")
    large.metadata?.labels = [Label(key: "k", value: String(repeating: "v", count: 2_000))]
    queue.put(large, about: try id("large"), rank: .end, wide: false, source: nil)
    queue.put(claim("small"), about: try id("small"), rank: .join, wide: false, source: nil)
    #expect(try order(queue, bytes: 800) == ["small"])
    #expect(try order(queue, bytes: 4_000) == ["large", "small"])
  }

  /// Conformance 54.
  @Test func aClaimIsToldItsNumberOfTimesAndNotOnceMore() throws {
    var queue = Queue()
    queue.put(claim("b"), about: try id("b"), rank: .join, wide: false, source: nil)
    for number in 0..<9 { queue.told(try id("b"), to: [try id("n\(number)")], limit: 10, keepsForEver: false) }
    #expect(queue.count == 1)
    queue.told(try id("b"), to: [try id("last")], limit: 10, keepsForEver: false)
    #expect(queue.count == 0)
    #expect(try order(queue).isEmpty)
    queue.put(claim("b", 1), about: try id("b"), rank: .join, wide: false, source: nil)
    #expect(try order(queue) == ["b"])
  }

  @Test func whatWasLookedThroughForAPeerIsPassedOverUntilMoreIsSaid() throws {
    var queue = Queue()
    for name in ["a", "b"] { queue.put(claim(name), about: try id(name), rank: .join, wide: false, source: nil) }
    let peer = try id("peer")
    let some = queue.next(bytesMax: claim("a").encodedSize, countMax: 64, for: peer, isModern: true)
    #expect(some.nodes.map(\.name) == ["a"] && !some.isAll)
    let all = queue.next(bytesMax: 1_000, countMax: 64, for: peer, isModern: true)
    #expect(all.nodes.map(\.name) == ["a", "b"] && all.isAll)
    let known = queue.lastNumber
    #expect(queue.next(bytesMax: 1_000, countMax: 64, for: peer, isModern: true, above: known).nodes.isEmpty)
    queue.amend(claim("a", 1), about: try id("a"), rank: .join)
    let more = queue.next(bytesMax: 1_000, countMax: 64, for: peer, isModern: true, above: known)
    #expect(more.nodes.map(\.name) == ["a"] && more.isAll)
    // It has not left along the rings yet, and does so once.
    #expect(queue.takeFresh().map(\.name).sorted() == ["a", "b"] && queue.takeFresh().isEmpty)
  }

  /// A forming mesh of thousands would keep thousands of claims in each queue, and tell them for hours.
  @Test func ofWhatAntiEntropyBringsTheLeastUrgentAndMostToldGoFirst() throws {
    var queue = Queue()
    let ranks: [(String, NewsClass)] = [
      ("dead", .end), ("suspect", .suspicion), ("told", .join), ("untold", .join), ("label", .metadata),
    ]
    for (name, rank) in ranks { queue.put(claim(name), about: try id(name), rank: rank, wide: false, source: nil) }
    queue.putReminder(claim("own"), about: try id("own"))
    queue.told(try id("told"), to: [try id("other")], limit: 10, keepsForEver: false)
    // Ends and suspicions, which nothing else brings, don't count; the node's own reminder does.
    queue.trim(to: 4)
    #expect(queue.count == 6)
    queue.trim(to: 3)
    #expect(try order(queue) == ["dead", "suspect", "untold", "told", "own"])
    queue.trim(to: 2)
    #expect(try order(queue) == ["dead", "suspect", "untold", "own"])
    queue.trim(to: 0)
    #expect(try order(queue) == ["dead", "suspect", "own"])
  }

  @Test func aMeshOfThousandsLeavesNoMoreInTheQueueThanItsLimit() throws {
    var rig = try Rig.connected("b", "c", "d", "e")
    var records: [MemberRecord] = []
    for number in 0..<1_500 { records.append(claim("m\(number)")) }
    for page in stride(from: 0, to: records.count, by: 250) {
      try rig.hear("b", news(Array(records[page..<page + 250])))
      try rig.run(.milliseconds(50), answering: ["b", "c", "d", "e"])
    }
    #expect(rig.room.members.count >= 1_504)
    #expect(rig.room.news.count == MembershipLimits.newsKeptMax)
  }

  /// Otherwise one that pings often would use up what the others have yet to hear.
  @Test func aPeerHearsAClaimOnceHoweverOftenItAsks() throws {
    var rig = try Rig.connected("b", "c", "d", "e", "f", "g", "h", "i")
    try rig.run(.seconds(6), answering: ["b", "c", "d", "e", "f", "g", "h", "i"])
    try rig.hear("b", news(claim("x")))
    let toldAtOnce = ["c", "d", "e", "f", "g", "h", "i"].filter { name in !rig.told(name).isEmpty }
    let asker = try #require(["c", "d", "e", "f", "g", "h", "i"].first { !toldAtOnce.contains($0) })
    var acks = 0
    for number in 0..<50 {
      var ping = Ping()
      ping.sequence = UInt64(number)
      ping.digest = rig.room.digest
      try rig.hear(asker, .ping(ping))
      for case .ack(let ack) in rig.messages(to: asker) { acks += ack.news.count { $0.nodeID == "x" } }
    }
    let sends = rig.room.news[try id("x")]?.sends
    #expect(acks == 1 && sends == toldAtOnce.count + 1)
  }

  @Test func whoTellsOlderMetadataDoesNotKnowTheNewer() throws {
    var queue = Queue()
    var newer = claim("b")
    newer.metadata?.metadataVersion = 2
    queue.put(newer, about: try id("b"), rank: .metadata, wide: false, source: try id("c"))
    queue.heardAgain(claim("b"), about: try id("b"), from: try id("d"), limit: 10)
    #expect(try order(queue, for: "d") == ["b"])
    queue.heardAgain(newer, about: try id("b"), from: try id("d"), limit: 10)
    #expect(try order(queue, for: "d").isEmpty)
  }

  /// Accusers that come later are told to all, also to those that know the suspicion.
  @Test func whatSaysMoreIsToldAgain() throws {
    var queue = Queue()
    queue.put(claim("b", 0, .suspect, accuser: "c"), about: try id("b"), rank: .suspicion, wide: false, source: nil)
    queue.told(try id("b"), to: [try id("d")], limit: 10, keepsForEver: false)
    #expect(try order(queue, for: "d").isEmpty)
    queue.amend(claim("b", 0, .suspect, accuser: "e"), about: try id("b"), rank: .suspicion)
    #expect(try order(queue, for: "d") == ["b"])
  }

  @Test func claimsTooLargeForAProbeAreToldOnceAndDoNotWait() throws {
    var rig = try Rig.connected("c", "d", "e", "f")
    rig.now = rig.now + .seconds(5)
    for page in 0..<4 {
      let records = (0..<100).map { number in
        var record = claim("n\(page)-\(number)")
        record.metadata?.labels = [Label(key: "k", value: String(repeating: "v", count: 800))]
        return record
      }
      try rig.hear("c", news(records))
      try rig.run(.seconds(1), answering: ["c", "d", "e", "f"])
    }
    #expect(rig.room.members.count == 404 && rig.room.news.count <= 5)
  }

  /// A peer that comes back may speak another version, after an upgrade: what was looked through for its last link says
  /// nothing of the next.
  @Test func whatWasLookedThroughForALinkCountsForThatLinkAlone() throws {
    var rig = try Rig.connected("c")
    try rig.connect("b", version: 1)
    let b = try id("b")
    var change = claim("x")
    change.metadataDelta = MetadataDelta()
    // What changed in metadata only the second version of the protocol understands.
    rig.room.news.putQuietly(change, about: try id("x"), rank: .metadata)
    _ = rig.room.pickNews(for: b)
    #expect(rig.room.peers[b]?.newsKnown == rig.room.news.lastNumber)
    #expect(try rig.room.news[id("x")]?.knowers.contains(b) == false)
    rig.send(.peerDisconnected(b))
    try rig.connect("b", version: 2)
    // Unless it was told at once.
    _ = rig.room.pickNews(for: b)
    #expect(try rig.room.news[id("x")]?.knowers.contains(b) == true)
  }

  /// In a small mesh all linked peers have heard a claim before it was told its number of times.
  @Test func whatAllPeersKnowIsNotKept() throws {
    var rig = try Rig.connected("c", "d")
    try rig.run(.seconds(6), answering: ["c", "d"])
    try rig.hear("c", news(claim("x")))
    let waiting = rig.room.news[try id("x")]
    #expect(rig.told("d").map(\.nodeID) == ["x"] && waiting == nil)
  }

  /// Conformance 49.
  @Test func theNumberOfTellingsGrowsWithTheLogarithmOfTheMesh() {
    let counts = [0, 1, 2, 3, 7, 8, 200, 1_000, 8_192].map { Queue.retransmissions(scale: 3, members: $0) }
    #expect(counts == [3, 3, 6, 6, 9, 12, 24, 30, 42])
    #expect(Queue.retransmissions(scale: 0, members: 1) == 1)
    #expect(Queue.retransmissions(scale: 1, members: .max) > 0)
  }

  /// Conformance 55: without anyone to tell it to, the queue holds no more than there are members.
  @Test func withoutPeersTheQueueDoesNotGrow() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news((0..<100).map { claim("n\($0)") }))
    rig.send(.peerDisconnected(try id("c")))
    for round in 1...50 {
      rig.send(.labelsSet([Label(key: "round", value: "\(round)")]))
      rig.now = rig.now + .milliseconds(10)
    }
    #expect(rig.room.news.count <= rig.room.members.count + 1)
  }

  // MARK: To whom

  private func crowd() throws -> (rig: Rig, names: [String]) {
    let names = (0..<20).map { "n\($0)" }
    var rig = try Rig()
    for name in names { try rig.connect(name) }
    try rig.run(.seconds(2), answering: names)
    rig.now = rig.now + .milliseconds(20)
    return (rig, names)
  }

  @Test func hearsayGoesAlongTheRingsAndNotBack() throws {
    var (rig, names) = try crowd()
    try rig.hear("n0", news(claim("newcomer")))
    let hearers = names.filter { name in rig.told(name).contains { $0.nodeID == "newcomer" } }
    #expect((2...3).contains(hearers.count) && !hearers.contains("n0"))
    let watched = rig.room.rings.watched.map(\.name).filter { $0 != "newcomer" && $0 != "n0" }
    #expect(watched.allSatisfy(hearers.contains))
  }

  /// Those who hear the goodbye itself, or find a death, tell all their links; the others need not, unless few do.
  @Test func endsThatOthersTellGoAlongTheRingsAndToAllWhereNobodyTellsThemAgain() throws {
    for echoes in 0...MembershipLimits.endEchoes {
      var (rig, names) = try crowd()
      try rig.hear("n0", news(claim("x")))
      try rig.run(.seconds(1), answering: names)
      let left = claim("x", 1, .left)
      func hearers(_ rig: Rig) -> [String] { names.filter { name in rig.told(name).contains { $0.state == .left } } }
      try rig.hear("n0", news(left))
      try rig.hear("n1", news(left))
      var told = hearers(rig)
      #expect(rig.status("x") == .left && (1...3).contains(told.count))
      for index in 0..<echoes { try rig.hear("n\(2 + index)", news(left)) }
      // Who says it again and again is one echo: otherwise one peer could keep others from hearing it.
      for _ in 0..<5 { try rig.hear(echoes == 0 ? "n1" : "n2", news(left)) }
      let patience = MembershipLimits.endPatience.multiplied(by: 3).divided(by: 2)
      try rig.run(patience + .milliseconds(10)) { told += hearers($0) }
      #expect(echoes < MembershipLimits.endEchoes ? Set(told).count >= 17 : told.count <= 3)
    }
  }

  @Test func endsThatOthersTellGoToAllWhereTheMeshIsTooLargeForThat() throws {
    var (rig, names) = try crowd()
    try rig.fill((0..<1_000).map { claim("x\($0)") })
    try rig.run(.seconds(1), answering: names)
    var told = Set<String>()
    func note(_ rig: Rig) { told.formUnion(names.filter { name in rig.told(name).contains { $0.state == .left } }) }
    for name in ["n0", "n1"] { try rig.hear(name, news(claim("x7", 1, .left))) }
    note(rig)
    // In one flood, which may have to wait for the one before.
    try rig.run(.milliseconds(10)) { note($0) }
    #expect(rig.status("x7") == .left && told.isSuperset(of: names.dropFirst(2)))
  }

  /// A node with many links speaks so seldom that an end may be widened before it was told at all.
  @Test func anEndThatIsWidenedBeforeItsTurnIsToldOnce() throws {
    for isTold in [false, true] {
      var queue = Queue()
      queue.put(claim("x", 1, .left), about: try id("x"), rank: .end, wide: false, source: try id("n0"))
      if isTold { #expect(queue.takeFresh().count == 1) }
      for _ in 0..<2 { queue.widen(try id("x"), unlessToldBy: MembershipLimits.endEchoes) }
      #expect(try queue.takeFresh().map(\.name) == ["x"] && queue[id("x")]?.isWide == true)
    }
    // The same at a hundred links.
    let names = (0..<100).map { "n\($0)" }
    var rig = try Rig()
    for name in names { try rig.connect(name) }
    try rig.run(.seconds(2), answering: names)
    try rig.hear("n0", news(claim("x")))
    try rig.run(.seconds(1), answering: names)
    rig.send(.labelsSet([Label(key: "k", value: "v")]))
    for name in ["n0", "n1"] { try rig.hear(name, news(claim("x", 1, .left))) }
    var told: [String: Int] = [:]
    func note(_ rig: Rig) {
      for name in names { told[name, default: 0] += rig.told(name).count { $0.nodeID == "x" && $0.state == .left } }
    }
    note(rig)
    rig.room.timers.set(.widen(try id("x")), at: rig.now + .milliseconds(20))
    try rig.run(.milliseconds(100)) { note($0) }
    #expect(told.values.max() == 1 && told.values.count(where: { $0 == 1 }) >= 97)
  }

  /// What was to be told about a member waits for nothing once that is forgotten, or is another story.
  @Test func theTimersOfATellingEndWithIt() throws {
    var (rig, names) = try crowd()
    try rig.hear("n0", news(claim("x")))
    try rig.run(.seconds(1), answering: names)
    let x = try id("x")
    for name in ["n0", "n1"] { try rig.hear(name, news(claim("x", 1, .left))) }
    #expect(rig.room.timers[.widen(x)] != nil)
    var forgetful = rig
    forgetful.room.timers.set(.spared(x), at: rig.now + .seconds(1))
    forgetful.room.drop(x, now: rig.now)
    #expect(forgetful.room.timers[.widen(x)] == nil && forgetful.room.timers[.spared(x)] == nil)
    try rig.hear("n0", news(claim("x", epoch: 501)))
    #expect(rig.status("x") == .alive && rig.room.timers[.widen(x)] == nil)
    let watched = try #require(rig.room.rings.watched.first { $0 != x })
    rig.room.timers.set(.spared(watched), at: rig.now + .seconds(1))
    try rig.hear(watched.name, news(claim(watched.name, 1, .left)))
    #expect(rig.room.timers[.spared(watched)] == nil)
  }

  /// A queue that holds the whole mesh, since it has just formed, isn't told to those that have formed it as well.
  @Test func whatTheDigestCoversIsNotToldToWhomHasTheSame() throws {
    var (rig, names) = try crowd()
    try rig.hear("n0", news((0..<40).map { claim("x\($0)") }))
    func ride(_ name: String, _ digest: UInt64) throws -> [String] {
      var ping = Ping()
      ping.digest = digest
      try rig.hear(name, .ping(ping))
      return rig.messages(to: name).flatMap { message -> [String] in
        if case .ack(let ack) = message { ack.news.map(\.nodeID) } else { [] }
      }
    }
    let far = try #require(names.last { name in rig.told(name).isEmpty })
    // An answer goes by the digest that was told before.
    #expect(try !ride(far, rig.room.digest).isEmpty)
    #expect(try ride(far, rig.room.digest).isEmpty)
    // Whoever knew it knows it, and what came later it may lack.
    try rig.hear("n0", news(claim("y")))
    #expect(try ride(far, rig.room.digest ^ 1) == ["y"])
    #expect(try ride(far, rig.room.digest).isEmpty)
    // Suspicions aren't in the digest.
    try rig.hear("n0", news(claim("x3", 0, .suspect, accuser: "n0")))
    _ = try ride(far, rig.room.digest)
    let (suspicion, node) = (rig.room.news[try id("x3")], try id(far))
    #expect(suspicion?.isInDigest == false && suspicion?.knowers.contains(node) == true)
    // When all agree, nobody is left to be told.
    for name in names { _ = try ride(name, rig.room.digest) }
    try rig.run(.seconds(2), answering: names)
    #expect(rig.room.news.count <= 1 && rig.room.members.count >= 60)
  }

  @Test func ownChangesAndEndsGoToAll() throws {
    var (rig, names) = try crowd()
    rig.send(.labelsSet([Label(key: "k", value: "v")]))
    #expect(names.allSatisfy { name in rig.told(name).contains { $0.nodeID == "m" } })
    rig.now = rig.now + .milliseconds(20)
    try rig.hear("n0", news(claim("n0", 1, .left)))
    #expect(names.dropFirst().allSatisfy { name in rig.told(name).contains { $0.nodeID == "n0" && $0.state == .left } })
  }

  /// A seed tells each of two newcomers of the other, though it has told enough of the rest by then.
  @Test func newcomersOfOneMomentHearOfEachOther() throws {
    var (rig, names) = try crowd()
    names += (20..<60).map { "n\($0)" }
    for name in names.dropFirst(20) { try rig.connect(name) }
    try rig.run(.seconds(2), answering: names)
    rig.now = rig.now + .milliseconds(20)
    rig.send(.labelsSet([Label(key: "k", value: "v")]))
    for name in ["x", "y", "z"] { try rig.connect(name) }
    var told: [String: [String]] = [:]
    try rig.run(.milliseconds(50)) { rig in
      for name in ["x", "y", "z"] { told[name, default: []] += rig.told(name).map(\.nodeID) }
    }
    #expect(told["x"]?.contains("y") == true && told["x"]?.contains("z") == true)
    #expect(told["y"]?.contains("z") == true)
  }

  @Test func aBurstTravelsTogether() throws {
    var (rig, names) = try crowd()
    try rig.hear("n0", news(claim("first")))
    for number in 0..<20 {
      try rig.hear("n0", news(claim("late-\(number)")))
      #expect(names.allSatisfy { rig.told($0).isEmpty })
    }
    rig.now = rig.now + .milliseconds(6)
    rig.send(.deadlineReached)
    let counts = names.map { rig.told($0).count }.filter { $0 > 0 }
    #expect((2...3).contains(counts.count) && counts.allSatisfy { $0 == 20 })
  }

  @Test func theGoodbyeDoesNotWait() throws {
    var (rig, names) = try crowd()
    rig.send(.labelsSet([Label(key: "k", value: "v")]))
    rig.send(.leaveRequested)
    #expect(names.allSatisfy { name in rig.told(name).contains { $0.nodeID == "m" && $0.state == .left } })
  }

  @Test func newsOfOneLinkHasABudgetThatFillsAgain() throws {
    var rig = try Rig.connected("c", "d")
    let label = String(repeating: "v", count: 4_096)
    var (sent, over) = (0, false)
    for round in 0..<60 {
      let records = (0..<30).map { number in
        var record = claim("n\(round)-\(number)")
        record.metadata?.labels = (0..<3).map { Label(key: "k\($0)", value: label) }
        return record
      }
      try rig.hear("c", news(records))
      sent += rig.told("d").reduce(0) { $0 + $1.encodedSize }
      over = over || rig.observations.contains(.limitReached("news of one link"))
      rig.now = rig.now + .milliseconds(10)
    }
    #expect(over && rig.room.marks.contains(.newsOverBudget))
    #expect(sent <= Int(MembershipLimits.newsBytesPerSecond) * 3)
    // What was said on probes and what is still to be said doesn't depend on that: a small change goes out later.
    try rig.run(.seconds(3), answering: ["c", "d"])
    rig.send(.labelsSet([Label(key: "k", value: "v")]))
    #expect(rig.told("d").contains { $0.nodeID == "m" })
  }

  @Test func endsAndTheGoodbyeFindRoomOnALinkThatJoinsHaveFilled() throws {
    var rig = try Rig.connected("c", "d", "e")
    rig.now = rig.now + .seconds(5)
    let label = String(repeating: "v", count: 4_000)
    for page in 0..<5 {
      let records = (0..<20).map { number in
        var record = claim("n\(page)-\(number)")
        record.metadata?.labels = (0..<3).map { Label(key: "k\($0)", value: label) }
        return record
      }
      try rig.hear("c", news(records))
    }
    try rig.hear("e", news(claim("e", 1, .left)))
    rig.now = rig.now + .milliseconds(20)
    rig.send(.deadlineReached)
    #expect(rig.told("d").contains { $0.nodeID == "e" && $0.state == .left })
    #expect(rig.observations.contains(.limitReached("news of one link")))
    rig.send(.leaveRequested)
    let goodbye = rig.told("d").first { $0.nodeID == "m" }
    #expect(goodbye?.state == .left && goodbye?.metadata == nil)
  }

  @Test func aTokenBucketGivesItsBurstAndThenItsRate() {
    var bucket = TokenBucket(perSecond: 10, burst: 20, now: .origin)
    let burst = (0..<20).allSatisfy { _ in bucket.take(1, now: .origin) }
    let oneMore = bucket.take(1, now: .origin)
    let tooEarly = bucket.take(1, now: .origin + .milliseconds(99))
    let inTime = bucket.take(1, now: .origin + .milliseconds(100))
    #expect(burst && !oneMore && !tooEarly && inTime)
    let afterLong = bucket.take(21, now: .origin + .seconds(1_000_000))
    let all = bucket.take(20, now: .origin + .seconds(1_000_000))
    #expect(!afterLong && all)
  }

  /// A bucket that is asked more often than it makes a unit gives its rate all the same.
  @Test func aSteadyDripGetsTheWholeRate() {
    for gap in [1, 5, 20, 30, 49, 60] as [Int64] {
      var bucket = TokenBucket(perSecond: 20, burst: 20, now: .origin)
      let asked = stride(from: 0, to: Int64(60_000), by: Int64.Stride(gap))
      let given = asked.count { bucket.take(1, now: .origin + .milliseconds($0)) }
      let due = min(60_000 / Int(gap), 20 + 20 * 60)
      #expect((due - 2...due + 1).contains(given), "asked each \(gap) ms: \(given) of \(due)")
    }
  }
}
