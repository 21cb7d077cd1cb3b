/// In which form a verb prints its results.
enum OutputForm: String {
  /// Lines for people.
  case table
  /// JSON for programs: one document, or a line for each event.
  case json

  /// The option of every verb that prints data. `alias` is OmniRelay's name for it.
  static func option(alias: String? = nil) -> Option {
    Option(
      name: "--output", short: "-o", alias: alias, placeholder: "table|json", summary: "form of what is printed",
      standard: table.rawValue)
  }

  init(_ values: OptionValues) throws(CommandError) {
    self = OutputForm(rawValue: try values.choice("--output")) ?? .table
  }
}

/// What a verb prints with `--output json`. Programs rely on it: members are added, never taken away.
struct JSONForm: Sendable {
  /// Whether it is one document or a line for each event.
  let summary: String
  let members: [(name: String, meaning: String)]

  init(_ summary: String, _ members: [(name: String, meaning: String)]) {
    self.summary = summary
    self.members = members
  }
}
