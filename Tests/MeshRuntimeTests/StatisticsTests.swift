import Foundation
import MeshTransport
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

@Test func theTethersOfANodeAreInItsMetrics() throws {
  let mesh = try TestMesh(["a", "b"])
  let a = try Node.open(try mesh.configuration("a"))
  let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
  try eventually("a's tether to b is counted") {
    let url = "http://127.0.0.1:\(a.controlPort)/metrics"
    let text = String(decoding: try HTTPClient.get(url: url, timeout: .seconds(10)).body, as: UTF8.self)
    return text.contains("\nmesh_tethers 1\n") && text.contains("\nmesh_tethers_refused_total 0\n")
  }
  for node in [b, a] { try node.stopAndWait(timeout: .seconds(10)) }
}

/// The dotted paths of all leaves.
private func paths(of object: [String: Any], under prefix: String = "") throws -> [String] {
  try object.flatMap { name, value -> [String] in
    if let inner = value as? [String: Any] { return try paths(of: inner, under: "\(prefix)\(name).") }
    return [prefix + name]
  }
}
