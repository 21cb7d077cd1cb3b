import MeshRuntime

/// `meshkit mesh peers ping`: lets a node ask a member over the mesh how it is.
enum PingVerb {
  static let json = JSONForm(
    "One document, that of `GET /v1/members/{id}/health`.",
    [
      ("nodeId", "The member."), ("status", "`SERVING`, `NOT_SERVING` or `UNKNOWN`, as it says itself."),
      ("transport", "`http3` or `http2`."), ("roundTripMs", "From the question to its answer."),
      ("attempts", "How often it was asked until it answered."),
    ])

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let form = try OutputForm(values)
    let node = try OperateVerb.node(in: values)
    let (url, response) = try ControlAddress.ask("GET", "/v1/members/\(node)/health", values, failing: values.title)
    guard response.status == 200 else {
      throw CommandError(
        "\(values.title): \(url) answered \(HTTPReason.refusal(response))",
        exitCode: response.status == 504 ? .timeout : .error)
    }
    guard let document = try? JSONValue.parse(response.body), let status = document.member("status")?.text else {
      throw CommandError("\(values.title): the answer of \(url) can't be read: status is missing")
    }
    switch form {
    case .json: output.line(JSONText.compact(document))
    case .table: output.line(sentence(document, node, status))
    }
    return status == "SERVING" ? .ok : .error
  }

  private static func sentence(_ document: JSONValue, _ node: NodeID, _ status: String) -> String {
    let time = document.member("roundTripMs")?.number.map { "\(PeersReport.twoPlaces($0)) ms" } ?? "-"
    let transport = ["http3": "HTTP/3", "http2": "HTTP/2"][document.member("transport")?.text ?? ""] ?? "?"
    return "\(node): \(printable(status)) in \(time) over \(transport)"
  }
}
