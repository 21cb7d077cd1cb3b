import MeshBasics
import MeshTasks
import MeshWire

/// What the routes may see of the lease queues that are attached to a node, and ask of them. The calls take the lock of
/// a queue, and never wait for a task or a place.
public protocol AttachedQueues: AnyObject {
  /// The queues as they are now, by name, and the revision of that picture.
  func sample() -> (queues: [QueueView], revision: UInt64)
  /// What is told of the overload of a queue, or of all for nil; nil while no monitor has said anything.
  func backpressure(of queue: String?) -> ToldSignal?
  /// At most `limit` dead letters of a queue that come after `id`; nil when no queue of that name is attached.
  func deadLetters(of queue: String, after id: TaskID?, limit: Int) -> [DeadLetter]?
}

/// `GET /v1/queues` and `/v1/queues/{name}`: the attached queues, with a tag by which a client that has them already
/// gets no second copy; or the same as a stream of events.
enum QueuesDocument {
  static func list(_ request: ControlRequest, _ view: NodeView) -> ControlResponse {
    let (queues, revision) = view.queues?.sample() ?? ([], 0)
    return answer(request, view, name: nil, revision) {
      Problem.document { json in
        json.member("schemaVersion", "v1")
        json.member("localNodeId", view.localNodeID.name)
        json.member("revision", "\(revision)")
        json.name("queues")
        json.beginArray()
        for queue in queues { QueueDocument.write(queue, to: &json) }
        json.endArray()
      }
    }
  }

  /// `name` as the path has it.
  static func one(_ name: String, _ request: ControlRequest, _ view: NodeView) -> ControlResponse {
    guard let name = Query.decoded(name.utf8), let (queues, revision) = view.queues?.sample(),
      let queue = queues.first(where: { $0.name == name })
    else { return missing }
    return answer(request, view, name: name, revision) {
      var json = JSONWriter()
      QueueDocument.write(queue, to: &json)
      return json.bytes
    }
  }

  /// What is told who names a queue that isn't there.
  static let missing = Problem.response(404, "No queue of that name is attached to this node.")

  private static func answer(
    _ request: ControlRequest, _ view: NodeView, name: String?, _ revision: UInt64, _ document: () -> [UInt8]
  ) -> ControlResponse {
    var (isWatch, after) = (false, String?.none)
    do throws(Query.Failure) {
      for (name, value) in try Query.parameters(in: request.target, allowed: ["watch", "after"]) where !value.isEmpty {
        if name == "watch" { isWatch = try Query.flag(name, value) } else { after = value }
      }
      if !isWatch, after != nil { throw Query.Failure(detail: "after is for watch=true.") }
    } catch {
      return Problem.response(400, error.detail)
    }
    if isWatch {
      let token = (request.lastEventID ?? after).map(WatchToken.orUnknown)
      return view.mayWatch
        ? .watch(.queues(QueuesWatchRequest(queue: name, token: token)), type: "text/event-stream")
        : Problem.tooManyWatches
    }
    let tag = EntityTag(life: view.life, revision: revision)
    if tag.isKnown(to: request) { return ControlResponse(status: 304, headers: [tag.header], body: []) }
    var response = Problem.content(200, document())
    response.headers.append(tag.header)
    return response
  }
}

/// What a caller who watches queues asked for.
public struct QueuesWatchRequest: Equatable, Sendable {
  /// The queue that it wants; nil for all.
  let queue: String?
  /// Where it left off; nil for the beginning.
  let token: WatchToken?
}

/// `GET /v1/queues?watch=true`: the queues as a stream of events (docs/internals/control.md).
public struct QueuesWatchText {
  private let localNodeID: NodeID
  private var stream: WatchStream<QueueView>
  /// How often its reader had to begin anew because it was too slow.
  public var lags: UInt64 { stream.lags }

  /// A stream for one caller of the node `localNodeID`, in the life of it that `life` names.
  public init(_ request: QueuesWatchRequest, localNodeID: NodeID, life: UInt64) {
    self.localNodeID = localNodeID
    var hash = StableHash()
    hash.combine(request.queue ?? "")
    let queue = request.queue
    stream = WatchStream(
      Watch(life: life, filter: UInt32(truncatingIfNeeded: hash.value), from: request.token) {
        queue == nil || $0.name == queue
      })
  }

  /// What comes next.
  public mutating func next(in queues: any WatchedResource<QueueView>, now: Instant) -> WatchTextPart {
    let text = ItemsText<QueueView>(
      resource: "queues", item: "queue", localNodeID: localNodeID, write: { QueueDocument.write($0, to: &$1) },
      writeName: { $1.member("name", $0.name) })
    return stream.next(in: queues, now: now) { text.write($0, of: $1, to: &$2) }
  }
}

/// One queue in JSON, in the words of meshkit.h.
enum QueueDocument {
  static func write(_ queue: QueueView, to json: inout JSONWriter) {
    let counts = queue.counts
    json.beginObject()
    json.member("name", queue.name)
    // 64 bits: more than a number of JSON keeps everywhere.
    json.member("epoch", "\(queue.epoch)")
    json.member("state", queue.state.rawValue)
    for (name, count) in [
      ("capacity", queue.capacity), ("pending", counts.pending), ("delayed", counts.delayed),
      ("leased", counts.leased), ("dead", counts.dead),
    ] { json.member(name, Int64(count)) }
    if let age = queue.oldestAge { json.member("oldestAgeMs", age.milliseconds) }
    json.name("counters")
    json.beginObject()
    for (name, count) in QueueDocument.counters(counts) { json.member(name, Int64(clamping: count)) }
    json.endObject()
    json.name("rates")
    write(queue.rates, to: &json)
    json.name("monitors")
    json.beginArray()
    for monitor in queue.monitors { write(monitor, to: &json) }
    json.endArray()
    json.endObject()
  }

  /// What happened since the queue was made, with what operators read of each.
  static func counters(_ counts: TaskCounts) -> [(name: String, count: UInt64)] {
    [
      ("admitted", counts.admitted), ("restored", counts.restored), ("completed", counts.completed),
      ("handedBack", counts.handedBack), ("discarded", counts.discarded), ("purged", counts.purged),
      ("grants", counts.grants), ("redeliveries", counts.redeliveries), ("heartbeats", counts.heartbeats),
      ("failed", counts.failed), ("expired", counts.expired), ("requeued", counts.requeued),
      ("deadLettered", counts.deadLettered), ("redriven", counts.redriven), ("duplicates", counts.duplicates),
    ]
  }

  private static func write(_ rates: QueueRates, to json: inout JSONWriter) {
    json.beginObject()
    json.member("windowMs", rates.window.milliseconds)
    for (name, rate) in [
      ("admitted", rates.admitted), ("granted", rates.granted), ("completed", rates.completed),
      ("failed", rates.failed), ("expired", rates.expired), ("deadLettered", rates.deadLettered),
    ] {
      json.name(name)
      json.double(rate)
    }
    json.endObject()
  }

  private static func write(_ monitor: MonitorView, to json: inout JSONWriter) {
    json.beginObject()
    json.member("id", Int64(monitor.id))
    json.name("overloaded")
    json.bool(monitor.isActive)
    json.name("signal")
    json.beginObject()
    BackpressureDocument.writeMembers(monitor.told, to: &json)
    json.member("version", Int64(clamping: monitor.told.signal.version))
    json.endObject()
    json.endObject()
  }
}
