import MeshBasics

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

  /// What it is, for records.
  public var words: String {
    switch self {
    case .setDraining(let wanted): wanted ? "drain" : "resume"
    case .leave: "leave"
    case .removeMember(let node): "remove \(node)"
    case .setMinimumLevel(let level): "set log level \(level?.name ?? "any")"
    case .setTraceSampling(let probability): "set trace sampling \(probability)"
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

  /// It in a word, for records.
  public var word: String {
    switch self {
    case .accepted: "accepted"
    case .busy: "busy"
    case .stopping: "stopping"
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

  private func answer(_ verdict: ControlVerdict, _ document: [UInt8]) -> ControlResponse {
    switch verdict {
    case .accepted: return Problem.content(202, document)
    case .busy:
      var response = Problem.response(429, "The node has no room for more commands now.")
      response.headers.append(ControlHeader("Retry-After", "1"))
      return response
    case .stopping: return Operations.stopping
    }
  }

  private static let stopping = Problem.response(409, "The node is leaving the mesh.")
}
