import MeshRuntime

/// `meshkit mesh peers list`: asks a node's control listener and prints what OmniRelay's CLI prints.
enum PeersVerb {
  static let json = JSONForm(
    "One document, that of `GET /control/peers`; members that the node adds are passed on. With `--watch` a line for "
      + "each event of `GET /v1/members?watch=true`, which has `event` and `data`.",
    [
      ("schemaVersion", "`v1`."), ("generatedAt", "When the node made it, as ISO 8601."),
      ("localNodeId", "The node that answers."),
      ("peers", "An array of the members, each with `nodeId`, `status` and `metadata`; more when they are known."),
      ("event", "With `--watch`: `members.snapshot`, `members.change`, `members.removal` or `members.resync`."),
      ("data", "With `--watch`: what the node says about it."),
    ])

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let form = try OutputForm(values)
    if values.isOn("--watch") { return try PeersWatch.watch(values, output, form: form).run() }
    let (url, body) = try fetch(values)
    do {
      let report = try PeersReport(parsing: body)
      output.line(form == .json ? report.json : report.table)
      return .ok
    } catch {
      throw CommandError("Mesh peers response of \(url) can't be read: \(printable(error.description))")
    }
  }

  private static func fetch(_ values: OptionValues) throws(CommandError) -> (url: String, body: [UInt8]) {
    let (url, response) = try ControlAddress.ask("GET", "/control/peers", values, failing: "Mesh peers request failed")
    guard (200...299).contains(response.status) else {
      throw CommandError("Mesh peers request failed: \(url) answered \(HTTPReason.refusal(response))")
    }
    if response.body.isEmpty { throw CommandError("Mesh peers response was empty: \(url)") }
    return (url, response.body)
  }
}
