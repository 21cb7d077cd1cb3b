/// The help texts, all made from the table of verbs.
enum Help {
  static let names = ["--help", "-h"]

  /// The verbs below `words`: all of them for the empty list.
  static func group(_ words: [String], verbs: [Verb]) -> String {
    let title = (["meshkit"] + words).joined(separator: " ")
    let rows = verbs.filter { $0.words.starts(with: words) }
      .map { (($0.words + [$0.operand].compactMap { $0 }).joined(separator: " "), $0.summary) }
    return """
      usage: \(title) VERB [OPTION...]

      \(columns(rows))

      \(title) VERB --help explains one verb. Exit codes: 0 done, 1 error, 2 timeout.
      """
  }

  /// One verb with its options.
  static func verb(_ verb: Verb) -> String {
    let operand = verb.operand.map { " \($0)" } ?? ""
    let required = verb.options.filter(\.isRequired).map { " \($0.name) \($0.placeholder)" }.joined()
    let optional = verb.options.allSatisfy(\.isRequired) ? "" : " [OPTION...]"
    let rows = verb.options.map { (usage($0), explanation($0)) } + [("--help/-h", "show this text")]
    let details = verb.details.isEmpty ? "" : "\n\(verb.details)\n"
    let json =
      verb.json.map { form in
        let members = form.members.map(\.name).joined(separator: ", ")
        return "\nMembers of the JSON: \(members). docs/reference/command.md explains them.\n"
      } ?? ""
    return """
      usage: \(verb.title)\(operand)\(required)\(optional)

      \(verb.summary)
      \(details)
      \(columns(rows))
      \(json)
      Exit codes: 0 done, 1 error, 2 timeout.
      """
  }

  /// The words that may follow `words`, each once, in the order of the table.
  static func nextWords(after words: [String], verbs: [Verb]) -> [String] {
    var result: [String] = []
    for verb in verbs where verb.words.starts(with: words) && verb.words.count > words.count {
      let next = verb.words[words.count]
      if !result.contains(next) { result.append(next) }
    }
    return result
  }

  private static func usage(_ option: Option) -> String {
    option.isSwitch ? option.names : "\(option.names) \(option.placeholder)"
  }

  static func explanation(_ option: Option) -> String {
    var notes: [String] = []
    if option.isRequired { notes.append("required") }
    if option.repeats { notes.append("may be repeated") }
    if let standard = option.standard { notes.append("default \(standard)") }
    return notes.isEmpty ? option.summary : "\(option.summary) (\(notes.joined(separator: ", ")))"
  }

  private static func columns(_ rows: [(String, String)]) -> String {
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { "  \(Column.left($0.0, width))  \($0.1)" }.joined(separator: "\n")
  }
}
