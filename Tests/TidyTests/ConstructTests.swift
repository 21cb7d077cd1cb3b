import Testing

@Suite struct ConstructTests {
  @Test func sourcesHoldNoForbiddenConstruct() {
    let findings = SourceTree.swift.flatMap { file in Construct.all.flatMap { $0.findings(file) } }
    #expect(findings.isEmpty, listed(findings))
  }

  @Test func everyRuleFindsWhatBreaksIt() {
    for construct in Construct.all {
      for snippet in construct.wrong {
        let found = construct.findings(planted(snippet))
        #expect(found.map(\.line) == [2], "\(construct.name) misses: \(snippet)")
      }
    }
  }

  @Test func noRuleFindsWhatOnlyLooksLikeIt() {
    for construct in Construct.all {
      for snippet in construct.right {
        #expect(construct.findings(planted(snippet)).isEmpty, "\(construct.name) wrongly finds: \(snippet)")
      }
    }
  }

  @Test func commentsAndLiteralsAreNoCode() {
    let snippet = """
      // fatalError("x") and list.first!
      /* try! /* as! */ print(1) */
      let text = "fatalError(1) \\(value) try!" // await
      let long = \"\"\"
        precondition(false)
        \"\"\"
      let raw = #"print("x")"#
      """
    let findings = Construct.all.flatMap { $0.findings(planted(snippet)) }
    #expect(findings.isEmpty, listed(findings))
  }

  @Test func codeBehindALiteralIsStillCode() {
    let found = Construct.all.flatMap { $0.findings(planted(#"let a = "text \"quoted\" \(b("c"))"; fatalError(a)"#)) }
    #expect(found.map(\.rule) == ["fatalError"])
  }

  @Test func anAllowanceNeedsTheRuleAndAReason() {
    let rule = Construct.all.first { $0.name == "fatalError" }
    for allowance in ["// tidy:allow fatalError: the process is ending", "let a = 1 // tidy:allow fatalError: why not"]
    {
      #expect(rule?.findings(planted("\(allowance)\nfatalError()")).isEmpty == true)
    }
    for allowance in ["// tidy:allow fatalError:", "// tidy:allow print: a reason", "// tidy:allow fatalError: far\n"] {
      #expect(rule?.findings(planted("\(allowance)\nfatalError()")).count == 1)
    }
  }

  @Test func rulesHoldOnlyWhereTheyBelong() {
    func rules(_ module: String, _ line: String) -> [String] {
      Construct.all.filter { !$0.findings(planted(line, module: module)).isEmpty }.map(\.name)
    }
    #expect(rules("MeshKit", "await node.stop()") == [])
    #expect(rules("MeshRuntime", "await node.stop()") == ["async"])
    #expect(rules("MeshRuntime", "var a: [String: Int]") == [])
    #expect(rules("MeshCommand", "exit(1)") == [])
    #expect(rules("MeshSimCommand", "print(1)") == [])
    #expect(rules("MeshSim", "print(1)") == ["print"])
    #expect(rules("MeshTransport", "unowned let owner: Owner") == [])
    #expect(rules("MeshTransport", "exit(1)") == ["process-state"])
  }

  private func planted(_ code: String, module: String = "MeshEngine") -> SourceTree.File {
    SourceTree.File(path: "Sources/\(module)/Planted.swift", text: "// planted\n\(code)\n")
  }
}
