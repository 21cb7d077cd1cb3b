import Testing

@Suite struct DocumentTests {
  @Test func everyRelativeLinkLeadsSomewhere() {
    let findings = Documents.pages.flatMap { Documents.brokenLinks($0) }
    #expect(findings.isEmpty, listed(findings))
  }

  @Test func nothingNamesAPathOfOneMachine() {
    let folders = ["Sources", "include", "docs", "examples", "Tests/Fixtures"]
    let files = SourceTree.files(in: folders, suffixes: [".swift", ".c", ".h", ".md", ".json", ".py", ".yml"])
    let findings = files.flatMap(Documents.machinePaths)
    #expect(findings.isEmpty, listed(findings))
  }

  @Test func everyModuleIsExplainedInTheInternals() throws {
    let index = try #require(SourceTree.text("docs/internals/README.md"))
    let rows = index.split(separator: "\n").filter { $0.hasPrefix("| ") && $0.contains(".md") }
    let named = rows.flatMap { $0.split(whereSeparator: { !$0.isLetter && !$0.isNumber }) }
    for module in Set(SourceTree.code.filter { $0.path.hasPrefix("Sources/") }.compactMap(\.module)).sorted() {
      #expect(named.contains { $0 == module }, "docs/internals/README.md leads to no page for \(module)")
    }
  }

  @Test func everyPageOfAFolderIsInItsIndex() throws {
    for folder in ["docs/internals", "docs/decisions"] {
      let index = try #require(SourceTree.text("\(folder)/README.md"))
      for page in Documents.pages where page.path.hasPrefix(folder + "/") && page.name != "README.md" {
        #expect(index.contains("(\(page.name)"), "\(folder)/README.md doesn't list \(page.name)")
      }
    }
  }

  @Test func theReadmeFitsOneScreen() throws {
    let readme = try #require(SourceTree.text("README.md"))
    #expect(readme.split(separator: "\n", omittingEmptySubsequences: false).count <= 100)
  }

  @Test(arguments: [
    ("[a](missing.md)", 1), ("[a](../other/there.md)", 1), ("[a](../../../up.md)", 1), ("[a](there.md)", 0),
    ("[a](there.md#part)", 0), ("[a](#part)", 0), ("[a](https://example.org/x)", 0), ("![a](picture.png \"title\")", 1),
    ("[a](./there.md) [b](gone.md)", 1), ("```\n[a](missing.md)\n```", 0),
  ])
  func brokenLinksAreFound(text: String, count: Int) {
    let page = SourceTree.File(path: "docs/guides/page.md", text: text)
    #expect(Documents.brokenLinks(page) { $0 == "docs/guides/there.md" }.count == count)
  }

  @Test(arguments: [
    ("see /tmp/build/x", 1), ("/home/someone/x", 1), ("in \"/root/x\"", 1), ("/work/tree", 1), ("build/tmp/x", 0),
    ("$HOME/work/x", 0), ("https://example.org/home/x", 0), ("/var/lib/meshkit", 0), ("../tmp/x", 0),
  ])
  func pathsOfOneMachineAreFound(text: String, count: Int) {
    #expect(Documents.machinePaths(SourceTree.File(path: "docs/a.md", text: text)).count == count)
  }
}
