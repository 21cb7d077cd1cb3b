import MeshRuntime
import MeshTransport

/// `meshkit mesh peers list`: asks a node's control listener and prints what OmniRelay's CLI prints.
enum PeersVerb {
  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let format = values.value("--format") ?? ""
    guard ["table", "json"].contains(format.lowercased()) else {
      throw CommandError("meshkit mesh peers list: --format '\(format)' is unknown; allowed: table, json")
    }
    let url = try address(values.value("--url") ?? "") + "/control/peers"
    let body = try fetch(url, timeout: try values.duration("--timeout"))
    do {
      let report = try PeersReport(parsing: body)
      output.line(format.lowercased() == "json" ? report.json : report.table)
      return .ok
    } catch {
      throw CommandError("Mesh peers response of \(url) can't be read: \(printable(error.description))")
    }
  }

  /// Scheme and authority of `url`; its path is dropped, as OmniRelay's CLI does.
  static func address(_ url: String) throws(CommandError) -> String {
    let scheme = "http://"
    let authority = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard url.lowercased().hasPrefix(scheme), !authority.isEmpty,
      authority.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") })
    else {
      throw CommandError("meshkit mesh peers list: --url '\(printable(url))' is refused; allowed: http://HOST[:PORT]")
    }
    return scheme + authority
  }

  private static func fetch(_ url: String, timeout: Duration) throws(CommandError) -> [UInt8] {
    let response: HTTPResponse
    do {
      response = try HTTPClient.get(url: url, timeout: timeout)
    } catch {
      throw CommandError(
        "Mesh peers request failed: \(printable(error.description))", exitCode: error.timedOut ? .timeout : .error)
    }
    guard (200...299).contains(response.status) else {
      throw CommandError("Mesh peers request failed: \(response.status) \(HTTPReason.phrase(response.status))")
    }
    if response.body.isEmpty { throw CommandError("Mesh peers response was empty: \(url)") }
    return response.body
  }
}

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
}
