import MeshRuntime
import MeshTransport

/// The reason phrases of the statuses that a control listener, or a proxy before it, may answer with.
enum HTTPReason {
  static func phrase(_ status: Int) -> String {
    switch status {
    case 301: return "Moved Permanently"
    case 302: return "Found"
    case 307: return "Temporary Redirect"
    case 308: return "Permanent Redirect"
    case 400: return "Bad Request"
    case 401: return "Unauthorized"
    case 403: return "Forbidden"
    case 404: return "Not Found"
    case 405: return "Method Not Allowed"
    case 408: return "Request Timeout"
    case 409: return "Conflict"
    case 421: return "Misdirected Request"
    case 429: return "Too Many Requests"
    case 500: return "Internal Server Error"
    case 501: return "Not Implemented"
    case 502: return "Bad Gateway"
    case 503: return "Service Unavailable"
    case 504: return "Gateway Timeout"
    default: return "(no reason known)"
    }
  }

  /// The status, and what the problem document says; a node that is too old says nothing.
  static func refusal(_ response: HTTPResponse) -> String {
    let status = "\(response.status) \(phrase(response.status))"
    let document = try? JSONValue.parse(response.body)
    let detail = document?.member("detail")?.text ?? document?.member("error")?.text
    if let detail { return "\(status): \(printable(detail))" }
    return response.status == 404 ? "\(status): this node doesn't know the request; is it of an older version?" : status
  }
}
