/// One thing the command can do. The parser, the help texts and the error messages all read these declarations.
struct Verb: Sendable {
  /// The words that name it: `mesh peers list`.
  let words: [String]
  /// One line for lists of verbs.
  let summary: String
  /// More lines for its own help; may be empty.
  var details = ""
  /// What the one word after `words` stands for, where the verb needs one: `ID`.
  var operand: String?
  var options: [Option] = []
  let run: @Sendable (OptionValues, Output) throws(CommandError) -> ExitCode

  /// `meshkit mesh peers list`
  var title: String { (["meshkit"] + words).joined(separator: " ") }

  /// The end of a message about a wrong option.
  var allowedOptions: String {
    "allowed: " + (options.map(\.names) + ["--help"]).joined(separator: ", ")
  }
}

/// An option of a verb: `--name VALUE`, `--name=VALUE` or `-n VALUE`.
struct Option: Sendable {
  /// With its dashes: `--url`.
  let name: String
  /// With its dash: `-u`.
  var short: String?
  /// What its value stands for: `URL`; empty for a switch, which has none.
  let placeholder: String
  let summary: String
  /// The value when it isn't given; shown in the help.
  var standard: String?
  var isRequired = false
  /// Whether it may be given more than once.
  var repeats = false

  /// `--url/-u`
  var names: String { short.map { "\(name)/\($0)" } ?? name }

  var isSwitch: Bool { placeholder.isEmpty }

  func isCalled(_ text: String) -> Bool { text == name || text == short }
}
