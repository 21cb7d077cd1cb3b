import MeshBasics
import MeshMembership
import Testing

@testable import MeshControl

/// Keeps events, and counts those that were written.
private final class Kept: MemberTexts {
  var pages = MembersPages()
  private var events = EventTexts()
  subscript(key: MemberTextKey) -> MemberText? {
    get { nil }
    set { written += 1 }
  }
  /// Members that were written, each for one event.
  private(set) var written = 0

  func withEvents<R>(_ body: (inout EventTexts) -> R) -> R { body(&events) }
}

private func clock(_ seconds: Int64, stepped ticks: Int64 = 0) -> MemberClock {
  MemberClock(now: .origin + .seconds(seconds), unixTicks: 17_000_000_000_000_000 + seconds * 10_000_000 + ticks)
}

private func watcher(_ query: String) throws -> MembersWatchText {
  let request = MembersWatchRequest(query: try MembersQuery(target: "/v1/members" + query), token: nil)
  return MembersWatchText(request, localNodeID: try #require(NodeID("a")), life: 36)
}

/// One caller, and its twin who is told the same without what is kept.
private struct Twins {
  var sharing, alone: MembersWatchText

  init(_ query: String) throws { (sharing, alone) = (try watcher(query), try watcher(query)) }

  /// Whether both were told the same.
  mutating func areTold(_ members: Members, _ clock: MemberClock, _ kept: Kept) -> Bool {
    sharing.next(in: members, clock: clock, texts: kept) == alone.next(in: members, clock: clock)
  }
}

private func expectSame(_ caller: inout Twins, _ members: Members, _ clock: MemberClock, _ kept: Kept) {
  let areSame = caller.areTold(members, clock, kept)
  #expect(areSame)
}

@Test func callersWithFiltersAndPacesOfTheirOwnAreToldWhatTheyWouldBeToldAlone() throws {
  let (members, kept) = (Members(), Kept())
  var random = SeededRandom(seed: 7)
  var callers = try ["", "?region=x", "?region=y", "?status=Suspect", "?region=x", ""].map { try Twins($0) }
  for turn in 0..<600 {
    let name = ["a", "b", "c", "d"][Int(random.below(4))]
    try members.set(name, region: random.below(2) == 0 ? "x" : "y", status: random.below(3) == 0 ? .suspect : .alive)
    let now = clock(Int64(turn))
    for index in callers.indices where random.below(3) > 0 {
      let areSame = callers[index].areTold(members, now, kept)
      #expect(areSame, "turn \(turn), caller \(index)")
    }
  }
}

/// The same change ends what one caller wants of a revision in the part that it gets, and not in that of another.
@Test func partsThatEndAmidARevisionHaveTheTokensThatTheyWouldHaveAlone() throws {
  let (members, kept) = (Members(capacity: 256), Kept())
  var random = SeededRandom(seed: 11)
  var callers = try ["", "?region=x", "", "?region=x", ""].map { try Twins($0) }
  for turn in 0..<60 {
    let names = (0..<(3 + random.below(30))).map { "n\($0)" }
    try members.set(names, region: random.below(2) == 0 ? "x" : "y")
    for index in callers.indices where random.below(2) == 0 {
      for _ in 0...random.below(3) { expectSame(&callers[index], members, clock(Int64(turn)), kept) }
    }
  }
}

@Test func anEventIsWrittenOnceForAllWhoAreToldTheSame() throws {
  let (members, kept) = (Members(), Kept())
  var callers = try (0..<5).map { _ in try Twins("?region=x") }
  for _ in 0..<2 {
    for index in callers.indices { expectSame(&callers[index], members, clock(1), kept) }
  }
  try members.set("b", region: "x")
  for index in callers.indices { expectSame(&callers[index], members, clock(2), kept) }
  #expect(kept.written == 1)
}

@Test func aClockThatWasSetAndTheLocalMemberAreWrittenAnew() throws {
  let (members, kept) = (Members(), Kept())
  var callers = try (0..<3).map { _ in try Twins("") }
  for index in callers.indices { expectSame(&callers[index], members, clock(1), kept) }
  try members.set("b", region: "x")
  for (index, now) in [clock(2), clock(3), clock(3, stepped: 20_000)].enumerated() {
    expectSame(&callers[index], members, now, kept)
  }
  #expect(kept.written == 2)
  try members.set("a", region: "x")
  for (index, now) in [clock(4), clock(5), clock(5)].enumerated() {
    expectSame(&callers[index], members, now, kept)
  }
}

@Test func textsThatAreTooLongAndThoseWhosePlaceIsTakenAreNotKept() {
  var texts = EventTexts()
  func key(_ place: UInt64) -> EventTexts.Key {
    EventTexts.Key(place: place, filter: 1, isRemoval: false, hasID: true)
  }
  texts.keep([UInt8](repeating: 1, count: EventTexts.textBytesMax + 1), key(1), at: clock(1))
  #expect(texts.text(key(1), at: clock(1)) == nil)
  let longest = [UInt8](repeating: 1, count: EventTexts.textBytesMax)
  texts.keep(longest, key(1), at: clock(1))
  #expect(texts.text(key(1), at: clock(9)) == longest)
  let later = UInt64(EventTexts.textsMax + 1)
  texts.keep([2], key(later), at: clock(1))
  #expect(texts.text(key(1), at: clock(1)) == nil && texts.text(key(later), at: clock(1)) == [2])
}
