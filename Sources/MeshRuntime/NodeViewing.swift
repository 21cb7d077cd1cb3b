import MeshBasics
import MeshControl
import MeshMembership
import MeshTasks
import MeshTelemetry
import MeshTransport
import MeshWire

extension NodeCore {
  /// Answers a request of the control listener from the newest snapshot. On the edge thread, which answers one request
  /// after the other, so that no other is ever active; never waits.
  func answer(_ request: HTTPRequest) -> HTTPAnswer {
    let now = MonotonicClock.now()
    let credential = Credential(of: request)
    // Before the caller is found: a change meanwhile must show in the permit.
    let stamp = callers.stamp(now)
    return answer(request, credential, callers.caller(credential, now), since: stamp, now)
  }

  /// The name of the principal that `request` shows.
  func principal(of request: HTTPRequest) -> String? {
    if request.peer == nil, request.header("authorization") == nil { return nil }
    return callers.caller(Credential(of: request), MonotonicClock.now()).principal?.name
  }

  private func answer(
    _ request: HTTPRequest, _ credential: Credential, _ caller: Caller, since stamp: CallerFinder.Stamp, _ now: Instant
  ) -> HTTPAnswer {
    func permit(_ scope: ControlScopes) -> Permit {
      Permit(credential, scope, loopback: loopbackScopes, callers, since: stamp)
    }
    if request.comesInParts { return answerCall(request, caller, now, permit) }
    let watcher = caller.principal?.name
    let view = view(mayWatch: request.mayStay && feed.hasRoom(for: watcher))
    let response = Control.respond(
      to: ControlRequest(
        method: request.method, target: request.target, host: request.header("host"),
        origin: request.header("origin"), contentType: request.header("content-type"),
        ifNoneMatch: knownTags(of: request), lastEventID: request.header("last-event-id"),
        accept: request.values("accept").joined(separator: ", "), body: request.body, caller: caller),
      view: view, metrics: metricsText, perform: { perform($0, for: caller, at: request.remote) })
    if let limit = response.limit { observeOnEdge(.limitReached(limit)) }
    if let refusal = response.refusal { tell(refusal, request.remote) }
    if let node = response.asks {
      return HTTPAnswer(
        later: MemberHealthAnswer(node, of: self, now) { [weak self] in
          self?.httpAnswer($0, to: request) ?? HTTPResponse()
        })
    }
    let answer = httpAnswer(response, to: request)
    let body = response.watch.map { watch in
      WatchBody(
        watch, permit(watch.scope), principal: watcher, caller: request.header(NodeCore.callerField) ?? "", of: self)
    }
    return HTTPAnswer(answer, body: body)
  }

  /// Answers a call of gRPC. What guards the routes guards the calls as well.
  private func answerCall(
    _ request: HTTPRequest, _ caller: Caller, _ now: Instant, _ permit: (ControlScopes) -> Permit
  ) -> HTTPAnswer {
    if let refusal = Control.refusal(host: request.header("host"), origin: request.header("origin"), of: caller) {
      if let refusal = refusal.refusal { tell(refusal, request.remote) }
      return HTTPAnswer(httpAnswer(refusal, to: request))
    }
    let (handler, name) = makeHandler(of: request, caller, permit)
    let call = GRPCCall(request, handler: handler, now: now)
    let head = call.head
    observeOnEdge(
      .requestAnswered(protocol: request.version, encoding: NodeCore.callEncoding, status: head.status, caller: name))
    return HTTPAnswer(head, body: call, reader: call)
  }

  /// Who answers a call, and what its caller calls itself.
  private func makeHandler(
    of request: HTTPRequest, _ caller: Caller, _ permit: (ControlScopes) -> Permit
  ) -> (handler: any GRPCHandler, name: String) {
    func refused(_ status: GRPCStatus) -> any GRPCHandler { RefusedCall(status, version: request.version, of: self) }
    let metadata: CallMetadata
    do throws(GRPCStatus) {
      metadata = try CallMetadata(of: request)
    } catch {
      return (refused(error), "")
    }
    do throws(RPCStatus) {
      let watcher = caller.principal?.name
      let view = view(mayWatch: request.mayStay && feed.hasRoom(for: watcher))
      let call = try ControlCall(
        path: request.target, metadata: metadata, host: request.header("host"), origin: request.header("origin"),
        view: view, caller: caller)
      return (
        ControlCallHandler(call, permit(call.scope), principal: watcher, version: request.version, of: self),
        call.callerName
      )
    } catch {
      if let limit = error.limit { observeOnEdge(.limitReached(limit)) }
      if let refusal = error.refusal { tell(refusal, request.remote) }
      return (refused(GRPCStatus(error)), ControlCall.callerName(in: metadata))
    }
  }

