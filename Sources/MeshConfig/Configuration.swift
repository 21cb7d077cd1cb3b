import MeshBasics
import MeshWire

/// A configuration being put together out of documents, environment and single settings; later settings win.
///
/// Every value is checked once, when it comes in; `resolve` checks what keys ask of each other. A call that throws
/// changes nothing. Paths match in any case, with or without the root `omnirelay`.
public struct Configuration: Sendable {
  /// What was set, by path in lower case.
  private var settings = OrderedMap<String, ConfigurationValue>()
  /// What `MESH_GOSSIP_CERT_*` say: defaults that any setting overrides, whenever it comes.
  private var defaults = OrderedMap<String, ConfigurationValue>()

  /// An empty configuration: every key has its default.
  public init() {}

  /// Merges a JSON document of at most 1 MiB (RFC 8259).
  ///
  /// Only what lies below `mesh:` or `omnirelay:mesh:` is read. A list or map replaces an earlier one whole; null
  /// unsets a key. Unknown keys and impossible values are all reported at once.
  public mutating func load(json: [UInt8]) throws(ConfigurationError) {
    let document: JSONValue
    do throws(WireError) {
      document = try JSONValue.parse(json)
    } catch {
      throw ConfigurationError([ConfigurationProblem(path: "", message: "not a JSON document: \(error.description)")])
    }
    var reader = DocumentReader()
    reader.read(document)
    try merge(reader.changes)
  }

  /// Sets one key: `set("mesh:gossip:interval", "1s")`.
  ///
  /// Lists are separated by commas, maps read `key=value,key=value`. One entry of a map is set by its key
  /// (`mesh:gossip:labels:zone`), one item of a list by its position (`mesh:gossip:seedPeers:0`), which is at most
  /// the number of items so far.
  public mutating func set(_ path: String, _ value: String) throws(ConfigurationError) {
    var changes = Changes()
    let place = KeyPlace(path)
    switch place {
    case .key(let key): changes.add(key, text: value, source: nil)
    case .element(let key, let index):
      changes.add(key, shown: value) { () throws(ValueFault) in
        try key.type.list(replaced(in: key, at: index, by: value))
      }
    case .entry(let key, let name):
      changes.add(key, shown: value) { () throws(ValueFault) in
        try key.type.labels(labels(of: key).filter { $0.key != name } + [Label(key: name, value: value)])
      }
    case .unknown(let path): changes.refuseUnknown(path, value: value, source: nil)
    }
    try merge(changes)
  }

  /// Merges the environment variables that are MeshKit's and ignores all others.
  ///
  /// `MESH_GOSSIP__FANOUT`, `omnirelay__mesh__gossip__fanout` and `MESH_DATADIR` set keys, list items have their
  /// position last (`…__0`). `MESH_GOSSIP_CERT_PATH`, `_DATA` and `_PASSWORD` are defaults that any setting overrides.
  public mutating func load(environment: [(name: String, value: String)]) throws(ConfigurationError) {
    var reader = EnvironmentReader()
    reader.read(environment)
    let fallbacks = reader.fallbacks
    try merge(reader.changes)
    for (path, value) in fallbacks { defaults[path] = value }
  }

  /// The text of a key as it stands, without the table's default; nil when nobody set it.
  /// A secret that is set reads `***`.
  public func value(_ path: String) -> String? {
    guard case .key(let key) = KeyPlace(path), let value = setting(key.lookup) else { return nil }
    return key.isSecret ? "***" : value.text
  }

  /// Checks the whole, across keys. `hostName` supplies the defaults of `nodeId` and `advertiseHost`.
  public func resolve(hostName: String) throws(ConfigurationError) -> NodeConfiguration {
    var resolver = Resolver(configuration: self, hostName: hostName)
    return try resolver.resolve()
  }

  /// One line for each key that was set, is accepted for OmniRelay's sake, and has no effect here.
  public var notices: [String] {
    ConfigurationTable.keys.filter { !$0.hasEffect && settings[$0.lookup] != nil }.map {
      "\($0.path) is accepted and has no effect: \($0.meaning)"
    }
  }

  /// Every key there is, in the order of the reference.
  public static var keys: [String] { ConfigurationTable.keys.map(\.path) }

  /// Every key with its type, default and meaning, in the order of the reference.
  public static var table: [ConfigurationKey] { ConfigurationTable.keys }

  /// What stands at a path given in lower case.
  func setting(_ lookup: String) -> ConfigurationValue? { settings[lookup] ?? fallback(lookup) }

  /// A default of the environment. A certificate that was set, by path or by data, hides both of the environment's.
  private func fallback(_ lookup: String) -> ConfigurationValue? {
    let sources = ["mesh:gossip:tls:certificatepath", "mesh:gossip:tls:certificatedata"]
    if sources.contains(lookup), sources.contains(where: { settings[$0] != nil }) { return nil }
    return defaults[lookup]
  }

  private mutating func merge(_ changes: Changes) throws(ConfigurationError) {
    guard changes.problems.isEmpty else { throw ConfigurationError(changes.problems) }
    for (path, value) in changes.values { settings[path] = value }
  }

  private func labels(of key: ConfigurationKey) -> [Label] {
    if case .labels(let labels) = setting(key.lookup) { return labels }
    return []
  }

  private func replaced(in key: ConfigurationKey, at index: Int64, by item: String) throws(ValueFault) -> [String] {
    var items: [String] = []
    if case .list(let present) = setting(key.lookup) { items = present }
    let position = Int(clamping: index)
    guard position <= items.count else { throw ValueFault("has no place, since the list has \(items.count) items") }
    if position == items.count { items.append(item) } else { items[position] = item }
    return items
  }
}

extension Configuration: CustomStringConvertible, CustomReflectable {
  /// The paths that were set, in lower case; never a value, because some are secrets.
  public var description: String {
    let paths = ConfigurationTable.keys.map(\.lookup).filter { setting($0) != nil }
    return "Configuration(\(paths.joined(separator: ", ")))"
  }
  /// A mirror without children, so that `dump` prints no secret.
  public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}
