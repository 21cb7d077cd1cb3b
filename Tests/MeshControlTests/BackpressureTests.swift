import MeshBasics
import Testing

@testable import MeshControl
@testable import MeshTasks

/// The news of a board, without a node.
private final class News: WatchedResource {
  var board = BackpressureBoard()
  private var log = ChangeLog<BackpressureNews>(capacity: 8)
  private var revision: UInt64 = 0

  func add(_ steps: [BackpressureBoard.Step]) {
    guard !steps.isEmpty else { return }
    revision += 1
    log.append(revision: revision, steps)
  }

  func hear(_ told: ToldSignal, _ monitor: MonitorID = 1, of queue: String = "q") {
    add(board.hear(told, from: monitor, of: queue))
  }

  func items() -> (items: WatchedItems<BackpressureNews>, revision: UInt64) { (WatchedItems(board.news), revision) }
  func place(after revision: UInt64) -> UInt64? { log.place(after: revision) }
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<BackpressureNews>.Change]? {
    log.changes(from: place, limit: limit)
  }
}

@Suite struct BackpressureTests {
  private let example =
    #"{"isActive":true,"pendingCount":412,"observedAt":"2025-11-24T10:00:00+00:00","highWatermark":400,"#
    + #""lowWatermark":200}"#

  private func stream(_ target: String = "", accept: String? = nil, from id: String? = nil) throws
    -> BackpressureWatchText
  {
    let node = QueueNode()
    node.queues.set(queue("b"))
    let answer = try node.ask(
      "GET", "/omnirelay/control/backpressure/stream\(target)", accept: accept, lastEventID: id)
    guard answer.status == 200, case .backpressure(let watch)? = answer.watch else { throw CancellationError() }
    return BackpressureWatchText(watch, life: 36)
  }

  /// All that a stream says now.
  private func told(_ stream: inout BackpressureWatchText, _ news: News, at seconds: Int64 = 0) -> String {
    var text = ""
    while case .bytes(let bytes) = stream.next(in: news, now: .origin + .seconds(seconds)) {
      text += String(decoding: bytes, as: UTF8.self)
    }
    return text
  }

  @Test func theExampleOfTheContractIsGivenToTheByte() throws {
    let node = QueueNode()
    let none = try node.ask("GET", "/omnirelay/control/backpressure")
    #expect(none.status == 204 && none.body.isEmpty && none.type == nil)
    node.queues.set(
      queue("q", pending: 412, monitors: [MonitorView(id: 1, isActive: true, told: signal(true, 412))]))
    let answer = try node.ask("GET", "/omnirelay/control/backpressure")
    #expect(answer.status == 200 && String(decoding: answer.body, as: UTF8.self) == example)
    #expect(answer.type == "application/json; charset=utf-8")
    #expect(try node.ask("GET", "/omnirelay/control/backpressure?queue=other").status == 404)
    #expect(try node.ask("GET", "/omnirelay/control/backpressure/stream?queue=other").status == 404)
    #expect(try node.text("GET", "/omnirelay/control/backpressure?queue=") == example)
    #expect(try node.text("GET", "/omnirelay/control/backpressure?queue=q") == example)
    #expect(try node.ask("GET", "/omnirelay/control/backpressure?q=1").status == 400)
    #expect(try node.ask("GET", "/omnirelay/control/BACKPRESSURE").status == 404)
  }

  @Test func aStreamIsALineForEachSignal() throws {
    let news = News()
    var stream = try stream()
    #expect(told(&stream, news) == "")
    news.hear(signal(true, 412))
    #expect(told(&stream, news) == example + "\n")
    news.hear(signal(false, 200, version: 2))
    #expect(told(&stream, news).hasPrefix(#"{"isActive":false,"pendingCount":200,"#))
    // After a long silence, how things are once more.
    #expect(told(&stream, news, at: 15).hasPrefix(#"{"isActive":false,"pendingCount":200,"#))
    #expect(told(&stream, news, at: 16) == "")
  }

