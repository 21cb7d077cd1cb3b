import MeshBasics
import MeshWire
import Testing

@testable import MeshControl
@testable import MeshTasks

/// 24 November 2025, 10:00, as the contract's examples have it; the monotonic clock stands at 1,000 s.
let clock = MemberClock(now: .origin + .seconds(1_000), unixTicks: 17_639_784_000_000_000)

/// Queues that are told of, without a node.
final class PreparedQueues: AttachedQueues, WatchedResource, @unchecked Sendable {
  var list: [QueueView] = []
  var letters: [DeadLetter] = []
  private var log = ChangeLog<QueueView>(capacity: 8)
  private var revision: UInt64 = 0

  func set(_ view: QueueView) {
    let old = list.first { $0.name == view.name }
    list = (list.filter { $0.name != view.name } + [view]).sorted { $0.name < $1.name }
    revision += 1
    log.append(revision: revision, [(old, view)])
  }

  func remove(_ name: String) {
    let old = list.first { $0.name == name }
    list.removeAll { $0.name == name }
    revision += 1
    log.append(revision: revision, [(old, nil)])
  }

  func sample() -> (queues: [QueueView], revision: UInt64) { (list, revision) }
  func backpressure(of queue: String?) -> ToldSignal? {
    list.filter { queue == nil || $0.name == queue }.flatMap(\.monitors).first?.told
  }
  func deadLetters(of queue: String, after id: TaskID?, limit: Int) -> [DeadLetter]? {
    guard list.contains(where: { $0.name == queue }) else { return nil }
    return Array(letters.filter { letter in id.map { $0 < letter.id } ?? true }.prefix(limit))
  }

  func items() -> (items: WatchedItems<QueueView>, revision: UInt64) { (WatchedItems(list), revision) }
  func place(after revision: UInt64) -> UInt64? { log.place(after: revision) }
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<QueueView>.Change]? {
    log.changes(from: place, limit: limit)
  }
}

func signal(
  _ isActive: Bool, _ pending: Int, at seconds: Int64 = 1_000, high: Int = 400, low: Int = 200, version: UInt64 = 1
) -> ToldSignal {
  ToldSignal(
    BackpressureSignal(
      isActive: isActive, pendingCount: pending, oldestAge: .zero, observedAt: .origin + .seconds(seconds),
      highWatermark: high, lowWatermark: low, version: version), at: clock)
}

func queue(_ name: String, pending: Int = 0, monitors: [MonitorView] = []) -> QueueView {
  var counts = TaskCounts()
  (counts.pending, counts.admitted) = (pending, UInt64(pending))
  return QueueView(
    name: name, epoch: 7, state: .open, capacity: 512, counts: counts,
    oldestAge: pending == 0 ? nil : .milliseconds(1_500), rates: QueueRates(), monitors: monitors)
}

/// A node that has these queues, and what it was asked to do.
final class QueueNode {
  let queues = PreparedQueues()
  var scopes: ControlScopes = [.read, .observe]
  var verdict = ControlVerdict.accepted
  private(set) var asked: [ControlAction] = []

  func ask(
    _ method: String, _ target: String, accept: String? = nil, ifNoneMatch: String? = nil, lastEventID: String? = nil,
    mayWatch: Bool = true
  ) throws -> ControlResponse {
    var view = NodeView(
      localNodeID: try #require(NodeID("a")), members: [], clock: clock, isLeaving: false, notReady: [],
      scopes: scopes, activeRequests: 0, mayWatch: mayWatch, life: 36)
    view.queues = queues
    return Control.respond(
      to: ControlRequest(
        method: method, target: target, host: "localhost", origin: nil, ifNoneMatch: ifNoneMatch,
        lastEventID: lastEventID, accept: accept, body: []),
      view: view, metrics: { [] },
      perform: {
        asked.append($0)
        return verdict
      })
  }

  func text(_ method: String, _ target: String) throws -> String {
    String(decoding: try ask(method, target).body, as: UTF8.self)
  }
}

extension ControlResponse {
  var type: String? { headers.first { $0.name == "Content-Type" }?.value }
  var tag: String? { headers.first { $0.name == "ETag" }?.value }
}
