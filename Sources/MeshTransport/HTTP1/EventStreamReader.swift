/// Reads `text/event-stream` (WHATWG HTML §9.2.6) as it comes, in pieces of any length.
public struct EventStreamReader: Sendable {
  /// One event.
  public struct Event: Equatable, Sendable {
    /// What kind it is; empty where the server says nothing.
    public var name: String
    /// Its lines of data.
    public var data: [UInt8]

    /// The event `name` with `data`.
    public init(name: String = "", data: [UInt8] = []) {
      self.name = name
      self.data = data
    }
  }

  /// A longer line is no event of a node.
  public static let lineBytesMax = 16 << 20

  /// What to come back with after a break: the id of the last event that was whole.
  public private(set) var lastID: String?
  private var id: String?
  /// A line was too long: what follows can't be told apart.
  public private(set) var isBroken = false
  private var line: [UInt8] = []
  private var event = Event()

  /// A reader at the beginning of a stream, which may go on after `lastID`.
  public init(lastID: String? = nil) { (self.lastID, id) = (lastID, lastID) }

  /// The events that are whole with `bytes`.
  public mutating func take(_ bytes: [UInt8]) -> [Event] {
    var events: [Event] = []
    for byte in bytes where !isBroken {
      guard byte == UInt8(ascii: "\n") else {
        line.append(byte)
        isBroken = line.count > EventStreamReader.lineBytesMax
        continue
      }
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      if let event = endLine() { events.append(event) }
      line.removeAll(keepingCapacity: true)
    }
    return events
  }

  /// The event that an empty line ends.
  private mutating func endLine() -> Event? {
    if line.isEmpty {
      lastID = id
      defer { event = Event() }
      return event.data.isEmpty ? nil : event
    }
    let name = line.prefix { $0 != UInt8(ascii: ":") }
    var value = line.dropFirst(name.count + 1)
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    isBroken = isBroken || event.data.count > EventStreamReader.lineBytesMax
    switch String(decoding: name, as: UTF8.self) {
    case "event": event.name = String(decoding: value, as: UTF8.self)
    case "data": event.data += event.data.isEmpty ? Array(value) : [UInt8(ascii: "\n")] + value
    case "id": id = String(decoding: value, as: UTF8.self)
    // Comments, `retry`, and what a later version says.
    default: break
    }
    return nil
  }
}
