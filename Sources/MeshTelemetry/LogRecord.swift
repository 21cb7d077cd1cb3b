/// How serious a record is, with the numbers of .NET's `LogLevel`.
public enum LogLevel: Int32, Sendable, Comparable, CaseIterable {
  /// Detail that only a developer of MeshKit wants.
  case trace = 0
  /// Detail for the search of a cause.
  case debug
  /// The normal life of a node.
  case information
  /// Something that an operator should know, and that the mesh handles.
  case warning
  /// Something failed and needs a hand.
  case error
  /// The node can't go on.
  case critical

  /// Orders by seriousness.
  public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

  /// Its name as the reference pages write it.
  public var name: String {
    switch self {
    case .trace: return "Trace"
    case .debug: return "Debug"
    case .information: return "Information"
    case .warning: return "Warning"
    case .error: return "Error"
    case .critical: return "Critical"
    }
  }
}

/// A structured record: OmniRelay's category, id, name and fields where those exist (contracts: gossip §9).
public struct LogRecord: Equatable, Sendable {
  /// How serious it is.
  public let level: LogLevel
  /// The source, as .NET names it: `MeshGossipHost`.
  public let category: String
  /// The kind of record within its category.
  public let eventID: Int32
  /// The name of that kind.
  public let eventName: String
  /// For people; the facts are in `fields`. Without control characters, at most 1,024 bytes.
  public let message: String
  /// The facts, each value without control characters and at most 512 bytes.
  public let fields: [LogField]
  /// The number that the membership event of the same change carries; 0 when it belongs to no event.
  public let correlation: UInt64

  /// Whether it tells who asked for what. Such a record is given out at any level, and isn't lost for others.
  public var isAudit: Bool { category == LogKind.operationAsked.category && eventID == LogKind.operationAsked.eventID }

  /// A record of these parts.
  public init(
    level: LogLevel, category: String, eventID: Int32, eventName: String, message: String, fields: [LogField],
    correlation: UInt64
  ) {
    self.level = level
    self.category = category
    self.eventID = eventID
    self.eventName = eventName
    self.message = message
    self.fields = fields
    self.correlation = correlation
  }
}

/// One fact of a record.
public struct LogField: Equatable, Sendable {
  /// `PeerId`, `ClusterId`…: OmniRelay's names are PascalCase.
  public let name: String
  /// The value as text.
  public let value: String

  /// The fact `name` = `value`.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}
