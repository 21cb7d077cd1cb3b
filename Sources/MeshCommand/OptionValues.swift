import MeshRuntime

/// The option values of one command line, checked against the verb's table.
struct OptionValues {
  private let verb: Verb
  private var given: [(option: Option, value: String)] = []
  /// What the verb shall work on, a word for each of its operands.
  private(set) var operands: [String] = []
  /// The first of them; empty for verbs without an operand.
  var operand: String { operands.first ?? "" }

  /// Reads `arguments`, which follow the verb's words.
  init(parsing arguments: [String], for verb: Verb) throws(CommandError) {
    self.verb = verb
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      let (name, attached) = OptionValues.split(argument)
      if operands.count < verb.operandNames.count, !argument.isEmpty, !argument.hasPrefix("-") {
        operands.append(argument)
        continue
      }
      guard argument.hasPrefix("-") else {
        throw CommandError("\(verb.title): unexpected argument '\(argument)'; \(verb.allowedOptions)")
      }
      guard let option = verb.options.first(where: { $0.isCalled(name) }) else {
        throw CommandError("\(verb.title): unknown option '\(name)'; \(verb.allowedOptions)")
      }
      if option.isSwitch, attached != nil {
        throw CommandError("\(verb.title): \(option.name) takes no value")
      }
      guard let value = option.isSwitch ? "" : attached ?? OptionValues.popValue(&rest) else {
        throw CommandError("\(verb.title): \(option.name) needs a value: \(option.name) \(option.placeholder)")
      }
      if !option.repeats, given.contains(where: { $0.option.name == option.name }) {
        throw CommandError("\(verb.title): \(option.name) is given twice")
      }
      given.append((option, value))
    }
    if let name = verb.operandNames.dropFirst(operands.count).first {
      throw CommandError("\(verb.title): \(name) is missing: \(verb.title) \(verb.operand ?? "")")
    }
    for option in verb.options where option.isRequired && all(option.name).isEmpty {
      throw CommandError("\(verb.title): \(option.name) \(option.placeholder) is missing")
    }
  }

  /// `meshkit mesh peers list`, for messages.
  var title: String { verb.title }

  /// The value of `name`, or its standard value, or nil.
  func value(_ name: String) -> String? {
    all(name).last ?? verb.options.first { $0.name == name }?.standard
  }

  /// Whether the switch `name` is given.
  func isOn(_ name: String) -> Bool { !all(name).isEmpty }

  /// Every value given for `name`, in order.
  func all(_ name: String) -> [String] { given.filter { $0.option.name == name }.map(\.value) }

  /// The value of `name` as a length of time greater than zero.
  func duration(_ name: String) throws(CommandError) -> Duration {
    let text = value(name) ?? ""
    guard let duration = DurationText.parse(text), duration > .zero else {
      throw CommandError(
        "\(verb.title): \(name) '\(text)' is no duration; allowed: more than zero, as 1500ms, 10s, 2m, 1h or 00:00:10")
    }
    return duration
  }

  /// The value of `name`, in lower case, one of those that its placeholder lists.
  func choice(_ name: String) throws(CommandError) -> String {
    let text = value(name) ?? ""
    let choices = verb.options.first { $0.name == name }?.choices ?? []
    guard let choice = choices.first(where: { $0 == text.lowercased() }) else {
      throw CommandError(
        "\(verb.title): \(name) '\(printable(text))' is unknown; allowed: \(choices.joined(separator: ", "))")
    }
    return choice
  }

  /// `--name=value` in its two parts.
  private static func split(_ argument: String) -> (name: String, value: String?) {
    guard argument.hasPrefix("--"), let sign = argument.firstIndex(of: "=") else { return (argument, nil) }
    return (String(argument[..<sign]), String(argument[argument.index(after: sign)...]))
  }

  /// The next argument, unless it looks like an option: a value that starts with `--` is written `--name=--value`.
  private static func popValue(_ rest: inout ArraySlice<String>) -> String? {
    guard let next = rest.first, !next.hasPrefix("--") else { return nil }
    return rest.popFirst()
  }
}
