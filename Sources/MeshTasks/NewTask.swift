import MeshBasics

/// What a producer hands to a queue.
public struct NewTask: Equatable, Sendable {
  /// The work itself.
  public var payload: TaskBytes
  /// Greater goes first: `TaskLimits.priorityRange`.
  public var priority: Int
  /// How long it waits before it may be leased.
  public var delay: Duration
  /// What goes with it; nil when nothing does.
  public var details: TaskDetails?

  /// A task of `payload`.
  public init(_ payload: TaskBytes, priority: Int = 0, delay: Duration = .zero, details: TaskDetails? = nil) {
    self.payload = payload
    self.priority = priority
    self.delay = delay
    self.details = details
  }
}

/// What most tasks don't have: one object, so that those without it pay eight bytes.
public final class TaskDetails: Equatable, Sendable {
  /// Tasks of one key are leased one after the other, in the order of their admission. Empty: no such order.
  public let key: String
  /// What the payload is, in the words of RFC 9110 §8.3; empty when the producer said nothing.
  public let contentType: String
  /// Names one request of a producer: the same id within the window is the same task. Empty: none.
  public let requestID: String
  /// Whatever else the producer tells the consumer.
  public let attributes: [Attribute]
  /// Why the last delivery failed; empty before.
  public let lastError: String

  /// A name and its value.
  public struct Attribute: Equatable, Sendable {
    /// The name.
    public let name: String
    /// The value.
    public let value: String

    /// An attribute of these two.
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Details of these parts.
  public init(
    key: String = "", contentType: String = "", requestID: String = "", attributes: [Attribute] = [],
    lastError: String = ""
  ) {
    self.key = key
    self.contentType = contentType
    self.requestID = requestID
    self.attributes = attributes
    self.lastError = lastError
  }

  /// Whether nothing is said.
  public var isEmpty: Bool { self == TaskDetails.none }
  static let none = TaskDetails()

  /// The same with another error.
  func failed(_ reason: String) -> TaskDetails {
    TaskDetails(
      key: key, contentType: contentType, requestID: requestID, attributes: attributes, lastError: reason)
  }

  /// Whether both say the same.
  public static func == (left: TaskDetails, right: TaskDetails) -> Bool {
    left === right
      || left.key == right.key && left.contentType == right.contentType && left.requestID == right.requestID
        && left.attributes == right.attributes && left.lastError == right.lastError
  }
}

extension NewTask {
  /// What is wrong with it; nil when nothing is.
  func fault(payloadMax: Int) -> TaskFault? {
    if payload.count > payloadMax { return .init("payload", "\(payload.count) bytes", "at most \(payloadMax)") }
    if !TaskLimits.priorityRange.contains(priority) { return .init("priority", "\(priority)", "-4 to 3") }
    if delay < .zero || delay > TaskLimits.delayMax {
      return .init("delay", "\(delay.milliseconds) ms", "0 to 365 days")
    }
    return details?.fault
  }
}

extension TaskDetails {
  /// What is wrong with them; nil when nothing is.
  var fault: TaskFault? {
    for (name, text) in [("key", key), ("content type", contentType), ("request id", requestID)]
    where text.utf8.count > TaskLimits.textBytesMax {
      return .init(name, "\(text.utf8.count) bytes", "at most \(TaskLimits.textBytesMax)")
    }
    if lastError.utf8.count > TaskLimits.reasonBytesMax {
      return .init("last error", "\(lastError.utf8.count) bytes", "at most \(TaskLimits.reasonBytesMax)")
    }
    if attributes.count > TaskLimits.attributesMax {
      return .init("attributes", "\(attributes.count)", "at most \(TaskLimits.attributesMax)")
    }
    if attributes.contains(where: \.name.isEmpty) { return .init("attribute", "one without a name", "a name") }
    let bytes = attributes.reduce(0) { $0 &+ $1.name.utf8.count &+ $1.value.utf8.count }
    guard bytes > TaskLimits.attributeBytesMax else { return nil }
    return .init("attributes", "\(bytes) bytes", "at most \(TaskLimits.attributeBytesMax)")
  }
}

/// An argument that can't be: its name, what it is, and what is allowed.
public struct TaskFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// The sentence for people.
  public let description: String

  init(_ name: String, _ value: String, _ allowed: String) {
    description = "\(name): \(value); allowed is \(allowed)"
  }
}
