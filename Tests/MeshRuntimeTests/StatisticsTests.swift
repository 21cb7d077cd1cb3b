import Foundation
import Testing

@testable import MeshRuntime

@Test func everyStatisticIsDocumentedAndEveryDocumentedOneExists() throws {
  let mesh = try TestMesh(["a"])
  let node = try Node.open(try mesh.configuration("a"))
  defer { try? node.stopAndWait(timeout: .seconds(10)) }
  try eventually("the engine has taken a turn") { node.members().revision > 0 }
  let document = try JSONSerialization.jsonObject(with: Data(node.statisticsJSON()))
  let fields = try paths(of: try #require(document as? [String: Any]))

  let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  let page = try String(contentsOf: root.appending(path: "docs/reference/statistics.md"), encoding: .utf8)
  let documented = page.split(separator: "\n").compactMap { line -> String? in
    guard line.hasPrefix("| `") else { return nil }
    return line.dropFirst(3).split(separator: "`").first.map(String.init)
  }
  #expect(Set(fields) == Set(documented))
  #expect(documented.count == Set(documented).count)
}

/// The dotted paths of all leaves.
private func paths(of object: [String: Any], under prefix: String = "") throws -> [String] {
  try object.flatMap { name, value -> [String] in
    if let inner = value as? [String: Any] { return try paths(of: inner, under: "\(prefix)\(name).") }
    return [prefix + name]
  }
}
