import MeshMembership

/// The documents that routes answer with and take, by the names that OpenAPI gives them.
enum Schemas {
  static let all: [(name: String, schema: Schema)] = [
    ("Peers", peers), ("MembersPage", membersPage), ("Member", member), ("MemberLink", memberLink),
    ("MemberHealth", memberHealth),
    ("MemberMetadata", metadata),
    ("Health", health),
    ("LogLevel", logLevel), ("LogLevelRequest", logLevelRequest),
    ("TraceSampling", traceSampling), ("TraceSamplingRequest", traceSamplingRequest), ("Drain", drain),
    ("Leave", leave),
    ("Removal", removal), ("QueuesPage", queuesPage), ("Queue", queue), ("QueueCounters", queueCounters),
    ("QueueRates", queueRates), ("QueueMonitor", queueMonitor), ("QueueSignal", queueSignal),
    ("DeadLettersPage", deadLettersPage), ("DeadLetter", deadLetter), ("TaskAttribute", taskAttribute),
    ("BackpressureSignal", backpressureSignal),
    ("Error", error), ("Problem", problem),
  ]

  private static let node = Schema.string("The node's id.")
  private static let status = Schema.string(
    "As the answering node sees it.", allowed: MemberStatus.allCases.map(\.rawValue))

  private static let peers = Schema.object(
    [
      .init(name: "schemaVersion", schema: .string("Always `v1`.", allowed: ["v1"])),
      .init(name: "generatedAt", schema: .moment("When the document was made, by the node's clock.")),
      .init(name: "localNodeId", schema: .string("The node that answers.")),
      .init(name: "peers", schema: .array(of: .named("Member"), "The local node first, then by id.")),
    ], "Every member that the node knows.")

  private static let membersPage = Schema.object(
    [
      .init(name: "schemaVersion", schema: .string("Always `v1`.", allowed: ["v1"])),
      .init(name: "localNodeId", schema: .string("The node that answers.")),
      .init(
        name: "revision",
        schema: .string("Grows with each change of what the node knows, but for `lastSeen` and `rttMs`.")),
      .init(name: "members", schema: .array(of: .named("Member"), "By id.")),
      .init(
        name: "nextCursor", schema: .string("The `cursor` of the next page; absent with the last one."),
        isOptional: true),
    ], "Some of the members that the node knows.")

  private static let member = Schema.object(
    [
      .init(name: "nodeId", schema: node), .init(name: "status", schema: status),
      .init(
        name: "lastSeen", schema: .moment("When the node heard from it last; absent while it never has."),
        isOptional: true),
      .init(
        name: "rttMs", schema: .number("The last round trip in milliseconds; absent without a link."),
        isOptional: true),
      .init(
        name: "draining", schema: .boolean("True while it wants no new work; absent otherwise."), isOptional: true),
      .init(name: "metadata", schema: .named("MemberMetadata")),
      .init(name: "link", schema: .named("MemberLink"), isOptional: true),
    ], "One member.")

  private static let memberHealth = Schema.object(
    [
      .init(name: "nodeId", schema: node),
      .init(
        name: "status",
        schema: .string(
          "What it says of itself, in gRPC's words: `NOT_SERVING` while it starts, drains or leaves.",
          allowed: ["SERVING", "NOT_SERVING", "UNKNOWN"])),
      .init(name: "transport", schema: .string("What carried the question.", allowed: ["http3", "http2"])),
      .init(name: "roundTripMs", schema: .number("From the question to its answer, in milliseconds.")),
      .init(name: "attempts", schema: .integer("How often it was asked until it answered.")),
    ], "How a member is, as it says itself.")

  private static let memberLink = Schema.object(
    [
      .init(
        name: "transport",
        schema: .string("What carries it: `http2` where UDP is blocked.", allowed: ["http3", "http2"]))
    ],
    "The link between the node and the member, while there is one. `/control/peers` has it only where it isn't `http3`."
  )

  private static let metadata = Schema.object(
    [
      .init(name: "role", schema: .string("What the node is for.")),
      .init(name: "clusterId", schema: .string("The mesh that it belongs to.")),
      .init(name: "region", schema: .string("Where it runs.")),
      .init(name: "meshVersion", schema: .string("The version of its host.")),
      .init(
        name: "http3Support",
        schema: .boolean("Whether it can be reached over HTTP/3: it says so, and its link to the node isn't on HTTP/2.")
      ),
      .init(
        name: "endpoint", schema: .string("`host:port` that its peers dial; absent while none is known."),
        isOptional: true),
      .init(name: "metadataVersion", schema: .integer("Grows with each change of what the member tells of itself.")),
      .init(name: "labels", schema: .map(of: .string(""), "The labels that its host gave it.")),
    ], "What a member tells of itself.")

  private static let health = Schema.object(
    [
      .init(
        name: "status", schema: .string("Whether the question is answered with yes.", allowed: ["ok", "unavailable"])),
      .init(name: "mode", schema: .string("Which question it was.", allowed: ["live", "ready"])),
      .init(name: "issues", schema: .array(of: .string(""), "Why not, as `component:state`; empty with `ok`.")),
      .init(name: "activeRequests", schema: .integer("Requests that are being answered, this one not counted.")),
      .init(name: "draining", schema: .boolean("Whether callers should take their work elsewhere.")),
    ], "Liveness or readiness.")

  private static let levels = MinimumLevel.allCases.map(\.name)

  private static let logLevel = Schema.object(
    [
      .init(
        name: "minimumLevel",
        schema: .string("The least level of log records that hosts get; absent while they get all.", allowed: levels),
        isOptional: true)
    ], "The least level of log records.")

  private static let logLevelRequest = Schema.object(
    [
      .init(
        name: "level",
        schema: .optionalString(
          "One of \(levels.joined(separator: ", ")) in any case, or its number from 0 to 6. Empty, null or absent: all "
            + "records pass again."), isOptional: true)
    ], "The least level that is wanted.")

  private static let traceSampling = Schema.object(
    [
      .init(
        name: "samplingProbability", schema: .number("From 0 (none) to 1 (all); absent while nobody has set it."),
        isOptional: true)
    ], "How many of the traces are to be kept.")

  private static let traceSamplingRequest = Schema.object(
    [
      .init(
        name: "probability", schema: .number("From 0 (none) to 1 (all), in quotes too. Absent: 0."), isOptional: true)
    ], "How many of the traces are wanted.")

  private static let drain = Schema.object(
    [.init(name: "nodeId", schema: node), .init(name: "draining", schema: .boolean("What was asked for."))],
    "What a drain or resume asked for.")

  private static let leave = Schema.object(
    [.init(name: "nodeId", schema: node), .init(name: "leaving", schema: .boolean("Always true."))],
    "The node leaves, or is asked to.")

  private static let removal = Schema.object(
    [.init(name: "nodeId", schema: .string("The member.")), .init(name: "status", schema: status)],
    "The member that is declared gone.")

  private static let error = Schema.object(
    [.init(name: "error", schema: .string("What is wrong, and what is allowed."))], "A refusal, as OmniRelay words it.")

  private static let problem = Schema.object(
    [
      .init(name: "type", schema: .string("Where the status is defined.")),
      .init(name: "title", schema: .string("The status in words.")),
      .init(name: "status", schema: .integer("The status.")),
      .init(name: "detail", schema: .string("What is wrong, and what is allowed.")),
    ], "A refusal (RFC 9457).")
}
