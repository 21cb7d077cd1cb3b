import MeshRuntime

/// The configuration of a command line: files, then the environment, then settings; what comes later wins. Every source
/// is looked at, so that all mistakes show at once.
struct ConfigurationSources {
  static let settings = Option(
    name: "--set", placeholder: "KEY=VALUE", summary: "set one key, such as mesh:gossip:port=0", repeats: true)

  static func files(isRequired: Bool) -> Option {
    Option(
      name: "--config", short: "-c", placeholder: "FILE", summary: "JSON configuration", isRequired: isRequired,
      repeats: true)
  }

  /// One mistake. `source` is the file that it is in; those of the environment name their variable.
  struct Problem: Equatable {
    var source: String?
    var key = ""
    let message: String

    /// Names the file where there is more than one.
    func text(ofMany: Bool) -> String {
      let place = [ofMany ? source : nil, key.isEmpty ? nil : key].compactMap { $0 }
      return (place + [message]).joined(separator: ": ")
    }
  }

  /// What the sources say together, as far as they can be read.
  private(set) var configuration = Configuration()
  private(set) var problems: [Problem] = []
  /// The files, in their order.
  let paths: [String]
  private var origins: [String]

  static let environmentName = "environment"
  static let settingsName = "--set"

  /// Reads all sources. *Errors*: a file that can't be read, a setting that is none.
  init(_ values: OptionValues) throws(CommandError) {
    paths = values.all("--config")
    origins = [String](repeating: "", count: Configuration.keys.count)
    let assignments = try ConfigurationSources.assignments(values)
    for path in paths { try load(path) }
    loadEnvironment(try SystemFiles.environment())
    for assignment in assignments { apply(assignment.key, assignment.value) }
  }

  /// Checks the whole; nil when that or a source has a mistake, which is then among `problems`.
  mutating func resolve() -> NodeConfiguration? {
    guard problems.isEmpty else { return nil }
    do throws(ConfigurationError) {
      return try configuration.resolve(hostName: HostName.current)
    } catch {
      problems += error.problems.map { Problem(key: $0.path, message: $0.message) }
      return nil
    }
  }

  /// Every key that is set, with its value and the source that had the last word; secrets read `***`.
  var effective: [(key: String, value: String, source: String)] {
    zip(Configuration.keys, origins).compactMap { key, origin in
      configuration.value(key).map { (key, $0, origin) }
    }
  }

  private mutating func load(_ path: String) throws(CommandError) {
    let document = try SystemFiles.read(path)
    do throws(ConfigurationError) {
      try configuration.load(json: document)
    } catch {
      problems += error.problems.map { Problem(source: path, key: $0.path, message: $0.message) }
      return
    }
    var alone = Configuration()
    try? alone.load(json: document)
    note(path) { alone.value($0) != nil }
  }

  private mutating func loadEnvironment(_ environment: [(name: String, value: String)]) {
    do throws(ConfigurationError) {
      try configuration.load(environment: environment)
    } catch {
      problems += error.problems.map { Problem(key: $0.path, message: $0.message) }
      return
    }
    // The certificate's own variables are defaults, which any file overrides.
    let isDefault = { (name: String) in name.hasPrefix("MESH_GOSSIP_CERT_") }
    var (defaults, others) = (Configuration(), Configuration())
    try? defaults.load(environment: environment.filter { isDefault($0.name) })
    try? others.load(environment: environment.filter { !isDefault($0.name) })
    let present = zip(Configuration.keys, origins).filter { !$0.1.isEmpty }.map(\.0)
    note(ConfigurationSources.environmentName) { key in
      others.value(key) != nil || defaults.value(key) != nil && !present.contains(key)
    }
  }

  private mutating func apply(_ key: String, _ value: String) {
    do throws(ConfigurationError) {
      try configuration.set(key, value)
    } catch {
      problems += error.problems.map { Problem(key: $0.path, message: $0.message) }
      return
    }
    // The key itself, or one of its entries; the root may stand before either.
    let (lower, root) = (key.lowercased(), "omnirelay:")
    let path = lower.hasPrefix(root) ? String(lower.dropFirst(root.count)) : lower
    note(ConfigurationSources.settingsName) { "\(path):".hasPrefix("\($0.lowercased()):") }
  }

  /// `source` has the last word on the keys that `isSet` picks.
  private mutating func note(_ source: String, _ isSet: (String) -> Bool) {
    for (index, key) in Configuration.keys.enumerated() where isSet(key) { origins[index] = source }
  }

  private static func assignments(_ values: OptionValues) throws(CommandError) -> [(key: String, value: String)] {
    var result: [(key: String, value: String)] = []
    for text in values.all(settings.name) {
      guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
        throw CommandError("\(values.title): --set '\(printable(text))' is refused; allowed: KEY=VALUE")
      }
      result.append((String(text[..<sign]), String(text[text.index(after: sign)...])))
    }
    return result
  }
}