  /// The node as it is now. `mayWatch`: as far as the caller's connection goes.
  func view(mayWatch: Bool = true) -> NodeView {
    let snapshot = snapshots.current
    var view = NodeView(
      localNodeID: configuration.nodeID, members: membersList.of(snapshot),
      clock: .current, isLeaving: phase >= .leaving,
      notReady: notReady,
      scopes: loopbackScopes, minimumLevel: telemetry.minimumLevel.flatMap { MinimumLevel(rawValue: Int($0)) },
      traceSampling: telemetry.traceSampling, activeRequests: 0, mayWatch: mayWatch, life: life,
      revision: snapshot.contentRevision, hasPrincipals: callers.hasPrincipals)
    view.picture = snapshot.revision
    view.texts = memberTexts
    view.queues = queues
    return view
  }

  private var loopbackScopes: ControlScopes { ControlScopes(names: configuration.controlScopes) }

  /// A caller was turned away.
  func tell(_ refusal: Refusal, _ remote: SocketAddress?) {
    observeOnEdge(
      .callerRefused(
        reason: refusal.reason, peer: remote?.description ?? "", principal: refusal.principal, scope: refusal.missing))
  }

  /// `principal` watches; nil for callers on this host without a credential.
  func watchOpened(by principal: String?) {
    feed.opened(by: principal)
    observeOnEdge(.watchesCounted(feed.watches))
  }

  func watchClosed(by principal: String?) {
    feed.closed(by: principal)
    observeOnEdge(.watchesCounted(feed.watches))
  }

  private func httpAnswer(_ response: ControlResponse, to request: HTTPRequest) -> HTTPResponse {
    var answer = HTTPResponse()
    answer.status = response.status
    // What tells how it was negotiated follows, and an alternative.
    answer.headers.reserveCapacity(response.headers.count + 4)
    for header in response.headers { answer.headers.append(HTTPField(header.name, header.value)) }
    answer.body = response.body
    tellNegotiated(request, &answer)
    return answer
  }

  /// What the client has already; several fields are one list (RFC 9110 §5.3).
  private func knownTags(of request: HTTPRequest) -> String? {
    let lists = request.values("if-none-match")
    return lists.isEmpty ? nil : lists.joined(separator: ",")
  }

  /// Says which transport and encoding an answer has, in OmniRelay's fields (contracts: http §2 and §15) and in
  /// telemetry, so that an operator sees who still comes over an old one.
  private func tellNegotiated(_ request: HTTPRequest, _ answer: inout HTTPResponse) {
    answer.headers.append(HTTPField("Rpc-Transport", "http"))
    answer.headers.append(HTTPField("Rpc-Protocol", request.version))
    let type = answer.header("Content-Type") ?? ""
    let encoding = encoding(of: type, isEmpty: answer.body.isEmpty)
    if !encoding.isEmpty { answer.headers.append(HTTPField("Rpc-Encoding", encoding)) }
    observeOnEdge(
      .requestAnswered(
        protocol: request.version, encoding: encoding, status: answer.status,
        caller: request.header(NodeCore.callerField) ?? ""))
  }

  /// The field in which a caller says who it is (contracts: http §15); nobody has proven it.
  private static let callerField = "rpc-caller"
  /// The encoding of calls of gRPC.
  static let callEncoding = "protobuf"

  /// The encoding of an answer as OmniRelay names them; empty for one without a body.
  private func encoding(of type: String, isEmpty: Bool) -> String {
    if ["text/event-stream", "application/x-ndjson"].contains(type) { return "json" }
    if isEmpty { return "" }
    return type.utf8.starts(with: "text/plain".utf8) ? "text" : "json"
  }

