import MeshBasics
import MeshTasks
import MeshWire

/// What a node says of its overload: of all queues that are attached to it, or of one of them.
public struct BackpressureNews: Equatable, Sendable {
  /// The queue that it is about; nil for all together.
  public let queue: String?
  /// The signal of the monitor that says most: see `BackpressureBoard`.
  public let told: ToldSignal
}

/// What each monitor of the attached queues said last. Callers of OmniRelay's routes are told one signal, not one for
/// each monitor: the newest of those that say overloaded, and where none does the newest of all. So whoever keeps the
/// last one that it was told knows whether anything is overloaded.
public struct BackpressureBoard: Sendable {
  private struct Word {
    let monitor: MonitorID
    var told: ToldSignal
  }

  /// By queue; none is empty.
  private var words = OrderedMap<String, [Word]>()

  /// A change for `ChangeLog`.
  public typealias Step = (old: BackpressureNews?, new: BackpressureNews?)

  /// Nobody has said anything.
  public init() {}

  /// What `monitor` said last; nil when it hasn't been heard.
  public func told(by monitor: MonitorID, of queue: String) -> ToldSignal? {
    words[queue]?.first { $0.monitor == monitor }?.told
  }

  /// The number of that signal; 0 when it hasn't been heard.
  public func version(of monitor: MonitorID, _ queue: String) -> UInt64 {
    told(by: monitor, of: queue)?.signal.version ?? 0
  }

  /// The monitors of a queue that have been heard.
  public func monitors(of queue: String) -> [MonitorID] { words[queue]?.map(\.monitor) ?? [] }

  /// Takes a signal, and says what changes by it for the queue and for all together.
  public mutating func hear(_ told: ToldSignal, from monitor: MonitorID, of queue: String) -> [Step] {
    let scopes: [String?] = [nil, queue]
    let before = scopes.map { present(of: $0) }
    var list = words[queue] ?? []
    if let index = list.firstIndex(where: { $0.monitor == monitor }) {
      list[index].told = told
    } else {
      list.append(Word(monitor: monitor, told: told))
    }
    words[queue] = list
    return zip(scopes, before).compactMap { scope, before in
      let now = present(of: scope)
      return now == before ? nil : (news(scope, before), news(scope, now))
    }
  }

  /// A monitor is gone. One that said overloaded says so no longer first: its listeners would wait for ever.
  public mutating func forget(_ monitor: MonitorID, of queue: String, at clock: MemberClock) -> [Step] {
    var steps: [Step] = []
    if let last = told(by: monitor, of: queue)?.signal, last.isActive {
      let end = BackpressureSignal(
        isActive: false, pendingCount: 0, oldestAge: .zero, observedAt: clock.now, highWatermark: last.highWatermark,
        lowWatermark: last.lowWatermark, version: last.version &+ 1)
      steps = hear(ToldSignal(end, at: clock), from: monitor, of: queue)
    }
    let left = (words[queue] ?? []).filter { $0.monitor != monitor }
    words[queue] = left.isEmpty ? nil : left
    return steps
  }

  /// How things are, for all together and for each queue.
  public var news: [BackpressureNews] {
    ([nil] + words.keys).compactMap { news($0, present(of: $0)) }
  }

  private func news(_ queue: String?, _ told: ToldSignal?) -> BackpressureNews? {
    told.map { BackpressureNews(queue: queue, told: $0) }
  }

  private func present(of queue: String?) -> ToldSignal? {
    let list = queue.map { words[$0] ?? [] } ?? words.values.flatMap { $0 }
    return list.map(\.told).max { left, right in
      if left.signal.isActive != right.signal.isActive { return right.signal.isActive }
      return left.signal.observedAt < right.signal.observedAt
    }
  }
}

/// The documents of `/omnirelay/control/backpressure`, byte for byte as OmniRelay's (contracts: http §6).
enum BackpressureDocument {
  /// The members of a signal, of an object that is open.
  static func writeMembers(_ told: ToldSignal, to json: inout JSONWriter) {
    let signal = told.signal
    json.name("isActive")
    json.bool(signal.isActive)
    json.name("pendingCount")
    json.integer(Int64(signal.pendingCount))
    json.name("observedAt")
    json.string(DotNetTime.text(unixTicks: told.unixTicks))
    json.name("highWatermark")
    json.integer(Int64(signal.highWatermark))
    json.name("lowWatermark")
    json.integer(Int64(signal.lowWatermark))
  }

