import MeshRuntime

/// `meshkit completion bash|zsh|fish`: a script that lets a shell complete the command, made from the table of verbs.
enum Completion {
  static let shells = ["bash", "zsh", "fish"]

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    guard let script = script(of: values.operand, verbs: Verb.all) else {
      throw CommandError(
        "\(values.title): there is no completion for '\(printable(values.operand))'; "
          + "allowed: \(shells.joined(separator: ", "))")
    }
    output.line(script)
    return .ok
  }

  /// The script for `shell`; nil for a shell that isn't known.
  static func script(of shell: String, verbs: [Verb]) -> String? {
    switch shell {
    case "bash": return BashCompletion.script(verbs)
    case "zsh": return ZshCompletion.script(verbs)
    case "fish": return FishCompletion.script(verbs)
    default: return nil
    }
  }

  /// The words that lead to verbs and are none: none at all, `mesh`, `mesh peers`.
  static func groups(_ verbs: [Verb]) -> [[String]] {
    var result: [[String]] = []
    for verb in verbs {
      for count in 0..<verb.words.count {
        let group = Array(verb.words.prefix(count))
        if !result.contains(group) { result.append(group) }
      }
    }
    return result
  }

  /// What may follow `group`, each with a line about it: the summary of a verb, or the verbs below.
  static func next(after group: [String], _ verbs: [Verb]) -> [(word: String, summary: String)] {
    Help.nextWords(after: group, verbs: verbs).map { word in
      let path = group + [word]
      let below = Help.nextWords(after: path, verbs: verbs).joined(separator: ", ")
      return (word, verbs.first { $0.words == path }?.summary ?? below)
    }
  }

  /// `text` in single quotes, where `quote` stands for one inside.
  static func quoted(_ text: String, _ quote: String) -> String {
    "'" + text.map { $0 == "'" ? quote : String($0) }.joined() + "'"
  }
}

private enum BashCompletion {
  static func script(_ verbs: [Verb]) -> String {
    let groups = Completion.groups(verbs).map { group in
      let words = Completion.next(after: group, verbs).map(\.word) + (group.isEmpty ? ["--version"] : []) + ["--help"]
      return "    \"\(prefix(group))\") choices=\"\(words.joined(separator: " "))\" ;;"
    }
    return """
      # Lets bash complete meshkit; printed by: meshkit completion bash
      _meshkit() {
        local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb= word choices= paths=
        # bash cuts --name=value at the sign.
        if [[ $current == = ]]; then
          current=
        elif [[ $before == = ]]; then
          before=${COMP_WORDS[COMP_CWORD - 2]}
        fi
        for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
          [[ $word == -* ]] && break
          verb+="$word "
        done
        case $verb in
      \((verbs.map(branch) + groups).joined(separator: "\n"))
        esac
        if [[ $paths ]]; then
          compopt -o filenames 2> /dev/null || :
          mapfile -t COMPREPLY < <(compgen "$paths" -- "$current")
        else
          mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
        fi
      }
      complete -F _meshkit meshkit
      """
  }

  /// Each word with a blank behind it, as the script gathers them.
  private static func prefix(_ words: [String]) -> String { words.map { "\($0) " }.joined() }

  private static func branch(_ verb: Verb) -> String {
    let values = verb.options.filter { !$0.isSwitch }.map { option in
      let names = option.allNames.joined(separator: "|")
      if option.takesPath { return "        \(names)) paths=\(option.placeholder == "DIR" ? "-d" : "-f") ;;" }
      return "        \(names)) choices=\"\(option.choices.joined(separator: " "))\" ;;"
    }
    let words = verb.operandChoices + verb.options.flatMap(\.allNames) + ["--help"]
    let others = "        *) choices=\"\(words.joined(separator: " "))\" ;;"
    return """
          "\(prefix(verb.words))"*)
            case $before in
      \((values + [others]).joined(separator: "\n"))
            esac ;;
      """
  }
}

