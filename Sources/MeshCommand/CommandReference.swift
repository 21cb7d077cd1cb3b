/// The page `docs/reference/command.md`, written from the table of verbs.
enum CommandReference {
  /// The whole page, in Markdown.
  static func markdown(_ verbs: [Verb] = Verb.all) -> String {
    (["\(introduction)\n\(list(verbs))"] + verbs.map(section)).joined(separator: "\n")
  }

  private static func list(_ verbs: [Verb]) -> String {
    let rows = verbs.map { verb in
      let anchor = (["meshkit"] + verb.words).joined(separator: "-")
      return "| [`\(verb.title)`](#\(anchor)) | \(verb.summary) |"
    }
    return "| verb | what it does |\n|---|---|\n\(rows.joined(separator: "\n"))\n"
  }

  private static func section(_ verb: Verb) -> String {
    var parts = ["## \(verb.title)", verb.summary]
    if !verb.details.isEmpty { parts.append("\n\(verb.details)") }
    if let operand = verb.operand {
      let choices = verb.operandChoices.map { "`\($0)`" }.joined(separator: ", ")
      let are = verb.operandNames.count == 1 ? "operand is" : "operands are"
      parts.append("\nIts \(are) \(operand)\(choices.isEmpty ? "" : ": \(choices)").")
    }
    if !verb.options.isEmpty {
      let rows = verb.options.map { option in
        let value = option.isSwitch ? "" : "`\(cell(option.placeholder))`"
        return "| `\(option.names)` | \(value) | \(cell(Help.explanation(option))) |"
      }
      parts.append("\n| option | value | meaning |\n|---|---|---|\n\(rows.joined(separator: "\n"))")
    }
    if let json = verb.json {
      let rows = json.members.map { "| `\($0.name)` | \(cell($0.meaning)) |" }
      parts.append(
        "\nWith `--output json`: \(json.summary)\n\n| member | meaning |\n|---|---|\n\(rows.joined(separator: "\n"))")
    }
    return parts.joined(separator: "\n") + "\n"
  }

  private static func cell(_ text: String) -> String { text.map { $0 == "|" ? "\\|" : String($0) }.joined() }

  private static let introduction = """
    # The command meshkit
    <!-- Written from the table in Sources/MeshCommand;
    `MESHKIT_UPDATE_DOCS=1 swift test --filter MeshCommandTests` rewrites it. -->

    The words come first, then the options, as `--name VALUE` or `--name=VALUE`; a value that begins with `--` needs the
    second form. `--help` explains any verb. Results go to stdout, complaints to stderr. Exit codes: 0 done, 1 error,
    2 no answer in time.

    `--output json` prints JSON for programs: one document, or a line for each event, in UTF-8, without line breaks
    inside. Later versions add members and events, and keep those that are here; a member that would be null is left out.
    After a failure stdout has no document, unless the verb says otherwise: the exit code tells.

    """
}
