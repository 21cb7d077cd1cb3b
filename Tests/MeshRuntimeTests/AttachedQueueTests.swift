import Foundation
import MeshSecurity
import MeshTelemetry
import MeshThreads
import MeshTransport
import Testing

@testable import MeshControl
@testable import MeshRuntime

private func makeQueue(_ name: String, _ change: (inout TaskQueueOptions) -> Void = { _ in }) throws -> LeaseQueue {
  var options = TaskQueueOptions(name: name)
  options.retry.first = .zero
  change(&options)
  return try LeaseQueue(options)
}

private func status(_ body: () throws(MeshError) -> Void) -> Status? {
  do throws(MeshError) {
    try body()
    return nil
  } catch {
    return error.status
  }
}

/// What a book tells.
private final class Told: @unchecked Sendable {
  private let lock = Lock()
  private var list: [Observation] = []

  func add(_ observation: Observation) { lock.locked { list.append(observation) } }
  /// All but the samples.
  var observations: [Observation] {
    lock.locked { list }.filter { if case .queueSampled = $0 { false } else { true } }
  }
}

@Suite struct QueueBookTests {
  private let told = Told()
  private let book: QueueBook

  init() { book = QueueBook(observe: { [told] in told.add($0) }, wake: {}) }

  @Test func aNameIsOneQueuesAtATime() throws {
    let (first, second) = (try makeQueue("q"), try makeQueue("q"))
    try book.attach(first)
    try book.attach(first)
    #expect(status { () throws(MeshError) in try book.attach(second) } == .conflict)
    #expect(status { () throws(MeshError) in try book.detach(second) } == .notFound)
    try book.detach(first)
    try book.attach(second)
    #expect(book.sample().queues.map(\.epoch) == [second.epoch])
    #expect(
      told.observations == [.queueAttached("q"), .queueDetached("q", reason: "detached"), .queueAttached("q")])
  }

  @Test func aQueueThatEndsLeavesByItself() throws {
    var gone: LeaseQueue? = try makeQueue("gone")
    let (closed, abandoned) = (try makeQueue("closed"), try makeQueue("abandoned"))
    for queue in [gone, closed, abandoned].compactMap({ $0 }) { try book.attach(queue) }
    #expect(book.sample().queues.map(\.name) == ["abandoned", "closed", "gone"])
    gone = nil
    _ = try closed.close(.discard)
    abandoned.abandon()
    try eventually("all have left") { book.sample().queues.isEmpty }
    #expect(status { () throws(MeshError) in try book.attach(closed) } == .closed)
    #expect(told.observations.contains(.queueDetached("gone", reason: "ended")))
  }

  @Test func thereIsRoomForSoManyAndNoneAfterTheEnd() throws {
    let queues = try (0...QueueLimits.attachedMax).map { try makeQueue("q\($0)") }
    for queue in queues.dropLast() { try book.attach(queue) }
    #expect(status { () throws(MeshError) in try book.attach(queues[QueueLimits.attachedMax]) } == .resource)
    book.end()
    #expect(status { () throws(MeshError) in try book.attach(queues[0]) } == .closed)
  }

  @Test func signalsAndFullDeadLettersAreToldOnce() throws {
    let queue = try makeQueue("q") { $0.deadLettersMax = 1 }
    var marks = BackpressureOptions(highWatermark: 2)
    marks.cooldown = .zero
    let monitor = try queue.addMonitor(marks)
    try book.attach(queue)
    #expect(book.backpressure(of: nil)?.signal.isActive == false && book.backpressure(of: "r") == nil)
    for _ in 0..<2 { _ = try queue.enqueue(NewTask(TaskBytes([]))) }
    for _ in 0..<2 {
      let lease = try #require(try queue.lease())
      try queue.fail(lease.token, reason: "", .deadLetter)
    }
    book.timePassed()
    book.timePassed()
    let (active, quiet, full) = told.observations.dropFirst().reduce(into: (0, 0, 0)) { counts, observation in
      switch observation {
      case .backpressureChanged(_, true, 2, 2, 1, _): counts.0 += 1
      case .backpressureChanged(_, false, 1, 2, 1, _): counts.1 += 1
      case .deadLettersFull("q", 2): counts.2 += 1
      default: break
      }
    }
    #expect(active == 1 && quiet == 1 && full == 1, "\(told.observations)")
    #expect(book.backpressure(of: "q")?.signal.version == 3)
    try queue.removeMonitor(monitor)
    book.timePassed()
    #expect(book.backpressure(of: nil) == nil)
  }

  @Test func anOverloadEndsWithItsMonitor() throws {
    let queue = try makeQueue("q")
    let monitor = try queue.addMonitor(BackpressureOptions(highWatermark: 1))
    _ = try queue.enqueue(NewTask(TaskBytes([])))
    try book.attach(queue)
    #expect(book.backpressure(of: "q")?.signal.isActive == true)
    try queue.removeMonitor(monitor)
    book.timePassed()
    let levels = told.observations.compactMap { observation -> Bool? in
      if case .backpressureChanged("q", let isActive, _, _, _, _) = observation { isActive } else { nil }
    }
    #expect(levels == [true, false] && book.backpressure(of: "q") == nil)
  }

  /// Whoever keeps the last word about all queues must not keep one of a queue that left in the same sample.
  @Test func queuesThatLeaveTogetherLeaveNoOverloadBehind() throws {
    var watch = BackpressureWatchText(BackpressureWatchRequest(queue: nil, form: .lines, token: nil), life: 1)
    func words() -> [String] {
      var text = ""
      while case .bytes(let bytes) = watch.next(in: book.news, now: .origin) {
        text += String(decoding: bytes, as: UTF8.self)
      }
      return text.split(separator: "\n").map { String($0.prefix(17)) }
    }
    // The last to be overloaded is the first to leave.
    let queues = try ["b", "a"].map { name in
      let queue = try makeQueue(name)
      _ = try queue.addMonitor(BackpressureOptions(highWatermark: 1))
      _ = try queue.enqueue(NewTask(TaskBytes([])))
      try book.attach(queue)
      return queue
    }
    #expect(words() == [#"{"isActive":true,"#])
    for queue in queues { _ = try queue.close(.discard) }
    book.timePassed()
    #expect(words() == [#"{"isActive":true,"#, #"{"isActive":false"#])
  }

  @Test func aDeadLetterIsListedAndRedriven() throws {
    let queue = try makeQueue("q")
    try book.attach(queue)
    let id = try queue.enqueue(NewTask(TaskBytes([1, 2]))).id
    try queue.fail(try #require(try queue.lease()).token, reason: "x", .deadLetter)
    #expect(book.deadLetters(of: "q", after: nil, limit: 5)?.map(\.id) == [id])
    #expect(book.deadLetters(of: "r", after: nil, limit: 5) == nil)
    #expect(status { () throws(MeshError) in try book.redrive(id, of: "r") } == .notFound)
    try book.redrive(id, of: "q")
    #expect(status { () throws(MeshError) in try book.redrive(id, of: "q") } == .notFound)
    #expect(book.sample().queues.first?.counts.pending == 1)
  }

  /// Threads that attach, detach, sample and end queues: nothing is held up, and the last sample is right.
  @Test func manyThreadsMayCome() throws {
    let queues = try (0..<8).map { try makeQueue("q\($0)") }
    DispatchQueue.concurrentPerform(iterations: 8) { number in
      for round in 0..<50 {
        try? book.attach(queues[number])
        _ = try? queues[number].enqueue(NewTask(TaskBytes([])))
        _ = book.sample()
        book.timePassed()
        if round < 49 { try? book.detach(queues[number]) }
      }
    }
    try eventually("all are there") { book.sample().queues.map(\.name) == queues.map(\.name) }
  }
}

