import MeshWire

/// The answers of `/v1`: small JSON documents, and problem documents as OmniRelay writes them (contracts: http §1).
enum Problem {
  /// A problem document; `detail` says what is wrong and what is allowed.
  static func response(_ status: Int, _ detail: String) -> ControlResponse {
    let (section, title) = facts(status)
    let body = document { json in
      json.name("type")
      json.string(section)
      json.name("title")
      json.string(title)
      json.name("status")
      json.integer(Int64(status))
      json.name("detail")
      json.string(detail)
    }
    return ControlResponse(
      status: status, headers: [ControlHeader("Content-Type", "application/problem+json")], body: body)
  }

  /// What a caller is told who would watch while too many do.
  static let tooManyWatches: ControlResponse = {
    var response = Problem.response(503, "Too many callers watch this node already.")
    response.headers.append(ControlHeader("Retry-After", "5"))
    response.limit = WatchLimits.name
    return response
  }()

  /// An answer with the JSON document `body`.
  static func content(_ status: Int, _ body: [UInt8]) -> ControlResponse {
    ControlResponse(status: status, headers: [ControlHeader("Content-Type", "application/json")], body: body)
  }

  /// One JSON object.
  static func document(_ write: (inout JSONWriter) -> Void) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    write(&json)
    json.endObject()
    return json.bytes
  }

  /// Where a status is defined, and what it is called.
  private static func facts(_ status: Int) -> (type: String, title: String) {
    let semantics = "https://tools.ietf.org/html/rfc9110#section-"
    switch status {
    case 400: return (semantics + "15.5.1", "Bad Request")
    case 401: return (semantics + "15.5.2", "Unauthorized")
    case 403: return (semantics + "15.5.4", "Forbidden")
    case 404: return (semantics + "15.5.5", "Not Found")
    case 409: return (semantics + "15.5.10", "Conflict")
    case 415: return (semantics + "15.5.16", "Unsupported Media Type")
    case 429: return ("https://tools.ietf.org/html/rfc6585#section-4", "Too Many Requests")
    case 502: return (semantics + "15.6.3", "Bad Gateway")
    case 504: return (semantics + "15.6.5", "Gateway Timeout")
    case 503: return (semantics + "15.6.4", "Service Unavailable")
    default: return (semantics + "15.6.1", "Internal Server Error")
    }
  }
}
