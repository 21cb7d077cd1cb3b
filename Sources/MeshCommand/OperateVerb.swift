import MeshRuntime

/// `meshkit mesh drain|resume|leave` and `meshkit mesh peers remove`: what an operator asks of a running node, through
/// its control listener.
enum OperateVerb {
  static func drain(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/drain", values, output) { node, _ in "\(node) is asked to drain" }
  }

  static func resume(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/resume", values, output) { node, _ in "\(node) is asked to take work again" }
  }

  static func leave(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/leave", values, output) { node, isSo in
      isSo ? "\(node) is leaving the mesh" : "\(node) is asked to leave the mesh"
    }
  }

  static func remove(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    guard let node = NodeID(values.operand) else {
      throw CommandError(
        "\(values.title): '\(printable(values.operand))' is no node id; allowed: 1 to \(NodeID.lengthMax) letters, "
          + "digits, '.', '-' and '_'")
    }
    return try ask("DELETE", "/v1/members/\(node)", values, output) { node, isSo in
      isSo ? "\(node) has left already" : "asked to declare \(node) gone"
    }
  }

  /// Sends one request; prints what `sentence` makes of the node that the answer names, and of whether nothing was left
  /// to do (200): a node answers 202 before it has done anything.
  private static func ask(
    _ method: String, _ path: String, _ values: OptionValues, _ output: Output,
    _ sentence: (_ node: String, _ isSo: Bool) -> String
  ) throws(CommandError) -> ExitCode {
    let (url, response) = try ControlAddress.ask(method, path, values, failing: values.title)
    guard (200...299).contains(response.status) else {
      throw CommandError("\(values.title): \(url) answered \(HTTPReason.refusal(response))")
    }
    guard let document = try? JSONValue.parse(response.body), let node = document.member("nodeId")?.text else {
      throw CommandError("\(values.title): the answer of \(url) can't be read: nodeId is missing")
    }
    output.line(sentence(printable(node), response.status == 200))
    return .ok
  }
}
