import Foundation
import MeshRuntime
import Testing

@testable import MeshCommand

@Suite struct CommandReferenceTests {
  @Test func theReferencePageIsThatOfTheTable() throws {
    let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../..").standardized
    let page = root.appendingPathComponent("docs/reference/command.md")
    let generated = CommandReference.markdown()
    if ProcessInfo.processInfo.environment["MESHKIT_UPDATE_DOCS"] == "1" {
      try generated.write(to: page, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOf: page, encoding: .utf8) == generated, "run with MESHKIT_UPDATE_DOCS=1 to rewrite it")
  }

  @Test func aVerbHasTheOptionExactlyWhereItsJSONIsDescribed() {
    for verb in Verb.all {
      #expect(verb.options.contains { $0.name == "--output" } == (verb.json != nil), "\(verb.title)")
    }
    #expect(Verb.all.filter { $0.json == nil }.map(\.words) == [["completion"]])
  }

  @Test func theVersionIsADocumentOfItsDescribedMembers() throws {
    let run = Collected.running("version", "--output=JSON")
    #expect(run.results == "{\"name\":\"meshkit\",\"version\":\"\(Version.string)\"}\n" && run.exitCode == .ok)
    #expect(VersionVerb.json.members.map(\.name) == ["name", "version"])
  }
}
