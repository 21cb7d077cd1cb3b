import MeshRuntime
import MeshTransport

/// `meshkit mesh drain|resume|leave` and `meshkit mesh peers remove`: what an operator asks of a running node, through
/// its control listener.
enum OperateVerb {
  static func drain(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/drain", values, output) { "\($0) is draining" }
  }

  static func resume(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/resume", values, output) { "\($0) takes work again" }
  }

  static func leave(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/leave", values, output) { "\($0) is leaving the mesh" }
  }

  static func remove(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    guard let node = NodeID(values.operand) else {
      throw CommandError(
        "\(values.title): '\(printable(values.operand))' is no node id; allowed: 1 to \(NodeID.lengthMax) letters, "
          + "digits, '.', '-' and '_'")
    }
    return try ask("DELETE", "/v1/members/\(node)", values, output) { "\($0) is declared gone" }
  }

  /// Sends one request; prints what `sentence` makes of the node that the answer names.
  private static func ask(
    _ method: String, _ path: String, _ values: OptionValues, _ output: Output, _ sentence: (String) -> String
  ) throws(CommandError) -> ExitCode {
    let url = try ControlAddress.of(values) + path
    let timeout = try values.duration("--timeout")
    let response: HTTPResponse
    do {
      response = try HTTPClient.request(method, url: url, timeout: timeout)
    } catch {
      throw CommandError(
        "\(values.title): \(printable(error.description))", exitCode: error.timedOut ? .timeout : .error)
    }
    guard (200...299).contains(response.status) else {
      throw CommandError("\(values.title): \(url) answered \(refusal(response))")
    }
    guard let document = try? JSONValue.parse(response.body), let node = document.member("nodeId")?.text else {
      throw CommandError("\(values.title): the answer of \(url) can't be read: nodeId is missing")
    }
    output.line(sentence(printable(node)))
    return .ok
  }

  /// The status, and what the problem document says; a node that is too old says nothing.
  private static func refusal(_ response: HTTPResponse) -> String {
    let status = "\(response.status) \(HTTPReason.phrase(response.status))"
    let document = try? JSONValue.parse(response.body)
    let detail = document?.member("detail")?.text ?? document?.member("error")?.text
    if let detail { return "\(status): \(printable(detail))" }
    return response.status == 404 ? "\(status): this node doesn't know the request; is it of an older version?" : status
  }
}
