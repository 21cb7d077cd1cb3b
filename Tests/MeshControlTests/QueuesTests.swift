import MeshBasics
import MeshWire
import Testing

@testable import MeshControl
@testable import MeshTasks

@Suite struct QueuesTests {
  private let text =
    #"{"name":"jobs/1","epoch":"7","state":"open","capacity":512,"pending":3,"delayed":0,"leased":0,"dead":0,"#
    + #""oldestAgeMs":1500,"counters":{"admitted":3,"restored":0,"completed":0,"handedBack":0,"discarded":0,"#
    + #""purged":0,"grants":0,"redeliveries":0,"heartbeats":0,"failed":0,"expired":0,"requeued":0,"deadLettered":0,"#
    + #""redriven":0,"duplicates":0},"rates":{"windowMs":0,"admitted":0,"granted":0,"completed":0,"failed":0,"#
    + #""expired":0,"deadLettered":0},"monitors":[{"id":1,"overloaded":true,"signal":{"isActive":false,"#
    + #""pendingCount":1,"observedAt":"2025-11-24T10:00:00+00:00","highWatermark":400,"lowWatermark":200,"#
    + #""version":1}}]}"#

  private var jobs: QueueView {
    queue("jobs/1", pending: 3, monitors: [MonitorView(id: 1, isActive: true, told: signal(false, 1))])
  }

  @Test func queuesAreListedByNameWithATag() throws {
    let node = QueueNode()
    #expect(try node.text("GET", "/v1/queues").hasSuffix(#""revision":"0","queues":[]}"#))
    node.queues.set(jobs)
    let answer = try node.ask("GET", "/v1/queues")
    #expect(
      String(decoding: answer.body, as: UTF8.self)
        == #"{"schemaVersion":"v1","localNodeId":"a","revision":"1","queues":["# + text + "]}")
    let tag = try #require(answer.tag)
    #expect(try node.ask("GET", "/v1/queues", ifNoneMatch: tag).status == 304)
    node.queues.set(queue("a"))
    let later = try node.ask("GET", "/v1/queues", ifNoneMatch: tag)
    #expect(later.status == 200 && later.tag != tag)
    #expect(try node.text("GET", "/v1/queues").contains(#""queues":[{"name":"a""#))
  }

  @Test func aQueueIsNamedInThePathWithPercentEncoding() throws {
    let node = QueueNode()
    node.queues.set(jobs)
    #expect(try node.text("GET", "/v1/queues/jobs%2F1") == text)
    for path in ["/v1/queues/jobs", "/v1/queues/jobs%2f2", "/v1/queues/%FF", "/v1/queues/%2", "/v1/queues/jobs+1"] {
      #expect(try node.ask("GET", path).status == 404, "\(path)")
    }
    for path in ["/v1/queues/", "/v1/queues/jobs/1", "/v1/queues/jobs%2F1/", "/v1/Queues"] {
      let answer = try node.ask("GET", path)
      #expect(answer.status == 404 && answer.body.isEmpty, "\(path)")
    }
    #expect(try node.ask("GET", "/v1/queues/jobs%2F1?watch=yes").status == 400)
    #expect(try node.ask("GET", "/v1/queues?after=1-1").status == 400)
    #expect(try node.ask("GET", "/v1/queues?pageSize=1").status == 400)
  }

  private func told(_ stream: inout QueuesWatchText, _ node: QueueNode, at seconds: Int64 = 0) -> String {
    var text = ""
    while case .bytes(let bytes) = stream.next(in: node.queues, now: .origin + .seconds(seconds)) {
      text += String(decoding: bytes, as: UTF8.self)
    }
    return text
  }

