import MeshBasics

/// A request as the routes see it, without a transport.
public struct ControlRequest: Equatable, Sendable {
  /// The method as sent; `GET`.
  public var method: String
  /// The target in origin form, path and query.
  public var target: String
  /// The Host field (HTTP/2 and 3: `:authority`); nil only where HTTP/1.0 left it out.
  public var host: String?
  /// The Origin field, which browsers send; nil from everything else.
  public var origin: String?
  /// The Content-Type field.
  public var contentType: String?
  /// The If-None-Match field.
  public var ifNoneMatch: String?
  /// The Last-Event-ID field, by which a browser goes on with a stream of events.
  public var lastEventID: String?
  /// The Accept field.
  public var accept: String?
  /// The body without its transfer coding.
  public var body: [UInt8]
  /// Who asks.
  public var caller: Caller

  /// A request of these parts.
  public init(
    method: String, target: String, host: String?, origin: String?, contentType: String? = nil,
    ifNoneMatch: String? = nil, lastEventID: String? = nil, accept: String? = nil, body: [UInt8],
    caller: Caller = .local
  ) {
    self.method = method
    self.target = target
    self.host = host
    self.origin = origin
    self.contentType = contentType
    self.ifNoneMatch = ifNoneMatch
    self.lastEventID = lastEventID
    self.accept = accept
    self.body = body
    self.caller = caller
  }

  /// Whether the Accept field names `type`, whatever it says beside it.
  func accepts(_ type: String) -> Bool {
    (accept ?? "").utf8.split(separator: UInt8(ascii: ",")).contains { range in
      var name = range.prefix { $0 != UInt8(ascii: ";") }.drop(while: ASCII.isBlank)
      while let last = name.last, ASCII.isBlank(last) { name = name.dropLast() }
      return ASCII.equalIgnoringCase(name, type.utf8)
    }
  }
}

/// An answer; the transport adds what belongs to it, such as the length.
public struct ControlResponse: Equatable, Sendable {
  /// 200, 202, 204, 304, 400, 401, 403, 404, 409, 415, 429, 502, 503 or 504.
  public var status: Int
  /// The fields in order.
  public var headers: [ControlHeader]
  /// The body; empty with 404 of a path that isn't served.
  public var body: [UInt8]
  /// What follows in place of `body`: a stream for this caller, for as long as it may have `watch.scope`.
  public var watch: WatchRequest?
  /// The member that is to be asked first, whose answer makes this one (`MemberHealth.answer`).
  public var asks: NodeID?
  /// The limit that it refuses the request for, as telemetry names it; nil if for none.
  public var limit: String?
  /// Why it turns the caller away; nil where it doesn't.
  public var refusal: Refusal?

  /// An answer of these parts.
  public init(status: Int, headers: [ControlHeader], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The head of a stream of this type; what follows is made while it is read.
  static func watch(_ watch: WatchRequest, type: String) -> ControlResponse {
    var response = ControlResponse(
      status: 200, headers: [ControlHeader("Content-Type", type), ControlHeader("Cache-Control", "no-cache")], body: [])
    response.watch = watch
    return response
  }
}

/// What a caller who watches asked for.
public enum WatchRequest: Equatable, Sendable {
  /// The members.
  case members(MembersWatchRequest)
  /// The attached queues.
  case queues(QueuesWatchRequest)
  /// The signals of their monitors.
  case backpressure(BackpressureWatchRequest)

  /// What the caller must be allowed to do, for as long as it goes on.
  public var scope: ControlScopes {
    switch self {
    case .members: Route.Answer.members.scope
    case .queues: Route.Answer.queues.scope
    case .backpressure: Route.Answer.backpressureStream.scope
    }
  }

  /// The resource, as telemetry names it.
  public var resource: String {
    switch self {
    case .members: "members"
    case .queues: "queues"
    case .backpressure: "backpressure"
    }
  }
}

/// One field of an answer.
public struct ControlHeader: Equatable, Sendable {
  /// The name, such as `Content-Type`.
  public let name: String
  /// The value.
  public let value: String

  /// The field `name: value`.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}