  static func bytes(_ told: ToldSignal) -> [UInt8] { Problem.document { writeMembers(told, to: &$0) } }

  /// The signal of now.
  static func answer(_ request: ControlRequest, _ view: NodeView) -> ControlResponse {
    do throws(Query.Failure) {
      let queue = try queue(in: request.target)
      if let queue, let problem = unknown(queue, view) { return problem }
      guard let told = view.queues?.backpressure(of: queue) else {
        return ControlResponse(status: 204, headers: [], body: [])
      }
      // OmniRelay answers by `Results.Json`, which names the character set (contracts: http §1).
      return ControlResponse(
        status: 200, headers: [ControlHeader("Content-Type", "application/json; charset=utf-8")], body: bytes(told))
    } catch {
      return Problem.response(400, error.detail)
    }
  }

  /// The head of the stream of signals: events for who asks for such, else a line for each.
  static func stream(_ request: ControlRequest, _ view: NodeView) -> ControlResponse {
    let queue: String?
    do throws(Query.Failure) {
      queue = try self.queue(in: request.target)
    } catch {
      return Problem.response(400, error.detail)
    }
    if let queue, let problem = unknown(queue, view) { return problem }
    guard view.mayWatch else { return Problem.tooManyWatches }
    let wantsEvents = request.accepts("text/event-stream")
    let watch = BackpressureWatchRequest(
      queue: queue, form: wantsEvents ? .events : .lines, token: request.lastEventID.map(WatchToken.orUnknown))
    return .watch(.backpressure(watch), type: wantsEvents ? "text/event-stream" : "application/x-ndjson")
  }

  private static func queue(in target: String) throws(Query.Failure) -> String? {
    let name = try Query.parameters(in: target, allowed: ["queue"]).first?.value
    return name?.isEmpty == true ? nil : name
  }

  /// A queue that isn't attached says nothing, which must not look like one at ease.
  private static func unknown(_ queue: String, _ view: NodeView) -> ControlResponse? {
    let isKnown = view.queues?.sample().queues.contains { $0.name == queue } ?? false
    return isKnown ? nil : QueuesDocument.missing
  }
}

/// What a caller who follows signals asked for.
public struct BackpressureWatchRequest: Equatable, Sendable {
  let queue: String?
  let form: EventText.Form
  /// Where it left off; nil for the beginning.
  let token: WatchToken?
}

/// `GET /omnirelay/control/backpressure/stream`: the signal of now, and each that takes its place.
public struct BackpressureWatchText {
  private var stream: WatchStream<BackpressureNews>
  /// How often its reader had to begin anew because it was too slow.
  public var lags: UInt64 { stream.lags }

  /// A stream for one caller, in the life of the node that `life` names.
  public init(_ request: BackpressureWatchRequest, life: UInt64) {
    var hash = StableHash()
    hash.combine(request.queue ?? "")
    let queue = request.queue
    stream = WatchStream(
      Watch(life: life, filter: UInt32(truncatingIfNeeded: hash.value), from: request.token) { $0.queue == queue },
      request.form)
  }

  /// What comes next.
  public mutating func next(in news: any WatchedResource<BackpressureNews>, now: Instant) -> WatchTextPart {
    stream.next(in: news, now: now) { step, watch, text in
      switch step {
      case .items(let items, _, _, let isComplete):
        for news in items { tell(news, id: isComplete ? watch.token?.text : nil, &text) }
      case .changes(let happenings):
        for happening in happenings where !happening.isRemoval {
          tell(happening.item, id: happening.completesRevision ? watch.token(at: happening.revision).text : nil, &text)
        }
      // What follows is how things are, which is all that there is to know.
      case .resync: break
      }
    }
  }
}

private func tell(_ news: BackpressureNews, id: String?, _ text: inout EventText) {
  text.event("backpressure", id: id, data: BackpressureDocument.bytes(news.told))
}
