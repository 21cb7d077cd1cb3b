import Foundation
import Testing

@testable import MeshRuntime

@Test func theVersionInCodeIsTheOneInTheVersionFile() throws {
  let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  let file = try String(contentsOf: root.appending(path: "VERSION"), encoding: .utf8)
  let version = file.trimmingCharacters(in: .whitespacesAndNewlines)
  #expect(Version.string == version)
  let parts = version.split(separator: ".").compactMap { Int32($0) }
  try #require(parts.count == 3)
  #expect(Version.number == parts[0] * 10_000 + parts[1] * 100 + parts[2])
}
