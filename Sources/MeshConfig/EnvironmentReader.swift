import MeshBasics
import MeshWire

/// Picks MeshKit's variables out of an environment.
///
/// Save for `MESH_DATADIR` and the certificate's, only a double underscore makes a variable ours: Kubernetes sets
/// `MESH_GOSSIP_PORT=tcp://…` in every pod when a service is called `mesh-gossip`.
struct EnvironmentReader {
  private(set) var changes = Changes()
  /// What the certificate's variables say, by path in lower case.
  private(set) var fallbacks: [(path: String, value: ConfigurationValue)] = []
  private var items = OrderedMap<String, [(index: Int64, text: String, source: String)]>()
  private var entries = OrderedMap<String, [(label: Label, source: String)]>()

  /// Variables of OmniRelay's that are defaults (contracts: bootstrap_security §6).
  private static let certificate: [(name: String, path: String)] = [
    ("MESH_GOSSIP_CERT_PATH", "mesh:gossip:tls:certificatePath"),
    ("MESH_GOSSIP_CERT_DATA", "mesh:gossip:tls:certificateData"),
    ("MESH_GOSSIP_CERT_DATA_SECRET", "mesh:gossip:tls:certificateDataSecret"),
    ("MESH_GOSSIP_CERT_PASSWORD", "mesh:gossip:tls:certificatePassword"),
    ("MESH_GOSSIP_CERT_PASSWORD_SECRET", "mesh:gossip:tls:certificatePasswordSecret"),
  ]

  /// Collects the changes that `environment` asks for.
  mutating func read(_ environment: [(name: String, value: String)]) {
    // Sorted, so that the problems come in one order whatever the order of the environment.
    for (name, value) in environment.sorted(by: { $0.name < $1.name }) {
      if let variable = Self.certificate.first(where: { $0.name == name }) {
        readFallback(variable.path, name, value)
      } else if let path = Self.path(name) {
        readSetting(path, name, value)
      }
    }
    gatherLists()
    gatherMaps()
  }

  /// The path that a variable's name spells, or nil when the variable is not ours.
  static func path(_ name: String) -> String? {
    if Text.lowercased(name) == "mesh_datadir" { return "mesh:dataDir" }
    var segments = Text.segments(name)
    guard segments.count > 1, let first = segments.first.map(Text.lowercased) else { return nil }
    if first == "omnirelay" {
      segments.removeFirst()
      guard segments.count > 1, segments.first.map(Text.lowercased) == "mesh" else { return nil }
    } else if first.hasPrefix("mesh_") {
      guard ConfigurationTable.isSection("mesh:" + first.dropFirst("mesh_".count)) else { return nil }
      segments[0] = "mesh:" + first.dropFirst("mesh_".count)
    } else if first != "mesh" {
      return nil
    }
    return segments.joined(separator: ":")
  }

  private mutating func readFallback(_ path: String, _ name: String, _ value: String) {
    // An empty variable is how a shell unsets one for its child.
    guard !value.isEmpty, case .key(let key) = KeyPlace(path) else { return }
    var change = Changes()
    change.add(key, text: value, source: name)
    for problem in change.problems { changes.refuse(problem.path, problem.message) }
    fallbacks += change.values.compactMap { entry in entry.value.map { (entry.path, $0) } }
  }

  private mutating func readSetting(_ path: String, _ name: String, _ value: String) {
    switch KeyPlace(path) {
    case .key(let key): changes.add(key, text: value, source: name)
    case .element(let key, let index): items[key.lookup] = (items[key.lookup] ?? []) + [(index, value, name)]
    case .entry(let key, let label):
      entries[key.lookup] = (entries[key.lookup] ?? []) + [(Label(key: label, value: value), name)]
    case .unknown(let path): changes.refuseUnknown(path, value: value, source: name)
    }
  }

  private mutating func gatherLists() {
    for (path, found) in items {
      guard let key = ConfigurationTable.key(path) else { continue }
      let texts = found.sorted { $0.index < $1.index }.map(\.text)
      let source = found.map(\.source).joined(separator: ", ")
      changes.add(key, shown: texts.joined(separator: ","), source: source) { () throws(ValueFault) in
        try key.type.list(texts)
      }
    }
  }

  private mutating func gatherMaps() {
    for (path, found) in entries {
      guard let key = ConfigurationTable.key(path) else { continue }
      let source = found.map(\.source).joined(separator: ", ")
      let shown = found.map { "\($0.label.key)=\($0.label.value)" }.joined(separator: ",")
      changes.add(key, shown: shown, source: source) { () throws(ValueFault) in
        try key.type.labels(found.map(\.label))
      }
    }
  }
}

extension Text {
  /// The parts of a variable's name around double underscores.
  static func segments(_ name: String) -> [String] {
    var segments: [String] = []
    var current: [UInt8] = []
    var rest = Substring(name).utf8
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "_"), rest.first == byte {
        rest.removeFirst()
        segments.append(String(decoding: current, as: UTF8.self))
        current = []
      } else {
        current.append(byte)
      }
    }
    return segments + [String(decoding: current, as: UTF8.self)]
  }
}
