import MeshRuntime

/// `meshkit mesh drain|resume|leave` and `meshkit mesh peers remove`: what an operator asks of a running node, through
/// its control listener.
enum OperateVerb {
  static let json = JSONForm(
    "One document.",
    [
      ("action", "`drain`, `resume`, `leave` or `remove`."), ("nodeId", "The node that it is about."),
      ("done", "True when nothing was left to do; false when it is asked for, and not done yet."),
    ])

  static func drain(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/drain", "drain", values, output) { node, _ in "\(node) is asked to drain" }
  }

  static func resume(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/resume", "resume", values, output) { node, _ in "\(node) is asked to take work again" }
  }

  static func leave(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    try ask("POST", "/v1/node/leave", "leave", values, output) { node, isSo in
      isSo ? "\(node) is leaving the mesh" : "\(node) is asked to leave the mesh"
    }
  }

  static func remove(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let node = try node(in: values)
    return try ask("DELETE", "/v1/members/\(node)", "remove", values, output) { node, isSo in
      isSo ? "\(node) has left already" : "asked to declare \(node) gone"
    }
  }

  /// The node that the operand names.
  static func node(in values: OptionValues) throws(CommandError) -> NodeID {
    if let node = NodeID(values.operand) { return node }
    throw CommandError(
      "\(values.title): '\(printable(values.operand))' is no node id; allowed: 1 to \(NodeID.lengthMax) letters, "
        + "digits, '.', '-' and '_'")
  }

  /// Sends one request; prints what `sentence` makes of the node that the answer names, and of whether nothing was left
  /// to do (200): a node answers 202 before it has done anything.
  private static func ask(
    _ method: String, _ path: String, _ action: String, _ values: OptionValues, _ output: Output,
    _ sentence: (_ node: String, _ isSo: Bool) -> String
  ) throws(CommandError) -> ExitCode {
    let form = try OutputForm(values)
    let (url, response) = try ControlAddress.ask(method, path, values, failing: values.title)
    guard (200...299).contains(response.status) else {
      throw CommandError("\(values.title): \(url) answered \(HTTPReason.refusal(response))")
    }
    guard let document = try? JSONValue.parse(response.body), let node = document.member("nodeId")?.text else {
      throw CommandError("\(values.title): the answer of \(url) can't be read: nodeId is missing")
    }
    let isDone = response.status == 200
    switch form {
    case .table: output.line(sentence(printable(node), isDone))
    case .json: output.object(["action": .string(action), "nodeId": .string(node), "done": .bool(isDone)])
    }
    return .ok
  }
}
