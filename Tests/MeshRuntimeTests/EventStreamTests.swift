import Glibc
import Testing

@testable import MeshRuntime

/// A log record that says `text`.
private func record(_ text: String) -> LogRecord {
  LogRecord(
    level: .information, category: "test", eventID: 1, eventName: "test", message: text, fields: [], correlation: 0)
}

/// A record that tells who asked for `what`.
private func audit(_ what: String) throws -> LogRecord {
  try #require(Telemetry().record(.operationAsked(what, principal: "anna", peer: "p", verdict: "accepted")))
}

/// A change of the member `name`.
private func change(_ name: String, _ kind: MembershipEvent.Kind, correlation: UInt64 = 1) throws -> MembershipEvent {
  let member = MemberView(
    nodeID: try #require(NodeID(name)), status: .alive, isDead: false, epoch: 1, incarnation: 0,
    metadata: NodeMetadata(), lastHeard: nil, roundTrip: nil, isLocal: false)
  return MembershipEvent(kind: kind, member: member, correlation: correlation)
}

private func names(_ stream: EventStream) throws -> [String] {
  var found: [String] = []
  while let event = try stream.next(timeout: .zero) {
    switch event.payload {
    case .member(let change): found.append("\(change.kind) \(change.member.nodeID)")
    case .log(let record): found.append("log \(record.message)")
    case .broadcast(let message): found.append("broadcast \(message.sequence)")
    case .completed: found.append("completed \(event.token)")
    case .dropped(let count): found.append("dropped \(count)")
    case .nodeStopped: found.append("stopped")
    case .queue(let event): found.append("\(event.queue) \(event.event)")
    case .lease(let pumped): found.append("lease \(pumped.lease.token.id.sequence)")
    case .pumpEnded(let error): found.append("pump ended \(error?.status.name ?? "ok")")
    case .unknown: found.append("unknown")
    }
  }
  return found
}

@Test func eventsOfAllLanesComeOutInTheOrderTheyWentIn() throws {
  let stream = try EventStream(capacity: 64)
  _ = stream.add(record("one"))
  _ = stream.add(try change("a", .joined))
  try stream.reserve()
  stream.complete(.completed(nil), token: 7)
  _ = stream.add(record("two"))
  stream.injectUnknown()
  #expect(try names(stream) == ["log one", "joined a", "completed 7", "log two", "unknown"])
}

@Test func capacitiesOutsideTheRangeAreRefusedByName() {
  for capacity in [-1, 0, 15, 65_537] {
    #expect(throws: MeshError(.argument, "event stream capacity \(capacity): must be within 16...65536 events")) {
      _ = try EventStream(capacity: capacity)
    }
  }
  #expect(throws: Never.self) { _ = try EventStream(capacity: 16) }
  #expect(throws: Never.self) { _ = try EventStream(capacity: 65_536) }
}

@Test func aFullStreamDropsItsOldestLogsAndSaysHowMany() throws {
  let stream = try EventStream(capacity: 16)
  for number in 1...6 { _ = stream.add(record("\(number)")) }
  #expect(try names(stream) == ["dropped 2", "log 3", "log 4", "log 5", "log 6"])
}

@Test func aFullStreamCoalescesTheChangesOfOneMember() throws {
  let stream = try EventStream(capacity: 16)
  for number in 1...8 { _ = stream.add(try change("m\(number)", .joined)) }
  _ = stream.add(try change("m3", .left))
  #expect(try names(stream).filter { $0.contains("m3") } == ["left m3"])
}

@Test func changesOfNewMembersOnAFullStreamAreCountedAsDropped() throws {
  let stream = try EventStream(capacity: 16)
  for number in 1...10 { _ = stream.add(try change("m\(number)", .joined)) }
  #expect(try names(stream).first == "dropped 2")
}

@Test func completionsHaveTheirSlotReservedOrAreRefusedEarly() throws {
  let stream = try EventStream(capacity: 16)
  for _ in 0..<4 { try stream.reserve() }
  #expect(throws: MeshError.self) { try stream.reserve() }
  for number in 0..<100 { _ = stream.add(record("\(number)")) }
  for token in 1...4 { stream.complete(.completed(nil), token: UInt64(token)) }
  #expect(try names(stream).filter { $0.hasPrefix("completed") }.count == 4)
}

