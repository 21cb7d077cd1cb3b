import MeshRuntime
import MeshTransport

/// `meshkit queues dead list` and `meshkit queues dead redrive`.
enum DeadLettersVerb {
  static let listJSON = JSONForm(
    "One document, that of `GET /v1/queues/{name}/dead-letters`.",
    [
      ("schemaVersion", "`v1`."), ("localNodeId", "The node that answers."), ("queue", "The queue."),
      ("deadLetters", "An array of the dead letters, each with `id`, `cause` and `attempt`."),
      ("nextCursor", "The `--cursor` of the next page; absent with the last one."),
    ])
  static let redriveJSON = JSONForm(
    "One document.",
    [("action", "`redrive`."), ("queue", "The queue."), ("id", "The task, which was a dead letter.")])

  static func list(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let form = try OutputForm(values)
    let limit = values.value("--limit") ?? ""
    guard let count = Int(limit), (1...200).contains(count) else {
      throw CommandError("\(values.title): --limit '\(printable(limit))' is refused; allowed: 1 to 200")
    }
    var path = "\(path(values))?pageSize=\(count)"
    if let cursor = values.value("--cursor") { path += "&cursor=\(QueuesVerb.percentEncoded(cursor))" }
    if values.isOn("--payload") { path += "&payload=true" }
    let document = try QueuesVerb.document(path, values)
    guard form == .table else {
      output.line(JSONText.compact(document))
      return .ok
    }
    guard case .array(let letters)? = document.member("deadLetters") else {
      throw CommandError("\(values.title): the answer can't be read: deadLetters is missing")
    }
    output.line(row(["Id", "Cause", "Attempt", "Bytes", "Died", "Key", "Error"]))
    for letter in letters {
      output.line(
        row(["id", "cause", "attempt", "payloadBytes", "diedAt", "key", "lastError"].map { text(letter, $0) }))
    }
    if let cursor = document.member("nextCursor")?.text {
      output.complain("there are more: --cursor \(printable(cursor))")
    }
    return .ok
  }

  static func redrive(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let form = try OutputForm(values)
    let id = values.operands.last ?? ""
    let path = "\(path(values))/\(QueuesVerb.percentEncoded(id)):redrive"
    let (url, response) = try ControlAddress.ask("POST", path, values, failing: values.title)
    guard response.status == 204 else {
      throw CommandError("\(values.title): \(url) answered \(HTTPReason.refusal(response))")
    }
    switch form {
    case .table: output.line("\(printable(id)) is a task of \(printable(values.operand)) again")
    case .json: output.object(["action": .string("redrive"), "queue": .string(values.operand), "id": .string(id)])
    }
    return .ok
  }

  private static func path(_ values: OptionValues) -> String {
    "/v1/queues/\(QueuesVerb.percentEncoded(values.operand))/dead-letters"
  }

  private static func row(_ cells: [String]) -> String {
    zip(cells, [28, 8, 8, 10, 34, 16, 0]).map { Column.left($0, $1) }.joined(separator: " ")
  }

  private static func text(_ letter: JSONValue, _ name: String) -> String {
    switch letter.member(name) {
    case .string(let text), .number(let text): printable(text)
    default: "-"
    }
  }
}
