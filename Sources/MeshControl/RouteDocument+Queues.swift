// The routes of lease queues.

extension Route.Answer {
  var queueDocument: RouteDocument {
    switch self {
    case .queue:
      .init(
        name: "queue", summary: "Show one lease queue.", parameters: RouteDocument.Parameter.watching,
        names: [RouteDocument.queueName],
        answers: RouteDocument.watched("Queue", "The queue; with `watch=true`, the events of it.") + [.noQueue])
    case .deadLetters:
      .init(
        name: "deadLetters", summary: "List the dead letters of a lease queue, page by page.",
        parameters: RouteDocument.Parameter.deadLetters, names: [RouteDocument.queueName],
        answers: [
          .json(200, "The page.", "DeadLettersPage"),
          .problem(400, "A parameter is unknown, is given twice, or has a value that isn't allowed."), .noQueue,
        ])
    case .redrive:
      .init(
        name: "redrive", summary: "Deliver a dead letter again, with all its attempts before it.",
        names: [RouteDocument.queueName, "The `id` of the dead letter."],
        answers: [
          .init(status: 204, meaning: "It is a task again."),
          .problem(404, "No queue of that name is attached to the node, or it has no dead letter of that id."),
          .problem(409, "The queue is being drained or closed, or is drained; or the node is leaving the mesh."),
          .problem(
            429, "All places of the queue are taken.", fields: [("Retry-After", "Seconds until it may have one.")]),
        ])
    case .backpressure:
      .init(
        name: "backpressure",
        summary: "Tell whether an attached lease queue is overloaded, by the newest signal of a monitor that says so, "
          + "or else the newest of all.",
        parameters: [RouteDocument.Parameter.queue],
        answers: [
          .json(200, "The signal.", "BackpressureSignal"),
          .init(status: 204, meaning: "No monitor has said anything."),
          .problem(400, "A parameter is unknown, or is given twice."), .noQueue,
        ])
    case .backpressureStream:
      .init(
        name: "backpressureStream",
        summary: "The same as a stream: the signal of now, and each that takes its place.",
        parameters: [RouteDocument.Parameter.queue, RouteDocument.Parameter.lastEventID],
        answers: [
          .init(
            status: 200,
            meaning:
              "A line for each signal; where `Accept` has `text/event-stream`, an event `backpressure` for each.",
            contents: [("application/x-ndjson", nil), ("text/event-stream", nil)]),
          .problem(400, "A parameter is unknown, or is given twice."), .noQueue, .tooManyWatches,
        ])
    default:
      .init(
        name: "queues", summary: "List the lease queues that are attached to the node.",
        parameters: RouteDocument.Parameter.watching,
        answers: RouteDocument.watched("QueuesPage", "The queues, by name; with `watch=true`, the events."))
    }
  }
}

extension RouteDocument {
  fileprivate static let queueName = "The name of a queue, percent-encoded."

  /// The answers of a resource that can be watched.
  fileprivate static func watched(_ schema: String, _ meaning: String) -> [Answer] {
    [
      .init(
        status: 200, meaning: meaning, contents: [("application/json", schema), ("text/event-stream", nil)],
        fields: [("ETag", "Names the state that the answer tells.")]),
      .init(
        status: 304, meaning: "`If-None-Match` names the state that the node is in.",
        fields: [("ETag", "Names that state.")]),
      .problem(400, "A parameter is unknown, is given twice, or has a value that isn't allowed."),
      .tooManyWatches,
    ]
  }
}

extension RouteDocument.Answer {
  fileprivate static let noQueue = problem(404, "No queue of that name is attached to the node.")
}

extension RouteDocument.Parameter {
  fileprivate static let queue = Self(
    name: "queue", schema: .string("The name of a queue: its signals alone. Without it, those of all together."))

  fileprivate static let deadLetters: [Self] = [
    .init(
      name: "pageSize",
      schema: .integer(
        "The most dead letters of a page: \(DeadLettersDocument.pageSizeDefault) by default and for 0 or less, "
          + "\(DeadLettersDocument.pageSizeMax) at most.")),
    .init(name: "cursor", schema: .string("The `nextCursor` of the page before.")),
    .init(
      name: "payload",
      schema: .string(
        "`true`: show attributes, and the first \(DeadLettersDocument.payloadBytesMax) bytes of each payload. It takes "
          + "the scope `mesh.operate`.")),
  ]
}

extension Schemas {
  static let queuesPage = Schema.object(
    [
      .init(name: "schemaVersion", schema: .string("Always `v1`.", allowed: ["v1"])),
      .init(name: "localNodeId", schema: .string("The node that answers.")),
      .init(name: "revision", schema: .string("Grows with each change that the node has seen.")),
      .init(name: "queues", schema: .array(of: .named("Queue"), "By name.")),
    ], "The lease queues that are attached to the node.")

  static let queue = Schema.object(
    [
      .init(name: "name", schema: .string("What its host calls it.")),
      .init(name: "epoch", schema: .string("Which life of the queue it is: greater with each.")),
      .init(
        name: "state",
        schema: .string("Where it stands in its life.", allowed: ["open", "draining", "drained", "closed"])),
      .init(name: "capacity", schema: .integer("Tasks that it may hold: pending, delayed and leased together.")),
      .init(name: "pending", schema: .integer("Tasks that are ready, or wait for an earlier one of their key.")),
      .init(name: "delayed", schema: .integer("Tasks that wait for their time.")),
      .init(name: "leased", schema: .integer("Tasks at consumers.")),
      .init(name: "dead", schema: .integer("Dead letters.")),
      .init(
        name: "oldestAgeMs",
        schema: .integer("How long the task that has been ready for longest has been so; absent when none is."),
        isOptional: true),
      .init(name: "counters", schema: .named("QueueCounters")), .init(name: "rates", schema: .named("QueueRates")),
      .init(name: "monitors", schema: .array(of: .named("QueueMonitor"), "What watches its depth.")),
    ], "One lease queue.")

