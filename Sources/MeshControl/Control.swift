/// The control plane: a request and a view of the node in, an answer out. Pure; the same view gives the same bytes.
public enum Control {
  /// Answers `request`.
  ///
  /// An unknown path or method is 404 without a body, never 405 (contracts: http §0). A caller who shows a wrong
  /// credential, or who is elsewhere and shows none, gets 401 on every path. Who may be a web page gets 403: on this
  /// host by a Host that isn't a loopback name, or a foreign Origin; on a route that changes something by every Origin
  /// but the Host. `metrics` is called only for the metrics routes, and gives Prometheus text. `perform` is called at
  /// most once, and only for an action that the caller may ask for.
  public static func respond(
    to request: ControlRequest, view: NodeView, metrics: () -> [UInt8],
    perform: (ControlAction) -> ControlVerdict
  ) -> ControlResponse {
    if let refusal = Refusal(of: request.caller) { return refusal.response }
    if let refusal = refusal(host: request.host, origin: request.origin, of: request.caller) { return refusal }
    guard let route = Route.find(method: request.method, target: request.target) else {
      return ControlResponse(status: 404, headers: [], body: [])
    }
    if let refusal = Refusal(
      of: request.caller, needing: route.answer.scope, host: request.host, origin: request.origin, view)
    {
      return refusal.response
    }
    let names = route.caseRule == .template ? route.names(in: request.target) : []
    return withoutActuallyEscaping(perform) { perform in
      let operations = Operations(view: view, perform: perform)
      switch route.answer {
      case .peers: return content(200, PeersDocument.bytes(of: view), type: "application/json")
      case .members: return MembersDocument.answer(request, view)
      case .openAPI: return content(200, OpenAPIDocument.bytes, type: "application/json")
      case .liveness: return health(.live, issues: [], view)
      case .readiness:
        // OmniRelay's word for a listener that is going away.
        return health(.ready, issues: view.notReady + (view.isDraining ? ["http-inbound:draining"] : []), view)
      case .metrics:
        return content(200, metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
      case .logging: return content(200, LoggingDocument.bytes(view.minimumLevel), type: "application/json")
      case .setLogging: return operations.setMinimumLevel(request)
      case .tracing: return content(200, TracingDocument.bytes(view.traceSampling), type: "application/json")
      case .setTracing: return operations.setTraceSampling(request)
      case .drain: return operations.setDraining(true)
      case .resume: return operations.setDraining(false)
      case .leave: return operations.leave()
      case .removeMember: return operations.remove(names[0])
      case .memberHealth: return MemberHealth.question(names[0], view)
      case .queues: return QueuesDocument.list(request, view)
      case .queue: return QueuesDocument.one(names[0], request, view)
      case .deadLetters: return DeadLettersDocument.answer(names[0], request, view)
      case .redrive: return operations.redrive(names[1], of: names[0])
      case .backpressure: return BackpressureDocument.answer(request, view)
      case .backpressureStream: return BackpressureDocument.stream(request, view)
      }
    }
  }

  /// What a caller is told who may be a web page of somebody else; nil for all others.
  public static func refusal(host: String?, origin: String?, of caller: Caller) -> ControlResponse? {
    LoopbackGuard.refusal(host: host, origin: origin, of: caller)?.response
  }

  private static func health(_ mode: HealthDocument.Mode, issues: [String], _ view: NodeView) -> ControlResponse {
    content(
      issues.isEmpty ? 200 : 503, HealthDocument.bytes(mode, issues: issues, view),
      type: "application/json; charset=utf-8")
  }

  private static func content(_ status: Int, _ body: [UInt8], type: String) -> ControlResponse {
    ControlResponse(status: status, headers: [ControlHeader("Content-Type", type)], body: body)
  }
}
