import MeshRuntime

/// What `meshkit node run` prints: a line for each thing that happens, as text or as JSON.
struct NodeLines {
  static let json = JSONForm(
    "A line for each event. Those that come from the node have `time`, when it happened as ISO 8601.",
    [
      (
        "event",
        "`open`, `notice`, `member`, `log`, `broadcast`, `dropped`, `stopping`, `stopped`; programs skip others."
      ),
      ("nodeId", "With `open` and `stopping`: this node."),
      ("mesh", "With `open`: address and port of the mesh listener."),
      ("control", "With `open`: those of the control listener; absent when it is off."),
      ("controlAlso", "With `open`: those of its further addresses, a list; absent without any."),
      ("message", "With `notice` and `log`: a sentence."),
      ("kind", "With `member`: `joined`, `updated`, `suspect`, `recovered` or `left`."),
      (
        "member",
        "With `member`: `nodeId`, `status`, `role`, `clusterId`, `region`, `meshVersion`, `endpoint`, `draining`."
      ),
      ("correlation", "With `member` and `log`: the same for both records of one change; 0 for none."),
      ("level", "With `log`, as are the next four: `Trace` to `Critical`."), ("category", "The source."),
      ("eventId", "The kind of record, as a number."), ("eventName", "Its name."),
      ("fields", "An object of the facts, each a string."),
      ("origin", "With `broadcast`, as are the next three: the member that it names."), ("topic", "Its topic."),
      ("bytes", "The size of its payload."), ("sequence", "Grows with each of its origin."),
      ("count", "With `dropped`: how many events were lost."),
      ("error", "With `stopped`: why, where the node ended by itself."),
    ])

  let form: OutputForm
  let output: Output

  /// What comes first; scripts read the ports from it.
  func opening(_ node: Node) {
    let configuration = node.configuration
    let mesh = NodeLines.listener(configuration.bindAddress, node.meshPort)
    let listeners = node.controlListeners.map(\.description)
    let (control, further) = (listeners.first, listeners.dropFirst())
    switch form {
    case .table:
      let also = further.isEmpty ? "" : " control-also=\(further.joined(separator: ","))"
      output.line("node \(configuration.nodeID) open mesh=\(mesh ?? "off") control=\(control ?? "off")\(also)")
    case .json:
      output.object([
        "event": .string("open"), "nodeId": .string(configuration.nodeID.name), "mesh": .text(mesh),
        "control": .text(control),
        "controlAlso": further.isEmpty ? .null : .array(further.map { .string($0) }),
      ])
    }
  }

  func notice(_ text: String) {
    switch form {
    case .table: output.line("notice \(printable(text))")
    case .json: output.object(["event": .string("notice"), "message": .string(text)])
    }
  }

  func stopping(_ node: Node) {
    let name = node.configuration.nodeID.name
    switch form {
    case .table: output.line("node \(name) stopping")
    case .json: output.object(["event": .string("stopping"), "nodeId": .string(name)])
    }
  }

  func event(_ event: StreamEvent) {
    switch form {
    case .table: output.line(EventLine.text(of: event))
    case .json:
      let time = JSONMember("time", .string(Clock.timestamp(unixNanoseconds: event.unixNanoseconds)))
      output.line(JSONText.compact(.object([time] + EventLine.members(of: event.payload))))
    }
  }

  /// `host:port`, with brackets around an IPv6 address; nil for port 0, which is that of a listener that is off.
  static func listener(_ host: String, _ port: UInt16) -> String? { Endpoint(host: host, port: port)?.description }
}

extension EventLine {
  /// The members of the JSON line of one event, after its time.
  static func members(of payload: StreamEvent.Payload) -> [JSONMember] {
    switch payload {
    case .member(let event): return members(of: event)
    case .log(let record): return members(of: record)
    case .broadcast(let message):
      return list([
        "event": .string("broadcast"), "origin": .string(message.origin.name), "topic": .string(message.topic),
        "bytes": .number("\(message.payload.count)"), "sequence": .number("\(message.sequence)"),
      ])
    case .completed(let error): return list(["event": .string("completed"), "error": .text(error?.description)])
    case .nodeStopped(let error): return list(["event": .string("stopped"), "error": .text(error?.description)])
    // Nodes of the command have no queues.
    case .queue, .lease, .pumpEnded: return list(["event": .string("queue")])
    case .dropped(let count): return list(["event": .string("dropped"), "count": .number("\(count)")])
    case .unknown: return list(["event": .string("unknown")])
    }
  }

  private static func members(of event: MembershipEvent) -> [JSONMember] {
    let (member, metadata) = (event.member, event.member.metadata)
    return list([
      "event": .string("member"), "kind": .string("\(event.kind)"),
      "member": .members([
        "nodeId": .string(member.nodeID.name), "status": .string(member.status.rawValue),
        "role": .string(metadata.role), "clusterId": .string(metadata.clusterID), "region": .string(metadata.region),
        "meshVersion": .string(metadata.meshVersion), "endpoint": .string(metadata.endpoint),
        "draining": .bool(member.isDraining),
      ]), "correlation": .number("\(event.correlation)"),
    ])
  }

  private static func members(of record: LogRecord) -> [JSONMember] {
    list([
      "event": .string("log"), "level": .string(record.level.name), "category": .string(record.category),
      "eventId": .number("\(record.eventID)"), "eventName": .string(record.eventName),
      "message": .string(record.message),
      "fields": .object(record.fields.map { JSONMember($0.name, .string($0.value)) }),
      "correlation": .number("\(record.correlation)"),
    ])
  }

  private static func list(_ members: KeyValuePairs<String, JSONValue>) -> [JSONMember] {
    members.map { JSONMember($0.key, $0.value) }
  }
}
