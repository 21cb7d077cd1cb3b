/// Which module may import which: the table of docs/architecture.md, as far as the modules exist.
enum Layers {
  /// Pure modules: no IO, no clocks, no locks, no hashing order.
  static let rooms = [
    "MeshBasics", "MeshWire", "MeshConfig", "MeshMembership", "MeshEngine", "MeshControl", "MeshGossipV1",
    "MeshTasks",
  ]

  /// Every module with all that its sources may import beside the standard library.
  static let allowed: [String: [String]] = [
    "MeshBasics": [],
    "MeshWire": ["MeshBasics"],
    "MeshConfig": ["MeshBasics", "MeshWire"],
    "MeshMembership": ["MeshBasics", "MeshWire"],
    "MeshControl": ["MeshBasics", "MeshWire", "MeshMembership", "MeshTasks"],
    "MeshEngine": ["MeshBasics", "MeshWire", "MeshMembership"],
    "MeshGossipV1": ["MeshBasics", "MeshWire"],
    "MeshTasks": ["MeshBasics", "MeshWire"],
    "MeshThreads": ["MeshBasics", "CLinux", "Glibc"],
    "MeshTelemetry": ["MeshBasics", "MeshThreads", "Glibc"],
    "MeshSecurity": ["MeshBasics", "MeshThreads", "COpenSSL", "Glibc"],
    "MeshTransport": [
      "MeshBasics", "MeshThreads", "MeshSecurity", "CLinux", "CNgtcp2", "CNghttp3", "CNghttp2", "CGnuTLS", "COpenSSL",
      "CZlib",
      "Glibc",
    ],
    "MeshStore": ["MeshBasics", "MeshWire", "MeshEngine", "CLinux", "Glibc"],
    "MeshRuntime": [
      "MeshBasics", "MeshWire", "MeshConfig", "MeshMembership", "MeshControl", "MeshEngine", "MeshGossipV1",
      "MeshTasks", "MeshTelemetry", "MeshThreads", "MeshSecurity", "MeshTransport", "MeshStore", "CLinux", "Glibc",
      "Synchronization",
    ],
    "MeshKit": ["MeshRuntime", "MeshThreads"],
    "MeshKitABI": ["MeshRuntime", "MeshThreads", "CMeshKit", "Glibc", "Synchronization"],
    "MeshCommand": ["MeshBasics", "MeshRuntime", "MeshSecurity", "MeshTransport", "Glibc"],
    "MeshSim": ["MeshBasics", "MeshWire", "MeshMembership", "MeshEngine", "MeshTasks"],
    "MeshSimCommand": ["MeshSim", "MeshBasics", "Glibc"],
    "CLinux": [],
  ]

  /// What `text` imports, with the line of each.
  static func imports(of text: SwiftText) -> [(module: String, line: Int)] {
    text.lines.enumerated().compactMap { index, line in
      guard line.contains("import ") else { return nil }
      let words = line.split(separator: " ").map { String($0) }
      guard let position = words.firstIndex(of: "import"),
        words[..<position].allSatisfy({
          $0.hasPrefix("@") || ["public", "internal", "private", "package"].contains($0)
        })
      else { return nil }
      let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
      let rest = words[(position + 1)...].drop { kinds.contains($0) }
      guard let name = rest.first?.split(separator: ".").first else { return nil }
      return (String(name), index + 1)
    }
  }

  /// Imports that the table doesn't allow to the module of `file`.
  static func findings(_ file: SourceTree.File) -> [Finding] {
    let allowed = file.module.flatMap { Layers.allowed[$0] } ?? []
    // Atomics are in a module of the toolchain; its Mutex is forbidden elsewhere.
    let extra = allowed.contains("Glibc") ? ["Synchronization"] : []
    return imports(of: file.code).filter { !(allowed + extra).contains($0.module) }.map {
      Finding(path: file.path, line: $0.line, rule: "import", text: "\($0.module) is not allowed here")
    }
  }
}
