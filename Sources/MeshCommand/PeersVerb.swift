import MeshRuntime

/// `meshkit mesh peers list`: asks a node's control listener and prints what OmniRelay's CLI prints.
enum PeersVerb {
  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let format = values.value("--format") ?? ""
    guard ["table", "json"].contains(format.lowercased()) else {
      throw CommandError("meshkit mesh peers list: --format '\(format)' is unknown; allowed: table, json")
    }
    if values.isOn("--watch") { return try PeersWatch(values, output, isJSON: format.lowercased() == "json").run() }
    let (url, body) = try fetch(values)
    do {
      let report = try PeersReport(parsing: body)
      output.line(format.lowercased() == "json" ? report.json : report.table)
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