private enum ZshCompletion {
  static func script(_ verbs: [Verb]) -> String {
    let groups = Completion.groups(verbs).map { group in
      let words = Completion.next(after: group, verbs).map { described($0.word, $0.summary) }
      let prefix = Completion.quoted(group.map { "\($0) " }.joined(), "'\\''")
      return "    \(prefix)) choices=(\(words.joined(separator: " "))) ;;"
    }
    return """
      #compdef meshkit
      # Lets zsh complete meshkit; printed by: meshkit completion zsh
      _meshkit() {
        local before=${words[CURRENT - 1]} verb= word
        local -a choices
        if [[ ${words[CURRENT]} == --*=* ]]; then
          before=${words[CURRENT]%%=*}
          compset -P '*='
        fi
        for word in "${(@)words[2,CURRENT - 1]}"; do
          [[ $word == -* ]] && break
          verb+="$word "
        done
        case $verb in
      \((verbs.map(branch) + groups).joined(separator: "\n"))
        esac
        _describe -V meshkit choices
      }
      if [[ ${funcstack[1]} == _meshkit ]]; then
        _meshkit "$@"
      else
        compdef _meshkit meshkit
      fi
      """
  }

  private static func described(_ word: String, _ summary: String) -> String {
    Completion.quoted("\(word):\(summary)", "'\\''")
  }

  private static func branch(_ verb: Verb) -> String {
    let values = verb.options.filter { !$0.isSwitch }.map { option in
      let names = option.allNames.joined(separator: "|")
      if option.takesPath { return "        \(names)) _files\(option.placeholder == "DIR" ? " -/" : ""); return ;;" }
      return "        \(names)) choices=(\(option.choices.joined(separator: " "))) ;;"
    }
    let words =
      verb.operandChoices + verb.options.flatMap { option in option.allNames.map { described($0, option.summary) } }
      + [described("--help", "show the help")]
    let lines = words.map { "          \($0)" }.joined(separator: "\n")
    return """
          '\(verb.words.map { "\($0) " }.joined())'*)
            case $before in
      \(values.map { "\($0)\n" }.joined())        *) choices=(
      \(lines)
                ) ;;
            esac ;;
      """
  }
}

private enum FishCompletion {
  static func script(_ verbs: [Verb]) -> String {
    let groups = Completion.groups(verbs).flatMap { group in
      Completion.next(after: group, verbs).map { word, summary in
        line("__meshkit_is", group, "-a \(word)", summary)
      }
    }
    return """
      # Lets fish complete meshkit; printed by: meshkit completion fish
      # The words before the first option.
      function __meshkit_verb
        for word in (commandline -opc)[2..-1]
          string match -q -- '-*' $word; and break
          echo $word
        end
      end
      function __meshkit_is
        set -l verb (__meshkit_verb)
        test "$verb" = "$argv"
      end
      function __meshkit_begins
        set -l verb (__meshkit_verb)
        string match -q -- "$argv *" "$verb "
      end
      complete -c meshkit -f
      \((groups + verbs.flatMap(lines)).joined(separator: "\n"))
      """
  }

  private static func lines(_ verb: Verb) -> [String] {
    var result: [String] = []
    if !verb.operandChoices.isEmpty {
      let words = verb.operandChoices.joined(separator: " ")
      result.append(line("__meshkit_is", verb.words, "-a '\(words)'", verb.operand ?? ""))
    }
    for option in verb.options {
      var names = option.allNames.map { $0.hasPrefix("--") ? "-l \($0.dropFirst(2))" : "-s \($0.dropFirst(1))" }
      if option.takesPath {
        names.append("-r -F")
      } else if !option.isSwitch {
        names.append(option.choices.isEmpty ? "-x" : "-x -a '\(option.choices.joined(separator: " "))'")
      }
      result.append(line("__meshkit_begins", verb.words, names.joined(separator: " "), option.summary))
    }
    return result + [line("__meshkit_begins", verb.words, "-l help -s h", "show the help")]
  }

  private static func line(_ condition: String, _ words: [String], _ what: String, _ summary: String) -> String {
    let test = ([condition] + words).joined(separator: " ")
    return "complete -c meshkit -n '\(test)' \(what) -d \(Completion.quoted(summary, "\\'"))"
  }
}
