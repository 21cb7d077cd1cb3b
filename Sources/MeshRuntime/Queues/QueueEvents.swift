import MeshTasks

/// What a subscriber wants to hear of a queue. That it was drained or closed is told in any case.
public struct QueueTopics: OptionSet, Sendable {
  /// The bits, as in the C header.
  public let rawValue: UInt32
  /// The topics of `rawValue`.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A task is ready, after none was: for consumers that must not wait.
  public static let ready = QueueTopics(rawValue: 1)
  /// Leases that expired.
  public static let expirations = QueueTopics(rawValue: 2)
  /// Tasks that became dead letters, and that these take the queue's own places.
  public static let deadLetters = QueueTopics(rawValue: 4)
  /// Signals of the queue's monitors.
  public static let backpressure = QueueTopics(rawValue: 8)
  /// Every topic there is.
  public static let all: QueueTopics = [.ready, .expirations, .deadLetters, .backpressure]

  /// Whether these want to hear of `event`.
  func want(_ event: TaskEvent) -> Bool {
    switch event {
    case .becameReady: contains(.ready)
    case .leaseExpired: contains(.expirations)
    case .deadLettered, .deadLettersFull: contains(.deadLetters)
    case .backpressure: contains(.backpressure)
    case .drained, .closed: true
    }
  }
}

/// What happened in a queue.
public struct QueueEvent: Equatable, Sendable {
  /// The queue's name.
  public let queue: String
  /// Which life of it: names needn't be unique in a process.
  public let epoch: UInt64
  /// What happened.
  public let event: TaskEvent
}

extension QueueEvent {
  /// Whether this takes the place of `older` where both wait to be read: only the newest counts.
  func replaces(_ older: QueueEvent) -> Bool {
    guard queue == older.queue && epoch == older.epoch else { return false }
    switch (event, older.event) {
    case (.becameReady, .becameReady): return true
    case (.backpressure(let monitor, _), .backpressure(let other, _)): return monitor == other
    default: return false
    }
  }
}