  static let queueCounters = Schema.object(
    [
      ("admitted", "Tasks given a place; those that were restored aren't counted."),
      ("restored", "Tasks taken in from snapshots."), ("completed", "Tasks done."),
      ("handedBack", "Tasks given back by a drain or a close."), ("discarded", "Tasks forgotten by a close."),
      ("purged", "Dead letters forgotten on request."), ("grants", "Leases granted."),
      ("redeliveries", "Leases of a task that had been leased before."), ("heartbeats", "Leases extended."),
      ("failed", "Deliveries that failed."), ("expired", "Leases that ran out."),
      ("requeued", "Tasks that came back to the queue after a delivery."), ("deadLettered", "Tasks that died."),
      ("redriven", "Dead letters made tasks again."), ("duplicates", "Requests that had become a task before."),
    ].map { .init(name: $0.0, schema: .integer($0.1)) }, "What happened since the queue was made.")

  static let queueRates = Schema.object(
    [
      Schema.Member(
        name: "windowMs",
        schema: .integer("Over how long they were counted: the last 10 s, or as long as the queue is attached.")),
      .init(name: "admitted", schema: .number("Tasks admitted.")),
      .init(name: "granted", schema: .number("Leases granted.")),
      .init(name: "completed", schema: .number("Tasks done.")),
      .init(name: "failed", schema: .number("Deliveries that failed.")),
      .init(name: "expired", schema: .number("Leases that ran out.")),
      .init(name: "deadLettered", schema: .number("Tasks that died.")),
    ], "How fast things happen, per second.")

  static let queueMonitor = Schema.object(
    [
      .init(name: "id", schema: .integer("Its number among those of the queue.")),
      .init(name: "overloaded", schema: .boolean("Whether it sees the queue overloaded now, told or not.")),
      .init(name: "signal", schema: .named("QueueSignal")),
    ], "What watches the depth of a queue.")

  private static let signalMembers: [Schema.Member] = [
    .init(name: "isActive", schema: .boolean("Whether the queue is overloaded.")),
    .init(name: "pendingCount", schema: .integer("Pending tasks at that moment.")),
    .init(name: "observedAt", schema: .moment("That moment, by the node's clock.")),
    .init(name: "highWatermark", schema: .integer("Pending tasks from which on it is.")),
    .init(name: "lowWatermark", schema: .integer("Pending tasks down to which it stays so.")),
  ]

  static let backpressureSignal = Schema.object(signalMembers, "A signal, as OmniRelay has it.")

  static let queueSignal = Schema.object(
    signalMembers + [
      .init(name: "version", schema: .integer("Grows by one with each signal of the monitor, from 1."))
    ], "What a monitor said last.")

  static let deadLettersPage = Schema.object(
    [
      .init(name: "schemaVersion", schema: .string("Always `v1`.", allowed: ["v1"])),
      .init(name: "localNodeId", schema: .string("The node that answers.")),
      .init(name: "queue", schema: .string("The queue.")),
      .init(name: "deadLetters", schema: .array(of: .named("DeadLetter"), "In the order of their admission.")),
      .init(
        name: "nextCursor", schema: .string("The `cursor` of the next page; absent with the last one."),
        isOptional: true),
    ], "Some of the dead letters of a queue.")

  static let deadLetter = Schema.object(
    [
      .init(name: "id", schema: .string("The task: the epoch of its admission, a dash, and its number.")),
      .init(
        name: "cause",
        schema: .string(
          "Why: its consumer said so, it failed too often, or its last lease ran out.",
          allowed: ["refused", "failed", "expired"])),
      .init(name: "attempt", schema: .integer("The number of its last delivery.")),
      .init(name: "priority", schema: .integer("As its producer chose it, -4 to 3; greater goes first.")),
      .init(name: "admittedAt", schema: .moment("When it was admitted.")),
      .init(name: "diedAt", schema: .moment("When it died.")),
      .init(name: "key", schema: .string("Its key; absent without one."), isOptional: true),
      .init(name: "requestId", schema: .string("The request of its producer; absent without one."), isOptional: true),
      .init(name: "contentType", schema: .string("What its payload is; absent where nobody said."), isOptional: true),
      .init(
        name: "lastError", schema: .string("Why the last delivery failed; absent where nobody said."),
        isOptional: true),
      .init(name: "payloadBytes", schema: .integer("How long its payload is.")),
      .init(
        name: "payload", schema: .string("The first bytes of its payload in base64; with `payload=true`."),
        isOptional: true),
      .init(
        name: "payloadIsCut", schema: .boolean("Whether there are more of them; with `payload=true`."),
        isOptional: true),
      .init(
        name: "attributes", schema: .array(of: .named("TaskAttribute"), "Its attributes; with `payload=true`."),
        isOptional: true),
    ], "A task that is delivered no more.")

  static let taskAttribute = Schema.object(
    [
      .init(name: "name", schema: .string("The name.")), .init(name: "value", schema: .string("The value.")),
    ], "What a producer tells of a task.")
}
