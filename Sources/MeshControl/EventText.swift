import MeshBasics

/// Events as text (WHATWG HTML §9.2, `text/event-stream`).
struct EventText {
  private(set) var bytes: [UInt8] = []

  /// Adds one event of one line of data. `id`: what a client says in `Last-Event-ID` when it comes back.
  mutating func event(_ name: String, id: String?, data: [UInt8]) {
    if let id { bytes += Array("id: \(id)\n".utf8) }
    bytes += Array("event: \(name)\ndata: ".utf8)
    bytes += data
    bytes += Array("\n\n".utf8)
  }

  /// Adds how long a client waits before it comes back.
  mutating func retry(after span: Duration) { bytes += Array("retry: \(span.milliseconds)\n\n".utf8) }

  /// Adds a sign of life, which no client sees but for the `id`.
  mutating func heartbeat(id: String?) {
    bytes += Array(": heartbeat\n".utf8)
    if let id { bytes += Array("id: \(id)\n".utf8) }
    bytes.append(UInt8(ascii: "\n"))
  }
}

/// What an event stream has to say.
public enum WatchTextPart: Equatable, Sendable {
  /// Some text of it.
  case bytes([UInt8])
  /// Nothing; ask again then, or when something has changed.
  case nothing(until: Instant)
}
