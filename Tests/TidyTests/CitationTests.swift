import Testing

@Suite struct CitationTests {
  @Test func citationsOfStandardsHaveTheirForm() {
    let findings = SourceTree.swift.flatMap(Citations.findings)
    #expect(findings.isEmpty, listed(findings))
  }

  @Test func aCitationIsCountedUnderItsStandard() {
    let file = planted(#"// [RFC 9114 §4.1] "A client sends an HTTP request on a request stream""#)
    #expect(Citations.cited(in: file) == ["9114"])
    #expect(Citations.findings(file).isEmpty)
  }

  @Test(arguments: [
    "// [RFC 9114] \"no section is named\"", "// [RFC 9114 §4.1] without a quote", "// [RFC x §4] \"not a number\"",
    "// [RFC 9114 §4.1] \"short\"",
  ])
  func aCitationOfAnotherFormIsFound(line: String) { #expect(Citations.findings(planted(line)).map(\.line) == [2]) }

  private func planted(_ line: String) -> SourceTree.File {
    SourceTree.File(path: "Sources/MeshTransport/Planted.swift", text: "// planted\n  \(line)\n")
  }
}
