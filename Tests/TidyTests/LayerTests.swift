import Foundation
import Testing

@Suite struct LayerTests {
  @Test func sourcesImportOnlyWhatTheirLayerAllows() {
    let findings = SourceTree.swift.flatMap(Layers.findings)
    #expect(findings.isEmpty, listed(findings))
  }

  @Test func everyModuleOfTheTreeIsInTheTable() {
    let modules = Set(SourceTree.code.filter { !$0.path.hasSuffix(".h") }.compactMap(\.module))
    #expect(modules == Set(Layers.allowed.keys))
  }

  @Test func theTableHasNoCircle() {
    var known: Set<String> = []
    var rest = Layers.allowed
    while let next = rest.first(where: { $0.value.allSatisfy { known.contains($0) || Layers.allowed[$0] == nil } }) {
      known.insert(next.key)
      rest.removeValue(forKey: next.key)
    }
    #expect(rest.isEmpty)
  }

  @Test func thePackageDeclaresNoDependencyThatTheTableForbids() throws {
    for (target, dependencies) in try PackageManifest.dependencies() {
      guard let allowed = Layers.allowed[target] else { continue }
      let wrong = dependencies.filter { !allowed.contains($0) }
      #expect(wrong.isEmpty, "Package.swift: \(target) depends on \(wrong)")
    }
  }

  @Test func thePackageDeclaresWhatTheSourcesImport() throws {
    let declared = try PackageManifest.dependencies()
    for file in SourceTree.swift {
      guard let module = file.module, let dependencies = declared[module] else { continue }
      // What a declared target re-exports comes with it; only direct C libraries must be declared themselves.
      let imports = Layers.imports(of: file.code).map(\.module).filter { $0.hasPrefix("C") }
      let missing = imports.filter { !dependencies.contains($0) }
      #expect(missing.isEmpty, "Package.swift: \(module) lacks \(missing), imported by \(file.path)")
    }
  }

  @Test(arguments: [
    ("MeshWire", "import Glibc"), ("MeshWire", "import MeshRuntime"),
    ("MeshBasics", "@preconcurrency import Foundation"),
    ("MeshEngine", "private import Dispatch"), ("MeshControl", "import struct Foundation.Data"),
    ("MeshKit", "public import MeshSecurity"), ("Unknown", "import MeshBasics"),
  ])
  func aForbiddenImportIsFound(module: String, line: String) {
    let file = SourceTree.File(path: "Sources/\(module)/Planted.swift", text: "// first\n\(line)\n")
    #expect(Layers.findings(file).map(\.line) == [2])
  }

  @Test func theWordImportElsewhereIsNoImport() {
    let text = "// import Foundation\nlet text = \"import Foundation\"\nlet important = 1\n"
    #expect(Layers.findings(SourceTree.File(path: "Sources/MeshWire/A.swift", text: text)).isEmpty)
  }
}

/// The targets of Package.swift, as the package manager itself reads them.
enum PackageManifest {
  static func dependencies() throws -> [String: [String]] {
    let text = try #require(SourceTree.text("Package.swift"))
    var result: [String: [String]] = [:]
    for (start, name) in calls(in: text) {
      let body = String(text[start..<closing(of: text, from: start)])
        .replacingOccurrences(of: #"(exclude|resources): \[[^\]]*\]"#, with: "", options: .regularExpression)
      let strings = body.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
        .filter { $0.offset % 2 == 1 }.map { String($0.element) }
      if let target = strings.first, name != "systemLibrary" { result[target] = Array(strings.dropFirst()) }
    }
    try #require(result.count > 5, "Package.swift could not be read")
    return result
  }

  /// The places behind `module(`, `.target(` and `.executableTarget(`.
  private static func calls(in text: String) -> [(String.Index, String)] {
    var result: [(String.Index, String)] = []
    guard let list = text.range(of: "  targets: [") else { return [] }
    for name in ["module(", ".target(", ".executableTarget("] {
      var from = list.upperBound
      while let range = text.range(of: name, range: from..<text.endIndex) {
        result.append((range.upperBound, name))
        from = range.upperBound
      }
    }
    return result
  }

  private static func closing(of text: String, from start: String.Index) -> String.Index {
    var depth = 1
    var index = start
    while index < text.endIndex {
      if text[index] == "(" { depth += 1 }
      if text[index] == ")" { depth -= 1 }
      if depth == 0 { return index }
      index = text.index(after: index)
    }
    return text.endIndex
  }
}
