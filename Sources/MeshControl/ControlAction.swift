import MeshBasics
import MeshTasks

/// What a request may ask of the node. The routes only decide that it may; the shell hands it to the engine.
public enum ControlAction: Equatable, Sendable {
  /// Want no new work (true), or want it again.
  case setDraining(Bool)
  /// Say goodbye and stop.
  case leave
  /// Declare a lost member gone.
  case removeMember(NodeID)
  /// Keep log records below a level from hosts; nil: none.
  case setMinimumLevel(MinimumLevel?)
  /// Keep so many of the traces, 0 to 1.
  case setTraceSampling(Double)
  /// Deliver a dead letter of an attached queue again.
  case redrive(TaskID, queue: String)

  /// What it is, for records.
  public var words: String {
    switch self {
    case .setDraining(let wanted): wanted ? "drain" : "resume"
    case .leave: "leave"
    case .removeMember(let node): "remove \(node)"
    case .setMinimumLevel(let level): "set log level \(level?.name ?? "any")"
    case .setTraceSampling(let probability): "set trace sampling \(probability)"
    case .redrive(let task, let queue): "redrive \(task.text) of \(queue)"
    }
  }
}

/// What came of handing an action over.
public enum ControlVerdict: Equatable, Sendable {
  /// It will be done.
  case accepted
  /// There is no room for more commands now.
  case busy
  /// The node has stopped, or is about to.
  case stopping
  /// What it is about isn't there.
  case missing
  /// What it is about is in no state for it.
  case refused

  /// It in a word, for records.
  public var word: String {
    switch self {
    case .accepted: "accepted"
    case .busy: "busy"
    case .stopping: "stopping"
    case .missing: "missing"
    case .refused: "refused"
    }
  }
}

/// The routes that change something. All are idempotent. The answer is 202, since the engine does it afterwards, and
/// 200 where nothing is left to do.
struct Operations {
  let view: NodeView
  let perform: (ControlAction) -> ControlVerdict

  /// Always handed over: the view may be older than what was asked last, and a mark that is so already costs nothing.
  func setDraining(_ wanted: Bool) -> ControlResponse {
    if view.isLeaving { return Operations.stopping }
    let document = Problem.document { json in
      json.name("nodeId")
      json.string(view.localNodeID.name)
      json.name("draining")
      json.bool(wanted)
    }
    return answer(perform(.setDraining(wanted)), document)
  }

  func leave() -> ControlResponse {
    let document = Problem.document { json in
      json.name("nodeId")
      json.string(view.localNodeID.name)
      json.name("leaving")
      json.bool(true)
    }
    if view.isLeaving { return Problem.content(200, document) }
    return answer(perform(.leave), document)
  }

  func remove(_ name: String) -> ControlResponse {
    if view.isLeaving { return Operations.stopping }
    // A text that can't be a name is the name of no member, and isn't repeated in the answer.
    guard let node = NodeID(name), let member = view.members.first(where: { $0.nodeID == node }) else {
      return Problem.response(404, "This node knows no member of that name.")
    }
    guard !member.isLocal else {
      return Problem.response(409, "\(node) is this node itself; POST /v1/node/leave makes it leave.")
    }
    let document = Problem.document { json in
      json.name("nodeId")
      json.string(node.name)
      // As this node sees it while it answers; once it is `Left` there is nothing to remove.
      json.name("status")
      json.string(member.status.rawValue)
    }
    if member.status == .left { return Problem.content(200, document) }
    return answer(perform(.removeMember(node)), document)
  }

  /// Takes effect at once.
  func setMinimumLevel(_ request: ControlRequest) -> ControlResponse {
    switch LoggingDocument.wish(in: request) {
    case .refused(let response): return response
    case .level(let level):
      _ = perform(.setMinimumLevel(level))
      return ControlResponse(status: 204, headers: [], body: [])
    }
  }

  /// The same.
  func setTraceSampling(_ request: ControlRequest) -> ControlResponse {
    switch TracingDocument.wish(in: request) {
    case .refused(let response): return response
    case .probability(let probability):
      _ = perform(.setTraceSampling(probability))
      return ControlResponse(status: 204, headers: [], body: [])
    }
  }

  /// The same. `name` and `id` as the path has them.
  func redrive(_ id: String, of name: String) -> ControlResponse {
    let queues = view.queues?.sample().queues ?? []
    guard let queue = Query.decoded(name.utf8), queues.contains(where: { $0.name == queue }) else {
      return QueuesDocument.missing
    }
    guard let task = TaskID(id) else { return Operations.noLetter }
    switch perform(.redrive(task, queue: queue)) {
    case .accepted: return ControlResponse(status: 204, headers: [], body: [])
    case .missing: return Operations.noLetter
    case .busy:
      var response = Problem.response(429, "All places of the queue are taken.")
      response.headers.append(ControlHeader("Retry-After", "1"))
      return response
    case .refused: return Problem.response(409, "The queue is being drained or closed, or is drained and not resumed.")
    case .stopping: return Operations.stopping
    }
  }

  private static let noLetter = Problem.response(404, "The queue has no dead letter of that id.")

  private func answer(_ verdict: ControlVerdict, _ document: [UInt8]) -> ControlResponse {
    switch verdict {
    case .accepted: return Problem.content(202, document)
    case .busy:
      var response = Problem.response(429, "The node has no room for more commands now.")
      response.headers.append(ControlHeader("Retry-After", "1"))
      return response
    case .stopping, .missing, .refused: return Operations.stopping
    }
  }

  private static let stopping = Problem.response(409, "The node is leaving the mesh.")
}
