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
  /// On lines, the data of the last event.
  private(set) var lastData: [UInt8]

  /// A text in this form, for a reader who knows `lastData`.
  init(_ form: Form = .events, after lastData: [UInt8] = []) {
    self.form = form
    self.lastData = lastData
  }

  /// Adds events that were written before, as text of this form.
  mutating func written(_ events: [UInt8]) {
    if bytes.isEmpty { bytes = events } else { bytes += events }
  }

  /// Adds one event of one line of data. `id`: what a client says in `Last-Event-ID` when it comes back.
  mutating func event(_ name: String, id: String?, data: [UInt8]) {
    guard form == .events else {
      lastData = data
      return line(data)
    }
    if let id { bytes += "id: \(id)\n".utf8 }
    bytes += "event: \(name)\ndata: ".utf8
    bytes += data
    bytes += "\n\n".utf8
  }

  /// Adds how long a client waits before it comes back.
  mutating func retry(after span: Duration) {
    if form == .events { bytes += "retry: \(span.milliseconds)\n\n".utf8 }
  }

  /// Adds a sign of life, which no client of events sees but for the `id`. On lines it is the last one again: what is
  /// told there is how things are, and does no harm twice.
  mutating func heartbeat(id: String?) {
    guard form == .events else { return lastData.isEmpty ? () : line(lastData) }
    bytes += ": heartbeat\n".utf8
    if let id { bytes += "id: \(id)\n".utf8 }
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
