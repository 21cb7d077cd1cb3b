/// One thing the command can do. The parser, the help texts and the error messages all read these declarations.
struct Verb: Sendable {
  /// The words that name it: `mesh peers list`.
  let words: [String]
  /// One line for lists of verbs.
  let summary: String
  /// More lines for its own help; may be empty.
  var details = ""
  /// What the words after `words` stand for, where the verb needs any: `ID`, or `NAME ID`.
  var operand: String?
  /// What may stand for it, where that is a few words.
  var operandChoices: [String] = []
  var options: [Option] = []
  /// What `--output json` prints; nil for a verb without that option.
  var json: JSONForm?
  let run: @Sendable (OptionValues, Output) throws(CommandError) -> ExitCode

  /// What each of them stands for.
  var operandNames: [String] { (operand ?? "").split(separator: " ").map { String($0) } }

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
  /// OmniRelay's name for it, with its dashes.
  var alias: String?
  /// What its value stands for: `URL`, or what it may be, as `table|json`; empty for a switch, which has none.
  let placeholder: String
  let summary: String
  /// The value when it isn't given; shown in the help.
  var standard: String?
  var isRequired = false
  /// Whether it may be given more than once.
  var repeats = false

  /// `--url`, and `-u`.
  var allNames: [String] { [name, short, alias].compactMap { $0 } }

  /// `--url/-u`
  var names: String { allNames.joined(separator: "/") }

  var isSwitch: Bool { placeholder.isEmpty }

  /// What the value may be; empty when that is no matter of a few words.
  var choices: [String] {
    placeholder.contains("|") ? placeholder.split(separator: "|").map { String($0) } : []
  }

  /// Whether the value is a path.
  var takesPath: Bool { ["FILE", "DIR"].contains(placeholder) }

  func isCalled(_ text: String) -> Bool { allNames.contains(text) }
}
