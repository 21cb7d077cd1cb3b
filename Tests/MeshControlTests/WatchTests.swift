import MeshBasics
import Testing

@testable import MeshControl

/// A table of numbers by name, with its log.
private final class Table: WatchedResource {
  struct Entry: Equatable, Sendable {
    let name, value: Int
  }

  private(set) var entries: [Int: Entry] = [:]
  private var log: ChangeLog<Entry>
  private(set) var revision: UInt64 = 0

  init(keeping capacity: Int) { log = ChangeLog(capacity: capacity) }

  /// One step: names and their new values, nil to remove them.
  func change(_ step: [(Int, Int?)]) {
    revision += 2
    log.append(
      revision: revision,
      step.map { name, value in
        let old = entries[name]
        entries[name] = value.map { Entry(name: name, value: $0) }
        return (old, entries[name])
      })
  }

  func items() -> (items: WatchedItems<Entry>, revision: UInt64) {
    (WatchedItems(entries.values.sorted { $0.name < $1.name }), revision)
  }
  func place(after revision: UInt64) -> UInt64? { log.place(after: revision) }
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<Entry>.Change]? {
    log.changes(from: place, limit: limit)
  }
}

/// A caller that believes what its watch tells it.
private struct Caller {
  var watch: Watch<Table.Entry>
  var known: [Int: Int] = [:]
  var isComplete = false
  var resyncs: [Watch<Table.Entry>.Reason] = []
  var happenings = 0
  /// What it would come back with.
  var token: UInt64?

  /// Takes one step; false when there is none.
  mutating func step(in table: Table) -> Bool {
    guard let step = watch.next(in: table) else { return false }
    switch step {
    case .items(let items, let revision, let isFirst, let complete):
      if isFirst { known = [:] }
      for item in items { known[item.name] = item.value }
      isComplete = complete
      if complete { token = revision }
    case .changes(let list):
      for happening in list {
        known[happening.item.name] = happening.isRemoval ? nil : happening.item.value
        if happening.completesRevision { token = happening.revision }
      }
      happenings += list.count
    case .resync(let reason):
      resyncs.append(reason)
      isComplete = false
    }
    return true
  }

  mutating func takeAll(of table: Table) { while step(in: table) {} }
}

@Suite struct WatchTests {
  private func caller(
    from token: WatchToken? = nil, wanting isWanted: @escaping (Int) -> Bool = { _ in true }
  ) -> Caller {
    Caller(watch: Watch(life: 1, filter: 5, from: token) { isWanted($0.value) })
  }

  @Test func aSnapshotComesInPartsAndThenEveryChange() {
    let table = Table(keeping: 100)
    table.change((0..<70).map { ($0, $0) })
    var caller = caller()
    #expect(caller.step(in: table) && caller.known.count == 32 && !caller.isComplete && caller.watch.revision == nil)
    // What changes while it is told comes after it.
    table.change([(69, 1_000), (70, 70)])
    #expect(caller.step(in: table) && caller.step(in: table) && caller.isComplete && caller.known[69] == 69)
    #expect(caller.watch.revision == 2)
    #expect(caller.step(in: table) && caller.known[69] == 1_000 && caller.known.count == 71)
    #expect(!caller.step(in: table) && caller.watch.revision == 4 && caller.resyncs.isEmpty)
  }

  @Test func anEmptyTableIsASnapshotToo() {
    var caller = caller()
    #expect(caller.step(in: Table(keeping: 10)) && caller.isComplete && caller.known.isEmpty)
  }

  @Test func whoComesBackInTimeGetsWhatWasMissedAndNoSnapshot() {
    let table = Table(keeping: 100)
    table.change([(1, 1), (2, 2)])
    table.change([(1, nil), (3, 3)])
    var caller = caller(from: WatchToken(life: 1, revision: 2))
    caller.known = [1: 1, 2: 2]
    caller.takeAll(of: table)
    #expect(caller.known == [2: 2, 3: 3] && caller.resyncs.isEmpty && !caller.isComplete && caller.happenings == 2)
  }

  @Test(arguments: [
    WatchToken(life: 2, revision: 4), WatchToken(life: 1, revision: 5), WatchToken(life: 1, revision: 1),
  ])
  func aTokenOfAnotherLifeOfTheFutureOrTooOldMeansASnapshot(_ token: WatchToken) {
    let table = Table(keeping: 2)
    table.change([(1, 1), (2, 2)])
    table.change([(3, 3)])
    var caller = caller(from: token)
    caller.takeAll(of: table)
    #expect(caller.resyncs == [.tokenUnknown] && caller.known == [1: 1, 2: 2, 3: 3] && caller.isComplete)
  }

