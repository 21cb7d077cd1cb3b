import MeshBasics
import MeshWire

// Between bytes and the room's values. These are pure functions, so that the shell may read and write JSON on the
// thread that holds the connection, and the engine's thread gets values only.

/// What is posted to a v1 node, and what answers its posts.
public enum V1Message: Equatable, Sendable {
  /// Members.
  case envelope(V1Envelope)
  /// Endpoints.
  case shuffle(V1Shuffle)

  /// Where it is posted to.
  public var path: String {
    switch self {
    case .envelope: V1Message.messagesPath
    case .shuffle: V1Message.shufflePath
    }
  }

  /// Its JSON.
  public func encoded() -> [UInt8] {
    switch self {
    case .envelope(let envelope): envelope.encoded()
    case .shuffle(let shuffle): shuffle.encoded()
    }
  }

  static let messagesPath = "/mesh/gossip/v1/messages"
  static let shufflePath = "/mesh/gossip/v1/shuffle"

  /// The message in `bytes` that belongs to `path`; nil for `null`. *Errors* as for the readers.
  fileprivate static func read(_ bytes: [UInt8], path: String) throws(WireError) -> V1Message? {
    if path == shufflePath { return try V1Shuffle.read(bytes).map { .shuffle($0) } }
    return try V1Envelope.read(bytes).map { .envelope($0) }
  }
}

/// A request of a v1 node, read.
public struct V1Call: Equatable, Sendable {
  /// What was asked.
  public enum Content: Equatable, Sendable {
    /// A message that could be read.
    case message(V1Message)
    /// Anything else, with its answer: an HTTP status, and a reason unless the answer has no body.
    case unreadable(status: Int, reason: String?)
  }

  /// What was asked.
  public let content: Content
  /// The size of its body.
  public let bytes: Int

  /// A request for `path` by `method` with a body of `contentType`. Paths mind no case; another path or method is 404
  /// without a body, another type of content 415. `null` is 400 in v1's words; what can't be read is 400 with the field
  /// and what is allowed, where v1 answers 500 without a word.
  public init(method: String, path: String, contentType: String?, body: [UInt8]) {
    bytes = body.count
    let lowerPath = path.lowercased()
    guard method == "POST", [V1Message.messagesPath, V1Message.shufflePath].contains(lowerPath) else {
      content = .unreadable(status: 404, reason: nil)
      return
    }
    guard V1Call.isJSON(contentType) else {
      content = .unreadable(status: 415, reason: "The content must be application/json.")
      return
    }
    do throws(WireError) {
      guard let message = try V1Message.read(body, path: lowerPath) else {
        content = .unreadable(status: 400, reason: "Request body required.")
        return
      }
      content = .message(message)
    } catch {
      content = .unreadable(status: 400, reason: error.description)
    }
  }

  /// A request with this message, as if it had been read from `bytes` bytes.
  public init(_ message: V1Message, bytes: Int = 0) {
    content = .message(message)
    self.bytes = bytes
  }

  /// [RFC 8259 §11] "application/json", and the types with its suffix; parameters don't count.
  private static func isJSON(_ contentType: String?) -> Bool {
    guard let type = contentType?.split(separator: ";").first else { return false }
    let name = type.filter { $0 != " " && $0 != "\t" }.lowercased()
    return name == "application/json" || (name.hasPrefix("application/") && name.hasSuffix("+json"))
  }
}

/// What a v1 node is answered.
public enum V1Answer: Equatable, Sendable {
  /// 200 with a message.
  case message(V1Message)
  /// Another status, with a reason unless it has no body.
  case refusal(status: Int, reason: String?)

  /// The HTTP status.
  public var status: Int {
    switch self {
    case .message: 200
    case .refusal(let status, _): status
    }
  }

  /// The body, `application/json`; empty when there is none.
  public func body() -> [UInt8] {
    switch self {
    case .message(let message): return message.encoded()
    case .refusal(_, nil): return []
    case .refusal(_, let reason?):
      var json = JSONWriter()
      json.beginObject()
      json.name("error")
      json.string(reason)
      json.endObject()
      return json.bytes
    }
  }
}

/// What a v1 node answered, read.
public enum V1Reply: Equatable, Sendable {
  /// A message. Its schema isn't checked by v1.
  case message(V1Message)
  /// Success with a body that can't be read, or without one: somebody lives there.
  case unreadable(reason: String)
  /// A status that is no success.
  case refused(status: Int)

  /// The answer to a message that was posted to `path`.
  public init(status: Int, path: String, body: [UInt8]) {
    guard (200...299).contains(status) else {
      self = .refused(status: status)
      return
    }
    do throws(WireError) {
      self = try V1Message.read(body, path: path).map { .message($0) } ?? .unreadable(reason: "the answer is null")
    } catch {
      self = .unreadable(reason: error.description)
    }
  }
}
