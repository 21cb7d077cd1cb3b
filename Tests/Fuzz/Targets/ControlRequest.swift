import MeshBasics
import MeshControl
import MeshMembership
import MeshTasks
import MeshWire

/// Five lines: method, target, Host, Origin and Content-Type, which is If-None-Match, Last-Event-ID, Authorization and
/// x-mesh-scope as well (an empty line is an absent field), then a body, which is a file of principals as well, against
/// a node with three others. View and caller depend on the input, so that every answer of every route can be reached.
func fuzzControlRequest(_ bytes: [UInt8]) {
  let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 5, omittingEmptySubsequences: false)
    .map { String(decoding: $0, as: UTF8.self) }
  func line(_ index: Int) -> String { index < lines.count ? lines[index] : "" }
  let request = ControlRequest(
    method: line(0), target: line(1), host: line(2).isEmpty ? nil : line(2), origin: line(3).isEmpty ? nil : line(3),
    contentType: line(4), ifNoneMatch: line(4), lastEventID: line(4).isEmpty ? nil : line(4),
    accept: line(4), body: Array(line(5).utf8), caller: controlCaller(of: bytes))
  _ = (BearerField([line(4)]), ControlScopes(field: line(4)), try? PrincipalList(parsing: request.body))
  guard let view = controlView(of: bytes) else { return }
  var asked: [ControlAction] = []
  let verdict: ControlVerdict = bytes.count % 5 == 0 ? .busy : bytes.count % 7 == 0 ? .stopping : .accepted
  let response = Control.respond(
    to: request, view: view, metrics: { [] },
    perform: {
      asked.append($0)
      return verdict
    })
  let scopes = request.caller == .local ? view.scopes : request.caller.principal?.scopes ?? []
  guard asked.count <= 1, asked.isEmpty || scopes.contains(.operate) else {
    found("asked for \(asked) with the scopes \(scopes)")
  }
  guard !scopes.isEmpty || [401, 403].contains(response.status) else { found("\(response.status) for nobody") }
  // A question may be answered 204 as well: nobody has said anything.
  guard request.method == "GET" || asked.isEmpty == ![202, 204, 429].contains(response.status) || verdict == .stopping
  else {
    found("\(response.status) after \(asked)")
  }
  switch response.watch {
  case .members(let watch): readToTheEnd(watch, view)
  case .queues(let watch):
    var stream = QueuesWatchText(watch, localNodeID: view.localNodeID, life: 1)
    for _ in 0..<4 { _ = stream.next(in: Nothing<QueueView>(), now: .origin) }
  case .backpressure(let watch):
    var stream = BackpressureWatchText(watch, life: 1)
    for _ in 0..<4 { _ = stream.next(in: Nothing<BackpressureNews>(), now: .origin) }
  case nil: break
  }
}

private func readToTheEnd(_ watch: MembersWatchRequest, _ view: NodeView) {
  // What was asked for, whatever it was, is told at once: a snapshot, or the word that it begins anew and then that.
  var stream = MembersWatchText(watch, localNodeID: view.localNodeID, life: 1)
  let clock = MemberClock(now: .origin, unixTicks: 0)
  guard case .bytes(let first) = stream.next(in: Unchanging(members: view.members), clock: clock), !first.isEmpty else {
    found("an event stream that says nothing")
  }
  for _ in 0..<3 { _ = stream.next(in: Unchanging(members: view.members), clock: clock) }
}

/// A resource without items.
private struct Nothing<Item: Sendable>: WatchedResource {
  func items() -> (items: WatchedItems<Item>, revision: UInt64) { (WatchedItems([]), 1) }
  func place(after revision: UInt64) -> UInt64? { revision == 1 ? 0 : nil }
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<Item>.Change]? { place == 0 ? [] : nil }
}

/// One queue without tasks.
private final class OneQueue: AttachedQueues, Sendable {
  func sample() -> (queues: [QueueView], revision: UInt64) {
    let queue = QueueView(
      name: "jobs/1", epoch: 7, state: .open, capacity: 1, counts: TaskCounts(), oldestAge: nil, rates: QueueRates(),
      monitors: [])
    return ([queue], 1)
  }
  func backpressure(of queue: String?) -> ToldSignal? { nil }
  func deadLetters(of queue: String, after id: TaskID?, limit: Int) -> [DeadLetter]? { queue == "jobs/1" ? [] : nil }
}

/// Members that nothing happens to.
struct Unchanging: WatchedResource {
  let members: [MemberView]
  func items() -> (items: WatchedItems<MemberView>, revision: UInt64) { (WatchedItems(members), 1) }
  func place(after revision: UInt64) -> UInt64? { revision == 1 ? 0 : nil }
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<MemberView>.Change]? { place == 0 ? [] : nil }
}

/// Somebody of this host, but for one input in three.
private func controlCaller(of bytes: [UInt8]) -> Caller {
  switch bytes.count % 12 {
  case 1: .stranger
  case 4: .refused(.token)
  case 7: .token(Principal(name: "t", scopes: [.read, .operate]))
  case 10: .certificate(Principal(name: "c", scopes: .observe), isLocal: bytes.count % 24 == 10)
  default: .local
  }
}

/// A caller that may do everything, but for one input in four; a node that stays, but for one in eight.
func controlView(of bytes: [UInt8]) -> NodeView? {
  guard let local = NodeID("fuzz") else { return nil }
  var members: [MemberView] = []
  for (name, status) in [("fuzz", MemberStatus.alive), ("mesh-b", .alive), ("c", .suspect), ("d", .left)] {
    guard let node = NodeID(name) else { continue }
    var metadata = NodeMetadata()
    metadata.labels = [Label(key: "zone/a", value: "z1"), Label(key: "é", value: "")]
    members.append(
      MemberView(
        nodeID: node, status: status, isDead: false, epoch: 1, incarnation: 0, metadata: metadata, lastHeard: nil,
        roundTrip: nil, isLocal: node == local))
  }
  var view = NodeView(
    localNodeID: local, members: members, clock: MemberClock(now: .origin, unixTicks: Int64(bytes.count)),
    isLeaving: bytes.count % 8 == 3,
    notReady: [], scopes: bytes.count % 4 == 1 ? [.read, .observe] : [.read, .observe, .operate], activeRequests: 0)
  view.queues = OneQueue()
  return view
}
