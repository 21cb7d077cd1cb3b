/// The control plane: a request and a view of the node in, an answer out. Pure; the same view gives the same bytes.
public enum Control {
  /// Answers `request`.
  ///
  /// An unknown path or method is 404 without a body, never 405 (contracts: http §0). A Host that isn't a loopback
  /// name, or a foreign Origin, is 403 on every path; on a route that changes something every Origin but the Host is.
  /// `metrics` is called only for the metrics routes, and gives Prometheus text. `perform` is called at most once, and
  /// only for an action that the caller may ask for.
  public static func respond(
    to request: ControlRequest, view: NodeView, metrics: () -> [UInt8],
    perform: (ControlAction) -> ControlVerdict
  ) -> ControlResponse {
    if let refusal = refusal(host: request.host, origin: request.origin) { return refusal }
    guard let route = Route.find(method: request.method, target: request.target) else {
      return ControlResponse(status: 404, headers: [], body: [])
    }
    if route.answer.changesNode,
      let refusal = LoopbackGuard.operateRefusal(host: request.host, origin: request.origin)
    {
      return content(403, HealthDocument.error(refusal), type: "application/json")
    }
    guard view.scopes.isSuperset(of: route.answer.scope) else { return forbidden(route.answer.scope, view) }
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
      case .drain: return operations.setDraining(true)
      case .resume: return operations.setDraining(false)
      case .leave: return operations.leave()
      case .removeMember: return operations.remove(route.rest(of: request.target))
      }
    }
  }

  /// What a caller is told whose Host isn't a loopback name, or whose Origin is foreign; nil for all others.
  public static func refusal(host: String?, origin: String?) -> ControlResponse? {
    LoopbackGuard.refusal(host: host, origin: origin).map {
      content(403, HealthDocument.error($0), type: "application/json")
    }
  }

  private static func forbidden(_ scope: ControlScopes, _ view: NodeView) -> ControlResponse {
    Problem.response(
      403,
      "This needs the scope \(scope.names); callers on this host have \(view.scopes.names). The configuration key "
        + "mesh:control:loopbackScopes gives them more.")
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