  private func metricsText() -> [UInt8] {
    let figures = link.statistics
    func figure(_ name: String) -> Int64 { figures.first { $0.name == name }?.value ?? 0 }
    return telemetry.prometheusText(
      tethers: TetherFigures(open: figure("tethersOpen"), refused: figure("tethersRefused")),
      quic: [
        QUICFigures(listener: "control", edge?.statistics ?? []), QUICFigures(listener: "mesh", figures),
      ], queues: queues.figures)
  }

  /// Does what a caller may ask for, and tells who asked.
  private func perform(_ action: ControlAction, for caller: Caller, at remote: SocketAddress?) -> ControlVerdict {
    let verdict = perform(action)
    observeOnEdge(
      .operationAsked(
        action.words, principal: caller.name, peer: remote?.description ?? "", verdict: verdict.word))
    return verdict
  }

  /// Hands over what a caller of the control listener may ask for. On the edge thread; never waits.
  private func perform(_ action: ControlAction) -> ControlVerdict {
    do throws(MeshError) {
      switch action {
      case .setDraining(let wanted): try submit(stream: nil, token: 0) { .command(.setDraining(wanted), $0) }
      case .removeMember(let node): try submit(stream: nil, token: 0) { .command(.removeMember(node), $0) }
      case .leave: try stop(stream: nil, token: 0)
      case .setMinimumLevel(let level):
        let wanted = level.map { Int32($0.rawValue) }
        guard telemetry.minimumLevel != wanted else { break }
        telemetry.minimumLevel = wanted
        observeOnEdge(.logLevelChanged(level?.name ?? "any"))
      case .setTraceSampling(let probability):
        guard telemetry.traceSampling != probability else { break }
        telemetry.traceSampling = probability
        observeOnEdge(.traceSamplingChanged(probability))
      case .redrive(let task, let queue): return redrive(task, of: queue)
      }
      return .accepted
    } catch {
      return error.status == .busy ? .busy : .stopping
    }
  }

  private func redrive(_ task: TaskID, of queue: String) -> ControlVerdict {
    do throws(MeshError) {
      try queues.redrive(task, of: queue)
      return .accepted
    } catch {
      switch error.status {
      case .busy: return .busy
      case .notFound: return .missing
      default: return .refused
      }
    }
  }

  /// Why the node isn't ready to be a member yet; empty when it is.
  private var notReady: [String] { snapshots.current.members.isEmpty ? ["mesh-gossip:starting"] : [] }

  /// The document that `docs/reference/statistics.md` describes, field by field.
  func statisticsJSON() -> [UInt8] {
    let snapshot = snapshots.current
    var json = JSONWriter()
    json.beginObject()
    json.name("version")
    json.string(Version.string)
    json.name("nodeId")
    json.string(configuration.nodeID.name)
    json.name("membersRevision")
    json.string(String(snapshot.revision))
    json.name("members")
    json.beginObject()
    for status in MemberStatus.allCases {
      json.name(status.rawValue.lowercased())
      json.integer(Int64(snapshot.members.filter { $0.status == status }.count))
    }
    json.endObject()
    json.write("engine", figures.current)
    json.write("transport", link.statistics)
    json.write("control", edge?.statistics ?? [])
    json.name("queues")
    json.beginArray()
    for queue in queues.sample().queues { json.write(queue) }
    json.endArray()
    json.endObject()
    return json.bytes
  }
}

extension JSONWriter {
  fileprivate mutating func write(_ queue: QueueView) {
    beginObject()
    name("name")
    string(queue.name)
    name("state")
    string(queue.state.rawValue)
    let counts = queue.counts
    for (name, count) in [
      ("pending", counts.pending), ("delayed", counts.delayed), ("leased", counts.leased), ("dead", counts.dead),
    ] {
      self.name(name)
      integer(Int64(count))
    }
    name("oldestAgeMs")
    integer(queue.oldestAge?.milliseconds ?? 0)
    endObject()
  }

  fileprivate mutating func write(_ name: String, _ figures: [(name: String, value: Int64)]) {
    self.name(name)
    beginObject()
    for figure in figures {
      self.name(figure.name)
      integer(figure.value)
    }
    endObject()
  }
}