@Suite(.serialized) struct AttachedQueueTests {
  @Test func operatorsSeeAnAttachedQueueEverywhere() throws {
    let mesh = try TestMesh(["a"])
    var configuration = try mesh.configuration("a")
    configuration.controlScopes = ["mesh.read", "mesh.observe", "mesh.operate"]
    let node = try Node.open(configuration)
    defer { try? node.stopAndWait(timeout: .seconds(10)) }
    let events = try EventStream(capacity: 256)
    try node.subscribe(events, topics: .log)
    let queue = try makeQueue("jobs/1")
    _ = try queue.addMonitor(BackpressureOptions(highWatermark: 1))
    try node.attach(queue)
    let id = try queue.enqueue(NewTask(TaskBytes([1]))).id
    let base = "http://127.0.0.1:\(node.controlPort)"
    func get(_ path: String) throws -> String {
      String(decoding: try HTTPClient.get(url: base + path, timeout: .seconds(10)).body, as: UTF8.self)
    }
    try eventually("the task is seen") { try get("/v1/queues/jobs%2F1").contains(#""pending":1"#) }
    try eventually("it is overloaded") {
      try get("/omnirelay/control/backpressure").hasPrefix(#"{"isActive":true,"pendingCount":1,"#)
    }
    #expect(try get("/metrics").contains("\ntaskqueue_pending_items{taskqueue_name=\"jobs/1\"} 1\n"))
    #expect(String(decoding: node.statisticsJSON(), as: UTF8.self).contains(#""queues":[{"name":"jobs/1","#))
    try queue.fail(try #require(try queue.lease()).token, reason: "broken", .deadLetter)
    #expect(try get("/v1/queues/jobs%2F1/dead-letters?payload=true").contains(#""payload":"AQ==""#))
    let redriven = try HTTPClient.request(
      "POST", url: "\(base)/v1/queues/jobs%2F1/dead-letters/\(id.text):redrive", timeout: .seconds(10))
    #expect(redriven.status == 204 && queue.counts.redriven == 1)
    try node.detach(queue)
    #expect(try get("/v1/queues").hasSuffix(#""queues":[]}"#))
    try node.stopAndWait(timeout: .seconds(10))
    var names: [String] = []
    while let event = try events.next(timeout: .zero) {
      if case .log(let record) = event.payload { names.append(record.eventName) }
    }
    for name in ["MeshQueueAttached", "MeshQueueBackpressure", "MeshControlOperation", "MeshQueueDetached"] {
      #expect(names.contains(name), "\(name)")
    }
    #expect(status { () throws(MeshError) in try node.attach(queue) } == .closed)
  }
}
