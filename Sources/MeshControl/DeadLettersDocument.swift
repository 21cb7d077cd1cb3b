import MeshBasics
import MeshTasks
import MeshWire

/// `GET /v1/queues/{name}/dead-letters`: the dead letters of a queue, page by page in the order of their admission.
/// What a task carries may be anything, secrets included: payload and attributes are shown on demand, to who may
/// operate (docs/decisions/0025-payloads-on-demand.md).
enum DeadLettersDocument {
  /// The letters of one answer, unless another number is asked for.
  static let pageSizeDefault = 50
  static let pageSizeMax = 200
  /// The bytes that are shown of a payload.
  static let payloadBytesMax = 4_096
  static let parameters = ["pageSize", "cursor", "payload"]
  private static let cursorMark = "v1."

  /// Which letters are asked for.
  private struct Wish {
    var pageSize = pageSizeDefault
    var previous: TaskID?
    var showsPayload = false

    init(_ target: String) throws(Query.Failure) {
      for (name, value) in try Query.parameters(in: target, allowed: parameters) where !value.isEmpty {
        switch name {
        case "pageSize":
          guard let count = Int(value) else { throw Query.Failure(detail: "pageSize is not a number.") }
          pageSize = count <= 0 ? pageSizeDefault : min(count, pageSizeMax)
        case "cursor":
          guard value.hasPrefix(cursorMark), let id = TaskID(String(value.dropFirst(cursorMark.count))) else {
            throw Query.Failure(detail: "cursor is not the nextCursor of an answer.")
          }
          previous = id
        default: showsPayload = try Query.flag(name, value)
        }
      }
    }
  }

  static func answer(_ name: String, _ request: ControlRequest, _ view: NodeView) -> ControlResponse {
    let wish: Wish
    do throws(Query.Failure) {
      wish = try Wish(request.target)
    } catch {
      return Problem.response(400, error.detail)
    }
    if wish.showsPayload,
      let refusal = Refusal(of: request.caller, needing: .operate, host: request.host, origin: request.origin, view)
    {
      return refusal.response
    }
    guard let queue = Query.decoded(name.utf8),
      let letters = view.queues?.deadLetters(of: queue, after: wish.previous, limit: wish.pageSize + 1)
    else { return QueuesDocument.missing }
    let page = letters.prefix(wish.pageSize)
    return Problem.content(
      200,
      Problem.document { json in
        json.member("schemaVersion", "v1")
        json.member("localNodeId", view.localNodeID.name)
        json.member("queue", queue)
        json.name("deadLetters")
        json.beginArray()
        for letter in page { write(letter, at: view.clock, showsPayload: wish.showsPayload, to: &json) }
        json.endArray()
        if letters.count > page.count, let last = page.last { json.member("nextCursor", cursorMark + last.id.text) }
      })
  }

  private static func write(
    _ letter: DeadLetter, at clock: MemberClock, showsPayload: Bool, to json: inout JSONWriter
  ) {
    let task = letter.task
    json.beginObject()
    json.member("id", letter.id.text)
    json.member("cause", letter.cause.word)
    json.member("attempt", Int64(letter.attempt))
    json.member("priority", Int64(task.priority))
    json.member("admittedAt", DotNetTime.text(unixTicks: clock.unixTicks(of: letter.admittedAt)))
    json.member("diedAt", DotNetTime.text(unixTicks: clock.unixTicks(of: letter.diedAt)))
    let details = task.details
    for (name, text) in [
      ("key", details?.key), ("requestId", details?.requestID), ("contentType", details?.contentType),
      ("lastError", details?.lastError),
    ] {
      if let text, !text.isEmpty { json.member(name, text) }
    }
    json.member("payloadBytes", Int64(task.payload.count))
    if showsPayload { writePayload(of: task, to: &json) }
    json.endObject()
  }

  private static func writePayload(of task: NewTask, to json: inout JSONWriter) {
    let shown = task.payload.withBytes { Array($0.prefix(payloadBytesMax)) }
    json.member("payload", Base64.encode(shown))
    json.name("payloadIsCut")
    json.bool(shown.count < task.payload.count)
    json.name("attributes")
    json.beginArray()
    for attribute in task.details?.attributes ?? [] {
      json.beginObject()
      json.member("name", attribute.name)
      json.member("value", attribute.value)
      json.endObject()
    }
    json.endArray()
  }
}

extension TaskID {
  /// As callers see it: the numbers of a task, with a dash between them.
  public var text: String { "\(epoch)-\(sequence)" }

  /// Nil when `text` is no id.
  public init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    // A sign would be taken as well.
    guard parts.count == 2, parts.allSatisfy({ $0.first.map { $0 != UInt8(ascii: "+") } ?? false }),
      let epoch = UInt64(Substring(parts[0])), let sequence = UInt64(Substring(parts[1]))
    else { return nil }
    self.init(epoch: epoch, sequence: sequence)
  }
}

extension DeadLetter.Cause {
  /// It in a word.
  var word: String {
    switch self {
    case .refused: "refused"
    case .failed: "failed"
    case .expired: "expired"
    }
  }
}