@Test func theDescriptorIsReadableExactlyWhileEventsWait() throws {
  let stream = try EventStream(capacity: 16)
  func isReadable() -> Bool {
    var item = pollfd(fd: stream.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&item, 1, 0) == 1
  }
  #expect(!isReadable())
  _ = stream.add(record("one"))
  _ = stream.add(record("two"))
  #expect(isReadable())
  _ = try stream.next(timeout: .zero)
  #expect(isReadable())
  _ = try stream.next(timeout: .zero)
  #expect(!isReadable())
  let descriptor = stream.descriptor
  stream.close()
  var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  #expect(poll(&item, 1, 0) == 1, "a host that only polls must learn of the end")
  #expect(stream.descriptor == -1)
}

@Test func closingWakesAWaiterWithClosed() throws {
  let stream = try EventStream(capacity: 16)
  let closer = try LibraryThread.start(name: "test-closer") {
    usleep(20_000)
    stream.close()
  }
  #expect(throws: MeshError.self) { _ = try stream.next(timeout: nil) }
  closer.join()
}

@Test func theCallbackThreadDeliversThenDropsOnceAndRefusesToWaitForItself() throws {
  let stream = try EventStream(capacity: 16)
  let results = try EventStream(capacity: 16)
  try stream.startCallbacks(
    call: { event in
      do throws(MeshError) { _ = try stream.next(timeout: nil) } catch { _ = results.add(record(error.status.name)) }
      if case .log(let record) = event.payload, record.message == "last" { stream.close() }
    },
    drop: { _ = results.add(record("dropped")) })
  #expect(throws: MeshError.self) { try stream.startCallbacks(call: { _ in }, drop: {}) }
  _ = stream.add(record("first"))
  _ = stream.add(record("last"))
  var heard: [String] = []
  while heard.last != "dropped", case .log(let record)? = try results.next(timeout: .seconds(10))?.payload {
    heard.append(record.message)
  }
  #expect(heard == ["WouldDeadlock", "WouldDeadlock", "dropped"])
  #expect(try results.next(timeout: .milliseconds(50)) == nil)
}

@Test func everyStatusHasItsOwnCodeInItsCategory() {
  #expect(Set(Status.all.map(\.code)).count == Status.all.count)
  for status in Status.all where status != .ok {
    #expect(status.code < 0)
    #expect((1...11).contains(-status.code / 100))
  }
}

@Test func whatASubscriberLosesIsCountedInTheMetrics() throws {
  let telemetry = Telemetry()
  let snapshot = MembersSnapshot(members: [], revision: 0, unixNanoseconds: 0, published: .origin)
  let hub = EventHub(snapshots: SnapshotCell(snapshot), telemetry: telemetry)
  let stream = try EventStream(capacity: 16)
  try hub.subscribe(stream, topics: .log)
  for number in 1...6 { hub.publish(record("\(number)")) }
  let late = try EventStream(capacity: 16)
  try hub.subscribe(late, topics: .log)
  let text = String(decoding: telemetry.prometheusText(), as: UTF8.self)
  #expect(text.contains("mesh_events_dropped_total 4\n"), "two of each stream's six")
}

@Test func recordsThatWaitForTheEngineAreBoundedAndToldInTheirOrder() throws {
  let telemetry = Telemetry()
  let snapshot = MembersSnapshot(members: [], revision: 0, unixNanoseconds: 0, published: .origin)
  let hub = EventHub(snapshots: SnapshotCell(snapshot), telemetry: telemetry)
  let stream = try EventStream(capacity: 256)
  try hub.subscribe(stream, topics: .log)
  let most = EventHub.waitingRecordsMax
  for number in 1...(most + 1) { hub.publishLater(record("\(number)")) }
  #expect(try stream.next(timeout: .zero) == nil, "nothing before the engine's turn")
  hub.publishWaiting()
  hub.publishWaiting()
  for number in 1...most {
    guard case .log(let told)? = try stream.next(timeout: .zero)?.payload else { throw CancellationError() }
    #expect(told.message == "\(number)")
  }
  #expect(try stream.next(timeout: .zero) == nil)
  let text = String(decoding: telemetry.prometheusText(), as: UTF8.self)
  #expect(text.contains("mesh_events_dropped_total 1\n"))
}

