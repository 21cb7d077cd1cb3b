import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// How changes of metadata travel: whole where small, as differences where large.
struct MetadataTests {
  private let large = (0..<20).map { Label(key: "key-\($0)", value: String(repeating: "v", count: 100)) }

  private func changed(_ key: String) -> [Label] {
    (large.filter { $0.key != key } + [Label(key: key, value: "new")]).sorted {
      $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }
  }

  /// Owner "a" with many labels, and "m", which knows them all from its link to "a".
  private func pair() throws -> (owner: Rig, reader: Rig) {
    var owner = try Rig("a")
    try owner.connect("m")
    owner.send(.labelsSet(large.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }))
    var reader = try Rig()
    try reader.connect("a", owner.room.localRecord)
    try reader.connect("z")
    owner.now = owner.now + .milliseconds(20)
    return (owner, reader)
  }

  @Test func aChangeOfManyLabelsTravelsAsADifference() throws {
    var (owner, reader) = try pair()
    owner.send(.labelsSet(changed("key-3")))
    let told = try #require(owner.told("m").first)
    let delta = try #require(told.metadataDelta)
    reader.now = reader.now + .milliseconds(20)
    reader.send(.deadlineReached)
    reader.now = reader.now + .milliseconds(20)
    #expect(told.metadata == nil && delta.changed.map(\.key) == ["key-3"] && delta.removed.isEmpty)
    try reader.hear("a", news(told))
    #expect(reader.events == [.updated] && reader.view("a")?.metadata == owner.view("a")?.metadata)
    // It travels on as a difference.
    let passedOn = reader.told("z")
    #expect(passedOn.map(\.metadataDelta) == [delta] && passedOn.allSatisfy { $0.metadata == nil })
    #expect(reader.member("a")?.metadataVersion == delta.toVersion)
  }

  @Test func aRemovedLabelIsGone() throws {
    var (owner, reader) = try pair()
    let fewer = changed("key-3").filter { $0.key != "key-5" }
    owner.send(.labelsSet(fewer))
    try reader.hear("a", news(try #require(owner.told("m").first)))
    #expect(reader.view("a")?.metadata.labels == fewer)
  }

  /// Conformance 43: whoever lacks the beginning asks for the whole, and gets it.
  @Test func aGapIsNoticedAndFilled() throws {
    var (owner, reader) = try pair()
    owner.send(.labelsSet(changed("key-3")))
    owner.now = owner.now + .milliseconds(20)
    owner.send(.labelsSet(changed("key-4")))
    try reader.hear("a", news(try #require(owner.told("m").first)))
    #expect(reader.events.isEmpty && reader.room.marks.contains(.deltaGap))
    guard case .syncDelta(let wish)? = reader.messages(to: "a").first else {
      Issue.record("the whole wasn't asked for")
      return
    }
    #expect(wish.wanted == ["a"] && wish.records.isEmpty)
    try owner.hear("m", .syncDelta(wish))
    let answer = try #require(owner.messages(to: "m").first { $0.kind == .syncDelta })
    try reader.hear("a", answer)
    #expect(reader.view("a")?.metadata == owner.view("a")?.metadata)
  }

  @Test func anOldDifferenceIsIgnored() throws {
    var (owner, reader) = try pair()
    owner.send(.labelsSet(changed("key-3")))
    let told = try #require(owner.told("m").first)
    try reader.hear("a", news(told))
    let now = reader.view("a")?.metadata
    try reader.hear("a", news(told))
    #expect(reader.view("a")?.metadata == now && reader.events.isEmpty && reader.messages(to: "a").isEmpty)
  }

  @Test func smallMetadataIsAlwaysToldWhole() throws {
    var rig = try Rig.connected("c")
    rig.send(.labelsSet([Label(key: "a", value: "1")]))
    rig.now = rig.now + .milliseconds(20)
    rig.send(.labelsSet([Label(key: "a", value: "2")]))
    #expect(rig.told("c").first?.metadata?.labels.map(\.value) == ["2"])
  }

  @Test func aDifferenceThatWouldPassTheLimitOfLabelsIsRefused() throws {
    let full = (0..<WireLimits.labels).map { Label(key: "k\($0)", value: "v") }
    var delta = MetadataDelta()
    delta.changed = [Label(key: "k1", value: "new")]
    var metadata = NodeMetadata()
    metadata.labels = full
    #expect(delta.applied(to: metadata)?.labels.count == WireLimits.labels)
    delta.changed.append(Label(key: "one-more", value: ""))
    #expect(delta.applied(to: metadata) == nil)
    delta.removed = ["k2"]
    #expect(delta.applied(to: metadata)?.labels.count == WireLimits.labels)
  }

  /// Otherwise this node's own views would be refused by everyone, and its links with them.
  @Test func differencesDoNotAddUpToMoreThanPeersRead() throws {
    var rig = try Rig.connected("b", "z")
    let value = String(repeating: "v", count: 4_000)
    for round in 0..<6 {
      var record = claim("b")
      record.metadata = nil
      var delta = MetadataDelta()
      (delta.fromVersion, delta.toVersion) = (Int64(round + 1), Int64(round + 2))
      delta.changed = [Label(key: "k\(round)", value: value)]
      record.metadataDelta = delta
      try rig.hear("b", news(record))
      #expect((rig.statistic("claimsRejected") == 0) == (round < 4))
      rig.now = rig.now + .milliseconds(20)
    }
    let metadata = try #require(rig.view("b")?.metadata)
    #expect(metadata.labels.count == 4 && metadata.encodedSize <= WireLimits.metadataBytes)
    try rig.connect("newcomer")
    let views = rig.messages(to: "newcomer").filter { $0.kind == .view }
    #expect(!views.isEmpty)
    for view in views { #expect(throws: Never.self) { try MeshMessage.decode(view.encoded()) } }
  }

  @Test func theSameLabelsAreNoNews() throws {
    var rig = try Rig.connected("c")
    rig.send(.labelsSet([Label(key: "a", value: "1")]))
    let version = rig.room.localRecord.metadata?.metadataVersion
    rig.send(.labelsSet([Label(key: "a", value: "1")]))
    #expect(rig.room.localRecord.metadata?.metadataVersion == version)
  }

  @Test func drainingIsToldAndTakenBack() throws {
    var (owner, reader) = try pair()
    owner.send(.drainingSet(true))
    let version = try #require(owner.room.localRecord.metadata?.metadataVersion)
    owner.send(.drainingSet(true))
    #expect(owner.room.localRecord.metadata?.metadataVersion == version)
    try reader.hear("a", news(owner.room.localRecord))
    #expect(reader.view("a")?.metadata.draining == true && reader.events == [.updated])
    owner.send(.drainingSet(false))
    try reader.hear("a", news(owner.room.localRecord))
    #expect(reader.view("a")?.metadata.draining == false)
  }

  /// Conformance 63: a new life's metadata counts from its own start, whatever number the old one had reached.
  @Test func aRestartMayTellLowerNumbers() throws {
    var rig = try Rig.connected("c")
    var old = claim("b")
    old.metadata?.metadataVersion = 1_000
    try rig.hear("c", news(old))
    var new = claim("b", epoch: 600)
    new.metadata?.role = "gateway"
    try rig.hear("c", news(new))
    #expect(rig.view("b")?.metadata.role == "gateway" && rig.view("b")?.metadata.metadataVersion == 1)
  }

  /// What is known of a member is no ground to leap from, and a difference is no way around.
  @Test func hearsayOfMetadataIsBelievedUpToItsLimitAndNotFromThereOn() throws {
    var rig = try Rig.connected("c")
    let now = rig.room.unixMilliseconds(rig.now)
    let limit = Int64(now + MembershipLimits.epochAheadMaxMilliseconds) + Int64(MembershipLimits.incarnationJumpMax)
    func told(_ version: Int64, delta: Bool = false) -> MeshMessage {
      var record = claim("b")
      record.metadata?.metadataVersion = version
      if delta {
        record.metadata = nil
        record.metadataDelta = MetadataDelta()
        record.metadataDelta?.fromVersion = limit
        record.metadataDelta?.toVersion = version
      }
      return news(record)
    }
    try rig.hear("c", told(limit))
    #expect(rig.member("b")?.metadataVersion == limit)
    try rig.hear("c", told(limit + 1))
    try rig.hear("c", told(limit + 1, delta: true))
    try rig.hear("c", told(limit + Int64(MembershipLimits.incarnationJumpMax)))
    #expect(rig.member("b")?.metadataVersion == limit && rig.statistic("claimsRejected") == 3)
    try rig.hear("c", told(limit))
    #expect(rig.statistic("claimsRejected") == 3, "what is known may be told again")
  }

  /// One check could take the one for what is told, and another the other.
  @Test func aClaimWithMetadataBothWholeAndAsADifferenceIsRefused() throws {
    var rig = try Rig.connected("b", "c")
    for name in ["b", "m"] {
      var record = claim(name, epoch: name == "m" ? 1_000 : 500)
      record.metadataDelta = MetadataDelta()
      record.metadataDelta?.toVersion = .max
      try rig.hear("c", news(record))
    }
    #expect(rig.statistic("claimsRejected") == 2)
    #expect(rig.member("b")?.metadataVersion == 1 && rig.room.localRecord.metadata?.metadataVersion == 1_000)
  }

  /// Below that limit the owner outbids any, and a life that began days ago may know of no other.
  @Test func metadataVersionsFromHearsayMayNotLeapFarAheadOfNow() throws {
    var rig = try Rig.connected("b", "c")
    let now = rig.room.unixMilliseconds(rig.now)
    let limit = Int64(now + MembershipLimits.epochAheadMaxMilliseconds) + Int64(MembershipLimits.incarnationJumpMax)
    var forged = claim("b")
    forged.metadata?.metadataVersion = limit + 1
    try rig.hear("c", news(forged))
    #expect(rig.member("b")?.metadataVersion == 1 && rig.statistic("claimsRejected") == 1)
    try rig.hear("b", news(forged))
    #expect(rig.member("b")?.metadataVersion == forged.metadata?.metadataVersion)
  }
}