  @Test func whoLagsBehindIsToldSoAndBeginsAnew() {
    let table = Table(keeping: 4)
    var caller = caller()
    caller.takeAll(of: table)
    for value in 1...4 { table.change([(value, value)]) }
    caller.takeAll(of: table)
    #expect(caller.resyncs.isEmpty && caller.known.count == 4, "as many as are kept")
    for value in 5...9 { table.change([(value, value)]) }
    caller.takeAll(of: table)
    #expect(caller.resyncs == [.lagged] && caller.known.count == 9)
    // One step that is longer than the log.
    table.change((10..<20).map { ($0, $0) })
    caller.takeAll(of: table)
    #expect(caller.resyncs == [.lagged, .lagged] && caller.known.count == 19)
  }

  @Test func whatIsNotWantedAnyMoreIsTakenBackAndWhatNeverWasIsNotTold() {
    let table = Table(keeping: 100)
    table.change([(1, 1), (2, -2)])
    var caller = caller { $0 > 0 }
    caller.takeAll(of: table)
    #expect(caller.known == [1: 1])
    table.change([(2, -3), (3, -4)])
    caller.takeAll(of: table)
    #expect(caller.happenings == 0 && caller.watch.revision == 4, "it knows all of that, too")
    table.change([(1, -1), (2, 2)])
    table.change([(2, nil), (3, nil)])
    caller.takeAll(of: table)
    #expect(caller.known == [:] && caller.happenings == 3)
    #expect(caller.token == 8, "the rest of the step is not waited for")
  }

  /// Whatever the pace of its caller, a watch that has nothing more to say has told the truth.
  @Test(arguments: UInt64(1)...50) func aWatchEndsWithTheTruth(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let table = Table(keeping: 1 + Int(random.below(60)))
    let isWanted: (Int) -> Bool = { $0 % 3 != 0 }
    var callers = [caller(wanting: isWanted), caller(wanting: isWanted), caller()]
    for _ in 0..<200 {
      let step = (0..<random.below(6)).map { _ in
        (Int(random.below(50)), random.chance(1, in: 4) ? nil : Int(random.below(100)))
      }
      if !step.isEmpty { table.change(step) }
      for index in callers.indices where random.chance(1, in: UInt64(index + 2)) { _ = callers[index].step(in: table) }
      // One breaks off, amid whatever it was told, and comes back.
      if random.chance(1, in: 20) {
        let token = callers[0].token.map { WatchToken(life: 1, revision: $0) }
        callers[0].watch = Watch(life: 1, filter: 5, from: token) { isWanted($0.value) }
      }
    }
    for index in callers.indices { callers[index].takeAll(of: table) }
    let all = table.entries.mapValues(\.value)
    #expect(callers[0].known == all.filter { isWanted($0.value) } && callers[1].known == callers[0].known)
    #expect(callers[2].known == all)
  }

  @Test func tokensAreReadAsTheyAreWrittenAndNothingElseIs() {
    for token in [
      WatchToken(life: 0, revision: 0), WatchToken(life: .max, revision: .max), WatchToken(life: 36, revision: 7),
      WatchToken(life: 1, revision: 2, filter: .max),
    ] {
      #expect(WatchToken(token.text) == token)
    }
    #expect(
      WatchToken(life: 36, revision: 7).text == "10-7" && WatchToken(life: 36, revision: 7, filter: 9).text == "10-7-9")
    for text in ["10-7", "\"10-7\"", "W/\"10-7\"", "W/10-7"] {
      #expect(WatchToken(text) == WatchToken(life: 36, revision: 7), "\(text)")
    }
    for text in [
      "", "-", "1", "1-", "-1", "1-2-3-4", "1-2-", "1-2-1z141z4", "W/", "\"", "\"\"", "+1-2", "1-+2", "1--2", "1-ä",
      "1- 2", "zzzzzzzzzzzzzzz-1",
    ] {
      #expect(WatchToken(text) == nil, "\(text)")
    }
  }
}

@Suite struct ChangeLogTests {
  @Test func aPlaceIsThatOfTheFirstChangeAfterARevision() {
    var log = ChangeLog<Int>(capacity: 4)
    #expect(log.place(after: 0) == 0 && log.place(after: 1) == nil)
    log.append(revision: 3, [(nil, 1), (nil, 2)])
    log.append(revision: 7, [(nil, 3)])
    #expect([0, 2, 3, 6, 7, 8].map { log.place(after: $0) } == [0, 0, 2, 2, 3, nil])
    log.append(revision: 9, [(nil, 4), (nil, 5)])
    // The first change of revision 3 is gone.
    #expect([2, 3, 7, 9].map { log.place(after: $0) } == [nil, 2, 3, 5])
    #expect(log.changes(from: 0, limit: 9) == nil && log.changes(from: 6, limit: 9) == nil)
    #expect(log.changes(from: 1, limit: 9)?.map(\.item) == [2, 3, 4, 5])
    #expect(log.changes(from: 5, limit: 9)?.isEmpty == true && log.changes(from: 1, limit: 0)?.isEmpty == true)
    #expect(log.changes(from: 1, limit: 9)?.map(\.completesRevision) == [true, true, false, true])
    // A revision that isn't greater than all before would make places lie.
    log.append(revision: 9, [(nil, 6)])
    #expect(log.changes(from: 1, limit: 9)?.count == 4)
  }
}