@Test func aFloodOfRecordsTakesNoPlaceOfAnAuditOnItsWayToTheEngine() throws {
  let telemetry = Telemetry()
  let snapshot = MembersSnapshot(members: [], revision: 0, unixNanoseconds: 0, published: .origin)
  let hub = EventHub(snapshots: SnapshotCell(snapshot), telemetry: telemetry)
  let stream = try EventStream(capacity: 65_536)
  try hub.subscribe(stream, topics: .log)
  for number in 1...(EventHub.waitingRecordsMax + 10) { hub.publishLater(record("\(number)")) }
  for number in 1...(EventHub.waitingAuditsMax + 1) { hub.publishLater(try audit("\(number)")) }
  hub.publishWaiting()
  let told = try names(stream)
  #expect(told.count { $0.contains("anna at p asked") } == EventHub.waitingAuditsMax)
  #expect(told.count == EventHub.waitingAuditsMax + EventHub.waitingRecordsMax)
  #expect(String(decoding: telemetry.prometheusText(), as: UTF8.self).contains("mesh_events_dropped_total 11\n"))
  hub.publishLater(record("later"))
  hub.publishLater(try audit("later"))
  hub.publishWaiting()
  #expect(try names(stream) == ["log later", "log anna at p asked for 'later': accepted"], "there is room again")
}

@Test func inAStreamAuditsStayBeforeOtherRecordsAndBroadcasts() throws {
  let stream = try EventStream(capacity: 16)
  _ = stream.add(try audit("1"))
  for number in 1...6 { _ = stream.add(record("\(number)")) }
  _ = stream.add(try audit("2"))
  #expect(
    try names(stream) == [
      "dropped 4", "log anna at p asked for '1': accepted", "log 5", "log 6", "log anna at p asked for '2': accepted",
    ])
  for number in 1...5 { _ = stream.add(try audit("\(number)")) }
  _ = stream.add(record("one"))
  #expect(
    try names(stream) == ["dropped 2"] + (2...5).map { "log anna at p asked for '\($0)': accepted" })
}

/// What somebody who subscribes late to a node with these records hears of them; the stream has places for all.
private func replay(of records: [LogRecord]) throws -> [String] {
  let snapshot = MembersSnapshot(members: [], revision: 0, unixNanoseconds: 0, published: .origin)
  let hub = EventHub(snapshots: SnapshotCell(snapshot), telemetry: Telemetry())
  for record in records { hub.publish(record) }
  let late = try EventStream(capacity: 8 * EventHub.recentRecordsMax)
  try hub.subscribe(late, topics: .log)
  return try names(late)
}

@Test func aLateSubscriberHearsRecordsAndAuditsInTheOrderInWhichTheyCame() throws {
  let records = try [record("1"), audit("2"), audit("3"), record("4"), audit("5"), record("6")]
  let told = try replay(of: records)
  #expect(told == records.map { "log \($0.message)" })
}

@Test func aBurstOfAuditsHidesNothingThatTheNodeSaidBefore() throws {
  let most = EventHub.recentRecordsMax
  let audits = try (1...(2 * most)).map { try audit("\($0)") }
  let told = try replay(of: [record("started")] + audits)
  #expect(told == ["log started"] + audits.suffix(most).map { "log \($0.message)" })
}

@Test func aBurstOfOtherRecordsHidesNobodyWhoAskedForSomething() throws {
  let most = EventHub.recentRecordsMax
  let others = (1...(2 * most)).map { record("\($0)") }
  let drain = try audit("drain")
  let told = try replay(of: [drain] + others)
  #expect(told == ["log \(drain.message)"] + others.suffix(most).map { "log \($0.message)" })
}

@Test func inASmallStreamAReplayKeepsToTheRulesOfItsPlaces() throws {
  let snapshot = MembersSnapshot(members: [], revision: 0, unixNanoseconds: 0, published: .origin)
  let hub = EventHub(snapshots: SnapshotCell(snapshot), telemetry: Telemetry())
  for record in try [record("1"), audit("2"), record("3"), audit("4"), record("5"), record("6")] { hub.publish(record) }
  let late = try EventStream(capacity: 16)
  try hub.subscribe(late, topics: .log)
  let (two, four) = (try audit("2").message, try audit("4").message)
  #expect(try names(late) == ["dropped 2", "log \(two)", "log \(four)", "log 5", "log 6"])
}

