extension Verb {
  static let queuesList = Verb(
    words: ["queues", "list"], summary: "List the lease queues that are attached to a node.",
    options: operateOptions, json: QueuesVerb.listJSON,
    run: { values, output throws(CommandError) in try QueuesVerb.list(values, output) })

  static let queuesStats = Verb(
    words: ["queues", "stats"], summary: "Show what a lease queue holds, and how fast things happen in it.",
    operand: "NAME",
    options: operateOptions + [
      Option(
        name: "--watch", placeholder: "",
        summary: "go on with each change, a line each, until Ctrl-C; comes back after a break")
    ], json: QueuesVerb.statsJSON,
    run: { values, output throws(CommandError) in try QueuesVerb.stats(values, output) })

  static let queuesDeadList = Verb(
    words: ["queues", "dead", "list"], summary: "List the dead letters of a lease queue.",
    details: """
      They come in the order of their admission, page by page. With --payload the JSON has the first bytes of each
      payload and the attributes; that takes the scope mesh.operate.
      """,
    operand: "NAME",
    options: operateOptions + [
      Option(name: "--limit", placeholder: "N", summary: "dead letters of a page, 1 to 200", standard: "50"),
      Option(name: "--cursor", placeholder: "CURSOR", summary: "go on after the page that ended with this cursor"),
      Option(name: "--payload", placeholder: "", summary: "show payloads and attributes in the JSON"),
    ], json: DeadLettersVerb.listJSON,
    run: { values, output throws(CommandError) in try DeadLettersVerb.list(values, output) })

  static let queuesDeadRedrive = Verb(
    words: ["queues", "dead", "redrive"], summary: "Let a lease queue deliver a dead letter again.", details: scopeNote,
    operand: "NAME ID", options: operateOptions, json: DeadLettersVerb.redriveJSON,
    run: { values, output throws(CommandError) in try DeadLettersVerb.redrive(values, output) })
}
