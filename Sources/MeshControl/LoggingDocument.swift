import MeshWire

/// How serious a log record must be for hosts to get it, with the numbers of .NET's `LogLevel`.
public enum MinimumLevel: Int, CaseIterable, Sendable {
  /// Every record.
  case trace
  /// Detail for the search of a cause, and all above.
  case debug
  /// The normal life of a node, and all above.
  case information
  /// What an operator should know, and all above.
  case warning
  /// What failed, and all above.
  case error
  /// What ends a node.
  case critical
  /// No record at all.
  case silent

  /// The name that OmniRelay writes.
  public var name: String {
    switch self {
    case .trace: "Trace"
    case .debug: "Debug"
    case .information: "Information"
    case .warning: "Warning"
    case .error: "Error"
    case .critical: "Critical"
    case .silent: "None"
    }
  }

  /// The level that `text` names, in any case, or by its number.
  init?(named text: Substring) {
    let found = MinimumLevel.allCases.first { level in
      ASCII.equalIgnoringCase(level.name.utf8, text.utf8) || "\(level.rawValue)" == text
    }
    guard let found else { return nil }
    self = found
  }
}

/// The documents of `/omnirelay/control/logging` (contracts: http §3). Two of OmniRelay's defects are mended: what is
/// repeated from a request is escaped, and a body that can't be read is 400 or 415, not 500.
enum LoggingDocument {
  /// What a request asks for.
  enum Wish: Equatable {
    /// The least level; nil: all records.
    case level(MinimumLevel?)
    case refused(ControlResponse)
  }

  static func bytes(_ level: MinimumLevel?) -> [UInt8] {
    Problem.document { json in
      guard let level else { return }
      json.name("minimumLevel")
      json.string(level.name)
    }
  }

  static func wish(in request: ControlRequest) -> Wish {
    switch ToggleBody.read(request) {
    case .refused(let response): return .refused(response)
    case .members(let members): return wish(ToggleBody.value(of: "level", in: members) ?? .null)
    }
  }

  private static func wish(_ level: JSONValue) -> Wish {
    switch level {
    case .null: return .level(nil)
    case .string(let text):
      let name = text.utf8.drop(while: ASCII.isBlank)
      guard let end = name.lastIndex(where: { !ASCII.isBlank($0) }) else { return .level(nil) }
      if let level = MinimumLevel(named: Substring(name[...end])) { return .level(level) }
      return .refused(ToggleBody.refusal("Invalid log level '\(text.prefix(64))'."))
    default: return .refused(ToggleBody.refusal("Invalid log level: it must be a text."))
    }
  }
}