  @Test func whoAsksForEventsGetsEventsThatCanBeTakenUp() throws {
    let news = News()
    news.hear(signal(true, 412))
    var events = try stream(accept: "text/html, Text/Event-Stream;q=0.9")
    let first = told(&events, news)
    #expect(first.hasPrefix("retry: 2000\n\nid: ") && first.hasSuffix("event: backpressure\ndata: \(example)\n\n"))
    #expect(told(&events, news, at: 15).hasPrefix(": heartbeat\nid: "))
    let id = try #require(first.split(separator: "\n").first { $0.hasPrefix("id: ") }).dropFirst(4)
    news.hear(signal(false, 1, version: 2))
    var again = try stream(accept: "text/event-stream", from: String(id))
    let missed = told(&again, news)
    #expect(missed.contains(#""isActive":false"#) && !missed.contains(#""isActive":true"#))
    // A token of nowhere: how things are, and no word about it.
    var stranger = try stream(accept: "text/event-stream", from: "x")
    #expect(told(&stranger, news).contains(#""isActive":false"#))
  }

  /// One change is news about its queue and about all together: each reader has all of it with its own.
  @Test func everyLiveEventCanBeTakenUp() throws {
    let news = News()
    news.hear(signal(true, 412), of: "b")
    var streams = try [stream(accept: "text/event-stream"), stream("?queue=b", accept: "text/event-stream")]
    for index in streams.indices { _ = told(&streams[index], news) }
    news.hear(signal(false, 1, version: 2), of: "b")
    for index in streams.indices { #expect(told(&streams[index], news).hasPrefix("id: ")) }
  }

  @Test func theLastWordSaysWhetherAnyQueueIsOverloaded() throws {
    let news = News()
    var all = try stream()
    var one = try stream("?queue=b")
    news.hear(signal(true, 500, at: 1), of: "a")
    #expect(told(&all, news).contains(#""pendingCount":500"#))
    news.hear(signal(false, 3, at: 2), of: "b")
    // The newer word of a queue that is well hides no overload.
    #expect(told(&all, news) == "" && told(&one, news).contains(#""isActive":false,"pendingCount":3"#))
    news.hear(signal(true, 600, at: 3), of: "b")
    news.hear(signal(false, 4, at: 4, version: 2), of: "b")
    let words = told(&all, news).split(separator: "\n")
    #expect(words.count == 2 && words[0].contains(":600") && words[1].contains(#""isActive":true,"pendingCount":500"#))
    news.hear(signal(false, 0, at: 5, version: 2), of: "a")
    #expect(told(&all, news).contains(#""isActive":false,"pendingCount":0"#))
  }

  @Test func aMonitorThatGoesWhileItSaysOverloadedSaysSoNoLonger() throws {
    let news = News()
    var stream = try stream()
    news.hear(signal(true, 500, at: 1))
    _ = told(&stream, news)
    news.add(news.board.forget(1, of: "q", at: clock))
    #expect(told(&stream, news).hasPrefix(#"{"isActive":false,"pendingCount":0,"observedAt":"2025-11-24T10:00:00+"#))
    #expect(news.board.news.isEmpty && news.board.monitors(of: "q").isEmpty)
    // One that was well goes without a word.
    news.hear(signal(false, 1, at: 1))
    _ = told(&stream, news)
    news.add(news.board.forget(1, of: "q", at: clock))
    #expect(told(&stream, news) == "")
  }

  @Test func aStreamHasAHeadOfItsFormAndABound() throws {
    let node = QueueNode()
    let lines = try node.ask("GET", "/omnirelay/control/backpressure/stream", accept: "application/json")
    #expect(lines.type == "application/x-ndjson" && lines.watch?.scope == .observe)
    let events = try node.ask("GET", "/omnirelay/control/backpressure/stream", accept: "text/event-stream")
    #expect(events.type == "text/event-stream")
    let refused = try node.ask("GET", "/omnirelay/control/backpressure/stream", mayWatch: false)
    #expect(refused.status == 503 && refused.watch == nil)
  }
}
