import MeshRuntime
import MeshTransport

/// `meshkit queues list` and `meshkit queues stats`: the lease queues that are attached to a node.
enum QueuesVerb {
  static let listJSON = JSONForm(
    "One document, that of `GET /v1/queues`.",
    [
      ("schemaVersion", "`v1`."), ("localNodeId", "The node that answers."), ("revision", "Grows with each change."),
      ("queues", "An array of the queues, each as `meshkit queues stats` prints it."),
    ])
  static let statsJSON = JSONForm(
    "One document, that of `GET /v1/queues/{name}`. With `--watch` a line for each event of it, which has `event` and "
      + "`data`.",
    [
      ("name", "The queue."), ("epoch", "Which life of it."), ("state", "`open`, `draining` or `drained`."),
      ("capacity", "Tasks that it may hold."), ("pending", "Tasks that wait for a consumer."),
      ("delayed", "Tasks that wait for their time."), ("leased", "Tasks at consumers."), ("dead", "Dead letters."),
      ("oldestAgeMs", "How long the task that has been ready for longest has been so; absent when none is."),
      ("counters", "What happened since the queue was made."), ("rates", "The same per second, over `windowMs`."),
      ("monitors", "What watches its depth, each with `overloaded` and its last `signal`."),
      ("event", "With `--watch`: `queues.snapshot`, `queues.change`, `queues.removal` or `queues.resync`."),
      ("data", "With `--watch`: what the node says about it."),
    ])

  static func list(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let form = try OutputForm(values)
    let document = try document("/v1/queues", values)
    guard form == .table else {
      output.line(JSONText.compact(document))
      return .ok
    }
    guard case .array(let queues)? = document.member("queues") else {
      throw CommandError("\(values.title): the answer can't be read: queues is missing")
    }
    output.line(QueueRow.header)
    for queue in queues { output.line(QueueRow.text(queue)) }
    return .ok
  }

  static func stats(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let form = try OutputForm(values)
    let path = "/v1/queues/\(percentEncoded(values.operand))"
    if values.isOn("--watch") { return try watch(path, values, output, form: form).run() }
    let document = try document(path, values)
    guard form == .table else {
      output.line(JSONText.compact(document))
      return .ok
    }
    for line in QueueRow.lines(document) { output.line(line) }
    return .ok
  }

  static func watch(_ path: String, _ values: OptionValues, _ output: Output, form: OutputForm) -> StreamWatch {
    StreamWatch(
      values: values, output: output, form: form, path: "\(path)?watch=true", failing: values.title,
      header: QueueRow.header, lines: lines)
  }

  private static func lines(_ name: String, _ data: JSONValue) throws(WireError) -> [String] {
    switch name {
    case "queues.snapshot":
      guard case .array(let queues)? = data.member("queues") else { throw WireError("queues is missing") }
      return queues.map(QueueRow.text)
    case "queues.change":
      guard let queue = data.member("queue") else { throw WireError("queue is missing") }
      return [QueueRow.text(queue)]
    case "queues.removal": return ["\(Column.left(printable(data.member("name")?.text ?? ""), 24)) gone"]
    case "queues.resync": return ["anew: \(printable(data.member("reason")?.text ?? ""))"]
    // Of a later version.
    default: return []
    }
  }

  /// The answer to a question about queues, which must be a JSON object.
  static func document(_ path: String, _ values: OptionValues) throws(CommandError) -> JSONValue {
    let (url, response) = try ControlAddress.ask("GET", path, values, failing: values.title)
    guard response.status == 200 else {
      throw CommandError("\(values.title): \(url) answered \(HTTPReason.refusal(response))")
    }
    guard let document = try? JSONValue.parse(response.body, bytesMax: 64 << 20), case .object = document else {
      throw CommandError("\(values.title): the answer of \(url) can't be read: a JSON object is expected")
    }
    return document
  }

  /// `text` as a segment of a path.
  static func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.map { byte in
      let scalar = Unicode.Scalar(byte)
      if scalar.isASCII, scalar.properties.isAlphabetic || (0x30...0x39).contains(byte) || "-._~".utf8.contains(byte) {
        return String(scalar)
      }
      return "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }.joined()
  }
}

/// A queue as tables show it.
enum QueueRow {
  /// The titles of the columns.
  static let header =
    cells(
      "Queue", ["State", "Pending", "Delayed", "Leased", "Dead", "Oldest (s)", "In/s", "Done/s", "Fail/s"])
    + " Overload"

  /// One queue, below `header`.
  static func text(_ queue: JSONValue) -> String {
    let rates = queue.member("rates")
    let isOverloaded = monitors(queue).contains { $0.member("overloaded") == .bool(true) }
    return cells(
      printable(queue.member("name")?.text ?? ""),
      [
        printable(queue.member("state")?.text ?? ""), number(queue, "pending"), number(queue, "delayed"),
        number(queue, "leased"), number(queue, "dead"), age(queue), number(rates, "admitted"),
        number(rates, "completed"), number(rates, "failed"),
      ]) + (isOverloaded ? " yes" : " no")
  }

  /// One queue with all that is told of it.
  static func lines(_ queue: JSONValue) -> [String] {
    func line(_ title: String, _ value: String) -> String { "\(Column.left(title, 16)) \(value)" }
    var lines = [
      line("Queue", printable(queue.member("name")?.text ?? "")),
      line("State", printable(queue.member("state")?.text ?? "")),
    ]
    for name in ["capacity", "pending", "delayed", "leased", "dead"] { lines.append(line(name, number(queue, name))) }
    lines.append(line("oldest (s)", age(queue)))
    for (title, suffix) in [("counters", ""), ("rates", "/s")] {
      guard case .object(let members)? = queue.member(title) else { continue }
      for member in members where member.name != "windowMs" {
        lines.append(line(printable(member.name) + suffix, number(queue.member(title), member.name)))
      }
    }
    for monitor in monitors(queue) {
      let signal = monitor.member("signal")
      let level = monitor.member("overloaded") == .bool(true) ? "overloaded" : "well"
      lines.append(
        line(
          "monitor \(number(monitor, "id"))",
          "\(level), marks \(number(signal, "lowWatermark")) and \(number(signal, "highWatermark"))"))
    }
    return lines
  }

  private static func monitors(_ queue: JSONValue) -> [JSONValue] {
    guard case .array(let monitors)? = queue.member("monitors") else { return [] }
    return monitors
  }

  private static func age(_ queue: JSONValue) -> String {
    queue.member("oldestAgeMs")?.number.map { PeersReport.twoPlaces($0 / 1_000) } ?? "-"
  }

  private static func number(_ object: JSONValue?, _ name: String) -> String {
    guard case .number(let text)? = object?.member(name) else { return "-" }
    return printable(text)
  }

  private static func cells(_ name: String, _ columns: [String]) -> String {
    let texts = columns.enumerated().map { $0.offset == 0 ? Column.left($0.element, 8) : Column.right($0.element, 10) }
    return ([Column.left(name, 24)] + texts).joined(separator: " ")
  }
}
