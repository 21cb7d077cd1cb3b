import MeshRuntime

/// One line of `node run` for one event: time, what happened, `name=value` pairs.
enum EventLine {
  static func text(of event: StreamEvent) -> String {
    "\(Clock.timestamp(unixNanoseconds: event.unixNanoseconds)) \(printable(text(of: event.payload)))"
  }

  static func text(of payload: StreamEvent.Payload) -> String {
    switch payload {
    case .member(let event): return text(of: event)
    case .log(let record): return text(of: record)
    case .broadcast(let message):
      return "broadcast origin=\(message.origin) topic=\(message.topic) bytes=\(message.payload.count) "
        + "sequence=\(message.sequence)"
    case .completed(let error): return "completed \(error?.description ?? "ok")"
    case .nodeStopped(let error): return "stopped \(error?.description ?? "ok")"
    // Nodes of the command have no queues.
    case .queue, .lease, .pumpEnded: return "queue"
    case .dropped(let count): return "dropped events=\(count)"
    case .unknown: return "unknown event"
    }
  }

  private static func text(of event: MembershipEvent) -> String {
    let member = event.member
    let metadata = member.metadata
    return """
      member \(event.kind) node=\(member.nodeID) status=\(member.status.rawValue) role=\(metadata.role) \
      cluster=\(metadata.clusterID) region=\(metadata.region) version=\(metadata.meshVersion) \
      endpoint=\(metadata.endpoint)\(member.isDraining ? " draining=true" : "") correlation=\(event.correlation)
      """
  }

  private static func text(of record: LogRecord) -> String {
    let fields = record.fields.map { " \($0.name)=\($0.value)" }.joined()
    return "log \(record.level) \(record.category) \(record.eventID) \(record.eventName) \"\(record.message)\"\(fields)"
  }
}
