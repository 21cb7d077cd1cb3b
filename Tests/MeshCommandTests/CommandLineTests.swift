import Testing

@testable import MeshCommand

@Suite struct CommandLineTests {
  private static let options =
    "--url/-u, --cacert, --cert, --key, --token-file, --timeout, --output/-o/--format, --watch, --help"

  @Test func everyVerbAndEveryLevelHasHelp() {
    for words in [[], ["cert"], ["node"], ["mesh"], ["mesh", "peers"]] + Verb.all.map(\.words) {
      let run = Collected.running(words + ["--help"])
      #expect(run.exitCode == .ok)
      #expect(run.results.hasPrefix("usage: \((["meshkit"] + words).joined(separator: " "))"))
      #expect(run.complaints.isEmpty)
    }
  }

  @Test func helpOfAVerbNamesEachOfItsOptions() {
    for verb in Verb.all {
      let text = Collected.running(verb.words + ["-h"]).results
      for option in verb.options { #expect(text.contains("\(option.names) \(option.placeholder)")) }
    }
  }

  @Test func topLevelHelpListsEveryVerb() {
    let text = Collected.running("--help").results
    for verb in Verb.all { #expect(text.contains("  \(verb.words.joined(separator: " "))")) }
  }

  @Test func noVerbIsAnErrorThatShowsTheHelp() {
    let run = Collected.running()
    #expect(run.exitCode == .error)
    #expect(run.complaints.contains("a verb is missing"))
    #expect(run.complaints.contains("mesh peers list"))
    #expect(run.results.isEmpty)
  }

  @Test func anUnfinishedVerbShowsWhatMayFollow() {
    let run = Collected.running("mesh", "peers")
    #expect(run.exitCode == .error)
    #expect(run.complaints.contains("usage: meshkit mesh peers VERB"))
  }

  @Test(arguments: [
    (["frob"], "meshkit: unknown verb 'frob'; allowed: version, cert, token, node, mesh, queues, completion\n"),
    (["mesh", "peer"], "meshkit mesh: unknown verb 'peer'; allowed: peers, config, drain, resume, leave\n"),
    (["mesh", "peers", "show"], "meshkit mesh peers: unknown verb 'show'; allowed: list, ping, remove\n"),
    (["mesh", "--url"], "meshkit mesh: unknown option '--url'; allowed here: --help\n"),
    (
      ["mesh", "peers", "list", "--ur", "x"],
      "meshkit mesh peers list: unknown option '--ur'; allowed: \(CommandLineTests.options)\n"
    ),
    (
      ["mesh", "peers", "list", "all"],
      "meshkit mesh peers list: unexpected argument 'all'; allowed: \(CommandLineTests.options)\n"
    ),
    (
      ["mesh", "peers", "list", "-u", "http://a", "b"],
      "meshkit mesh peers list: unexpected argument 'b'; allowed: \(CommandLineTests.options)\n"
    ),
    (["mesh", "peers", "list", "--url"], "meshkit mesh peers list: --url needs a value: --url URL\n"),
    (["mesh", "peers", "list", "-u", "--format"], "meshkit mesh peers list: --url needs a value: --url URL\n"),
    (
      ["mesh", "peers", "list", "--format", "table", "--output=json"],
      "meshkit mesh peers list: --output is given twice\n"
    ),
    (["node", "run"], "meshkit node run: --config FILE is missing\n"),
    (["version", "--all"], "meshkit version: unknown option '--all'; allowed: --output/-o, --help\n"),
  ])
  func wrongUseIsNamedWithWhatIsAllowed(words: [String], message: String) {
    let run = Collected.running(words)
    #expect(run.complaints == message)
    #expect(run.exitCode == .error)
    #expect(run.results.isEmpty)
  }

  @Test func versionPrintsTheProductAndItsNumber() {
    #expect(Collected.running("version").results.hasPrefix("meshkit 0."))
    #expect(Collected.running("--version").results == Collected.running("version").results)
  }
}

@Suite struct OptionValuesTests {
  private let verb = Verb(
    words: ["try"], summary: "",
    options: [
      Option(name: "--name", short: "-n", placeholder: "TEXT", summary: "", standard: "none"),
      Option(name: "--set", placeholder: "TEXT", summary: "", repeats: true),
      Option(name: "--timeout", placeholder: "TIME", summary: "", standard: "10s"),
    ],
    run: { _, _ in .ok })

  @Test func aValueFollowsItsNameOrAnEqualsSign() throws {
    #expect(try OptionValues(parsing: ["--name", "a"], for: verb).value("--name") == "a")
    #expect(try OptionValues(parsing: ["--name=--a=b"], for: verb).value("--name") == "--a=b")
    #expect(try OptionValues(parsing: ["--name="], for: verb).value("--name") == "")
    #expect(try OptionValues(parsing: ["-n", "-1"], for: verb).value("--name") == "-1")
  }

  @Test func anOptionNotGivenHasItsStandardValue() throws {
    let values = try OptionValues(parsing: [], for: verb)
    #expect(values.value("--name") == "none")
    #expect(values.value("--set") == nil)
    #expect(values.all("--set") == [])
  }

  @Test func repeatedValuesKeepTheirOrder() throws {
    #expect(try OptionValues(parsing: ["--set", "b", "--set=a"], for: verb).all("--set") == ["b", "a"])
  }

  @Test(arguments: ["0s", "10", "", "-1s", "00:00:00", "ten"])
  func aDurationMustBePositive(text: String) throws {
    let values = try OptionValues(parsing: ["--timeout=\(text)"], for: verb)
    #expect(throws: CommandError.self) { try values.duration("--timeout") }
  }
}
