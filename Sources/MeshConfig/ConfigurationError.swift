/// One thing that is wrong with a configuration.
public struct ConfigurationProblem: Equatable, Sendable, CustomStringConvertible {
  /// The key's path, such as `mesh:gossip:interval`; empty when the document as a whole is at fault.
  public let path: String
  /// The value as given (secrets are shown as `***`), what is wrong, and what is allowed.
  public let message: String

  /// A problem at `path`.
  public init(path: String, message: String) {
    self.path = path
    self.message = message
  }

  /// `path: message`.
  public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

/// All that is wrong with a configuration, at once.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The problems in the order in which they were met: at least one, at most `ConfigurationError.problemsMax`.
  public let problems: [ConfigurationProblem]

  /// How many problems one error holds; a last one says how many more there were.
  public static let problemsMax = 100

  /// An error of these problems. Past the limit only their number is kept.
  public init(_ problems: [ConfigurationProblem]) {
    let surplus = problems.count &- ConfigurationError.problemsMax
    guard surplus > 0 else {
      self.problems = problems
      return
    }
    let kept = problems.prefix(ConfigurationError.problemsMax &- 1)
    self.problems = kept + [ConfigurationProblem(path: "", message: "and \(surplus &+ 1) more problems")]
  }

  /// The problems in one line.
  public var description: String { problems.map(\.description).joined(separator: "; ") }
}
