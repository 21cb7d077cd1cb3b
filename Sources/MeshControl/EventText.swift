import MeshBasics

/// Events as text (WHATWG HTML §9.2, `text/event-stream`), or the data of each on a line of its own.
struct EventText {
  /// What its reader asked for.
  enum Form: Equatable, Sendable {
    case events
    /// Data alone, a line each (`application/x-ndjson`).
    case lines
  }

  private let form: Form
  private(set) var bytes: [UInt8] = []
  /// The data of the last event.
  private(set) var lastData: [UInt8]

  /// A text in this form, for a reader who knows `lastData`.
  init(_ form: Form = .events, after lastData: [UInt8] = []) {
    self.form = form
    self.lastData = lastData
  }

  /// Adds one event of one line of data. `id`: what a client says in `Last-Event-ID` when it comes back.
  mutating func event(_ name: String, id: String?, data: [UInt8]) {
    lastData = data
    guard form == .events else { return line(data) }
    if let id { bytes += Array("id: \(id)\n".utf8) }
    bytes += Array("event: \(name)\ndata: ".utf8)
    bytes += data
    bytes += Array("\n\n".utf8)
  }

  /// Adds how long a client waits before it comes back.
  mutating func retry(after span: Duration) {
    if form == .events { bytes += Array("retry: \(span.milliseconds)\n\n".utf8) }
  }

  /// Adds a sign of life, which no client of events sees but for the `id`. On lines it is the last one again: what is
  /// told there is how things are, and does no harm twice.
  mutating func heartbeat(id: String?) {
    guard form == .events else { return lastData.isEmpty ? () : line(lastData) }
    bytes += Array(": heartbeat\n".utf8)
    if let id { bytes += Array("id: \(id)\n".utf8) }
    bytes.append(UInt8(ascii: "\n"))
  }

  private mutating func line(_ data: [UInt8]) { bytes += data + [UInt8(ascii: "\n")] }
}

/// What an event stream has to say.
public enum WatchTextPart: Equatable, Sendable {
  /// Some text of it.
  case bytes([UInt8])
  /// Nothing; ask again then, or when something has changed.
  case nothing(until: Instant)
}
