import Glibc

/// How the command ends: what OmniRelay's CLI answers too (contract: configuration and CLI, part B).
enum ExitCode: Int32 {
  case ok = 0
  /// Wrong arguments, a refused request, or work that failed.
  case error = 1
  /// No answer in the time that `--timeout` allows.
  case timeout = 2
}

/// Why a verb could not do its work, as one sentence for the operator.
struct CommandError: Error, Equatable {
  let message: String
  let exitCode: ExitCode

  init(_ message: String, exitCode: ExitCode = .error) {
    self.message = message
    self.exitCode = exitCode
  }
}

/// The command `meshkit`: finds the verb in the table, parses its options, runs it, and turns errors into exit codes.
struct Command {
  let output: Output
  var verbs = Verb.all

  /// Runs the command line `arguments`, without the program's name.
  func run(_ arguments: [String]) -> ExitCode {
    do {
      switch try interpret(arguments) {
      case .help(let text):
        output.line(text)
        return .ok
      case .run(let verb, let values): return try verb.run(values, output)
      }
    } catch {
      output.complain(error.message)
      return error.exitCode
    }
  }

  /// What a command line asks for.
  enum Request {
    case help(String)
    case run(Verb, OptionValues)
  }

  /// Decides what `arguments` ask for. The words before the first option name the verb.
  func interpret(_ arguments: [String]) throws(CommandError) -> Request {
    if arguments == ["--version"] { return try interpret(["version"]) }
    let words = Array(arguments.prefix { !$0.hasPrefix("-") })
    let options = Array(arguments.dropFirst(words.count))
    if let verb = verbs.first(where: { words.starts(with: $0.words) }) {
      if options.contains(where: Help.names.contains) { return .help(Help.verb(verb)) }
      return .run(verb, try OptionValues(parsing: Array(arguments.dropFirst(verb.words.count)), for: verb))
    }
    try checkPath(words)
    if let option = options.first {
      if Help.names.contains(option) { return .help(Help.group(words, verbs: verbs)) }
      throw CommandError("\(title(words)): unknown option '\(option)'; allowed here: --help")
    }
    throw CommandError("\(title(words)): a verb is missing\n\n\(Help.group(words, verbs: verbs))")
  }

  /// Names the first word that leads to no verb, and the words that would.
  private func checkPath(_ words: [String]) throws(CommandError) {
    for depth in words.indices {
      let known = Array(words.prefix(depth))
      let allowed = Help.nextWords(after: known, verbs: verbs)
      if !allowed.contains(words[depth]) {
        throw CommandError(
          "\(title(known)): unknown verb '\(words[depth])'; allowed: \(allowed.joined(separator: ", "))")
      }
    }
  }

  private func title(_ words: [String]) -> String { (["meshkit"] + words).joined(separator: " ") }
}