@Test func aStreamThatItsHostLetGoOfIsGoneWhileItsNodeLives() throws {
  let snapshot = MembersSnapshot(members: [], revision: 0, unixNanoseconds: 0, published: .origin)
  let hub = EventHub(snapshots: SnapshotCell(snapshot), telemetry: Telemetry())
  weak var released: EventStream?
  do {
    let stream = try EventStream(capacity: 16)
    try hub.subscribe(stream, topics: [.members, .log])
    released = stream
  }
  #expect(released == nil)
  hub.publish(record("to nobody"))
  for _ in 0..<(2 * EventHub.subscriptionsMax) { try hub.subscribe(try EventStream(capacity: 16), topics: .log) }
  hub.end(nil)
}

@Test func peersCantKeepAHostFromStoppingItsNodeNorBothTheEndOfALink() {
  let inbox = EngineInbox()
  let link = LinkID.dialed(1)
  while inbox.post(.input(.linkDoubted(link))) {}
  var commands = 0
  while inbox.postCommand(.stop(Completion(stream: nil, token: 0))) { commands += 1 }
  #expect(commands == 4_096)
  inbox.mustPost(.input(.linkClosed(link, .closed)))
  var messages: [EngineMessage] = []
  inbox.drain(into: &messages)
  #expect(messages.count == 36_865)
}

/// What the member `b` told all.
private func broadcast(_ sequence: UInt64, bytes: Int = 1) throws -> BroadcastMessage {
  BroadcastMessage(
    origin: try #require(NodeID("b")), sequence: sequence, topic: "t", payload: [UInt8](repeating: 7, count: bytes))
}

@Test func broadcastsComeInOrderWithEverythingElse() throws {
  let stream = try EventStream(capacity: 16)
  _ = stream.add(record("one"))
  _ = stream.add(try broadcast(1))
  _ = stream.add(try change("a", .joined))
  _ = stream.add(try broadcast(2))
  #expect(try names(stream) == ["log one", "broadcast 1", "joined a", "broadcast 2"])
}

@Test func broadcastsTakeTheirPlacesFromLogRecordsAndThenLoseTheirOldest() throws {
  let stream = try EventStream(capacity: 16)
  for number in 1...3 { #expect(stream.add(record("\(number)")) == 0) }
  #expect(stream.add(try broadcast(1)) == 0)
  for sequence in 2...4 { #expect(stream.add(try broadcast(UInt64(sequence))) == 1, "a record goes") }
  #expect(stream.add(try broadcast(5)) == 1, "the oldest broadcast goes")
  #expect(stream.add(record("late")) == 1, "a record never takes a broadcast's place")
  #expect(try names(stream) == ["dropped 5", "broadcast 2", "broadcast 3", "broadcast 4", "broadcast 5"])
}

@Test func theBytesOfWaitingBroadcastsAreBounded() throws {
  let stream = try EventStream(capacity: 1_024)
  let fitting = EventBacklog.broadcastBytesMax / WireLimits.broadcastBytes
  for sequence in 1...fitting {
    #expect(stream.add(try broadcast(UInt64(sequence), bytes: WireLimits.broadcastBytes)) == 0)
  }
  #expect(stream.add(try broadcast(100, bytes: 1)) == 1)
  #expect(stream.add(try broadcast(101, bytes: 1)) == 0, "the room of the one that went")
  #expect(try names(stream).prefix(2) == ["dropped 1", "broadcast 2"])
  #expect(stream.add(try broadcast(102, bytes: WireLimits.broadcastBytes)) == 0, "what was read counts no more")
}

@Test func onlySubscribersOfBroadcastsHearThem() throws {
  let snapshot = MembersSnapshot(members: [], revision: 0, unixNanoseconds: 0, published: .origin)
  let hub = EventHub(snapshots: SnapshotCell(snapshot), telemetry: Telemetry())
  let listener = try EventStream(capacity: 16)
  let other = try EventStream(capacity: 16)
  try hub.subscribe(listener, topics: .broadcasts)
  try hub.subscribe(other, topics: [.members, .log, .node])
  hub.publish([try broadcast(1), try broadcast(2)])
  #expect(try names(listener) == ["broadcast 1", "broadcast 2"])
  #expect(try names(other) == [])
  hub.end(nil)
}
