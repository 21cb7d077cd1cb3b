import Testing

@Suite struct SizeTests {
  @Test func filesFunctionsAndLinesStaySmall() {
    let findings = SourceTree.code.flatMap(Sizes.findings)
    #expect(findings.isEmpty, listed(findings))
  }

  @Test func aFileAtTheLimitPassesAndOneLineMoreDoesNot() {
    #expect(rules(String(repeating: "let a = 1\n", count: 800)) == [])
    #expect(rules(String(repeating: "let a = 1\n", count: 801)) == ["file-length"])
  }

  @Test func aLineAtTheLimitPassesAndOneCharacterMoreDoesNot() {
    #expect(rules(String(repeating: "a", count: 120) + "\n") == [])
    #expect(rules(String(repeating: "é", count: 121) + "\n") == ["line-length"])
  }

  @Test func aLongCommentIsFoundAndALongLiteralIsNot() {
    let long = String(repeating: "word ", count: 30)
    #expect(rules("// \(long)\n") == ["line-length"])
    #expect(rules("let a = \"\"\"\n  \(long)\n  \"\"\"\n") == [])
  }

  @Test(arguments: [
    "func a() {", "public static func a() {", "init() {", "  @inline(__always) private func b(c: Int) -> Int {",
    "convenience init?(a: Int) {", "subscript(a: Int) -> Int {", "deinit {", "mutating func a() throws(E) {",
    "@_cdecl(\"meshkit_x\") @implementation public func meshkit_x(", "private(set) public func a(",
  ])
  func aFunctionAtTheLimitPassesAndOneLineMoreDoesNot(head: String) {
    let indentation = String(head.prefix { $0 == " " })
    func function(lines: Int) -> String {
      let body = String(repeating: "\(indentation)  call()\n", count: lines - 2)
      return "\(head)\n\(body)\(indentation)}\n"
    }
    #expect(rules(function(lines: 70)) == [])
    #expect(rules(function(lines: 71)) == ["function-length"])
  }

  @Test func aRequirementWithoutABodyIsNoFunction() {
    let body = String(repeating: "  var a: Int { get }\n", count: 80)
    #expect(rules("protocol A {\n  func a()\n\(body)}\n") == [])
  }

  @Test func theHeaderAndGeneratedFilesAreExempt() {
    let text = String(repeating: "int a;\n", count: 900)
    #expect(Sizes.findings(SourceTree.File(path: "include/meshkit.h", text: text)).isEmpty)
    #expect(Sizes.findings(SourceTree.File(path: "Sources/A/Generated/B.swift", text: text)).isEmpty)
  }

  private func rules(_ text: String) -> [String] {
    Sizes.findings(SourceTree.File(path: "Sources/MeshEngine/Planted.swift", text: text)).map(\.rule)
  }
}