  private func stream(_ node: QueueNode, _ path: String) throws -> QueuesWatchText {
    let answer = try node.ask("GET", path)
    guard answer.type == "text/event-stream", case .queues(let watch)? = answer.watch else { throw CancellationError() }
    return QueuesWatchText(watch, localNodeID: try #require(NodeID("a")), life: 36)
  }

  @Test func aWatchTellsASnapshotChangesAndWhoLeft() throws {
    let node = QueueNode()
    node.queues.set(jobs)
    var all = try stream(node, "/v1/queues?watch=true")
    var one = try stream(node, "/v1/queues/jobs%2F1?watch=true")
    let snapshot = #"{"schemaVersion":"v1","localNodeId":"a","revision":"1","first":true,"complete":true,"queues":["#
    for text in [told(&all, node), told(&one, node)] {
      #expect(text.contains("event: queues.snapshot\ndata: " + snapshot + self.text + "]}\n\n"))
    }
    node.queues.set(queue("b"))
    #expect(told(&all, node).contains("event: queues.change\ndata: {\"revision\":\"2\",\"queue\":{\"name\":\"b\","))
    #expect(told(&one, node) == "")
    node.queues.remove("jobs/1")
    for text in [told(&all, node), told(&one, node)] {
      #expect(text.hasSuffix("event: queues.removal\ndata: {\"revision\":\"3\",\"name\":\"jobs/1\"}\n\n"))
    }
    #expect(told(&one, node, at: 15).hasPrefix(": heartbeat\nid: "))
    #expect(try node.ask("GET", "/v1/queues?watch=true", mayWatch: false).status == 503)
    #expect(try node.ask("GET", "/v1/queues/gone?watch=true").status == 404)
  }

  private func letter(_ sequence: UInt64, payload: [UInt8] = [0, 1]) -> DeadLetter {
    let details = TaskDetails(
      key: "k", contentType: "text/plain", requestID: "r", attributes: [.init(name: "n", value: "v")],
      lastError: "broken\n")
    return DeadLetter(
      id: TaskID(epoch: 7, sequence: sequence), cause: .failed, attempt: 5,
      task: NewTask(TaskBytes(payload), priority: 1, details: details), admittedAt: .origin + .seconds(990),
      diedAt: .origin + .seconds(1_000))
  }

  @Test func deadLettersComeInPagesWithoutWhatTheyCarry() throws {
    let node = QueueNode()
    node.queues.set(queue("q"))
    node.queues.letters = (1...3).map { letter($0) }
    let path = "/v1/queues/q/dead-letters"
    let first =
      #"{"id":"7-1","cause":"failed","attempt":5,"priority":1,"admittedAt":"2025-11-24T09:59:50+00:00","#
      + #""diedAt":"2025-11-24T10:00:00+00:00","key":"k","requestId":"r","contentType":"text/plain","#
      + #""lastError":"broken\n","payloadBytes":2}"#
    #expect(
      try node.text("GET", path + "?pageSize=1")
        == #"{"schemaVersion":"v1","localNodeId":"a","queue":"q","deadLetters":["# + first
        + #"],"nextCursor":"v1.7-1"}"#)
    let rest = try node.text("GET", path + "?cursor=v1.7-1")
    #expect(rest.contains(#""id":"7-2""#) && rest.contains(#""id":"7-3""#) && !rest.contains("nextCursor"))
    #expect(try node.ask("GET", "/v1/queues/r/dead-letters").status == 404)
    for query in ["?cursor=7-1", "?cursor=v1.7", "?cursor=v1.%2B7-1", "?pageSize=x", "?payload=1", "?watch=true"] {
      #expect(try node.ask("GET", path + query).status == 400, "\(query)")
    }
  }

  @Test func payloadsAreForWhoMayOperateAndCut() throws {
    let node = QueueNode()
    node.queues.set(queue("q"))
    node.queues.letters = [letter(1), letter(2, payload: [UInt8](repeating: 65, count: 4_097))]
    let path = "/v1/queues/q/dead-letters?payload=true"
    let refused = try node.ask("GET", path)
    #expect(refused.status == 403 && refused.refusal?.missing == "mesh.operate")
    node.scopes = [.observe, .operate]
    let text = try node.text("GET", path)
    #expect(
      text.contains(
        #""payloadBytes":2,"payload":"AAE=","payloadIsCut":false,"attributes":[{"name":"n","value":"v"}]}"#))
    #expect(text.contains(#""payloadBytes":4097,"payload":"QUFB"#) && text.contains(#""payloadIsCut":true"#))
  }

  @Test func aRedriveIsHandedOverOnceAndAnsweredByItsVerdict() throws {
    let node = QueueNode()
    node.queues.set(queue("jobs/1"))
    let path = "/v1/queues/jobs%2F1/dead-letters/7-42:redrive"
    #expect(try node.ask("POST", path).status == 403 && node.asked.isEmpty)
    node.scopes = [.operate]
    #expect(try node.ask("POST", path).status == 204)
    #expect(node.asked == [.redrive(TaskID(epoch: 7, sequence: 42), queue: "jobs/1")])
    #expect(node.asked[0].words == "redrive 7-42 of jobs/1")
    for (verdict, status) in [
      (ControlVerdict.missing, 404), (.busy, 429), (.refused, 409), (.stopping, 409),
    ] {
      node.verdict = verdict
      #expect(try node.ask("POST", path).status == status)
    }
    for target in [
      "/v1/queues/q/dead-letters/7-42:redrive", "/v1/queues/jobs%2F1/dead-letters/7:redrive",
      "/v1/queues/jobs%2F1/dead-letters/:redrive", "/v1/queues/jobs%2F1/dead-letters/7-42",
      "/v1/queues/jobs%2F1/dead-letters/-1-2:redrive",
    ] {
      #expect(try node.ask("POST", target).status == 404, "\(target)")
    }
    #expect(node.asked.count == 5)
  }
}

@Suite struct RateWindowTests {
  private func rate(_ window: inout RateWindow, _ admitted: UInt64, at milliseconds: Int64) -> QueueRates {
    var counts = TaskCounts()
    counts.admitted = admitted
    return window.rates(of: counts, now: .origin + .milliseconds(milliseconds))
  }

  @Test func ratesAreThoseOfTheLastTenSecondsAndFallToZero() {
    var window = RateWindow()
    #expect(rate(&window, 100, at: 0) == QueueRates())
    let early = rate(&window, 150, at: 1_000)
    #expect(early.admitted == 50 && early.window == .seconds(1))
    for second in 2...10 { _ = rate(&window, UInt64(100 + 50 * second), at: Int64(second) * 1_000) }
    let full = rate(&window, 650, at: 11_000)
    #expect(full.admitted == 50 && full.window == .seconds(10))
    var last = full
    for second in 12...22 { last = rate(&window, 650, at: Int64(second) * 1_000) }
    #expect(last.admitted == 0 && last.window == .seconds(10))
    // What stays the same is the same, though the timer is never on time.
    #expect(rate(&window, 650, at: 23_017) == last && rate(&window, 650, at: 23_019) == last)
  }
}
