import MeshWire

/// The body of a request that sets something: one JSON object, in which .NET reads names in any case.
enum ToggleBody {
  /// The longest body that is looked into.
  static let bytesMax = 4_096

  /// What it holds.
  enum Content: Equatable {
    case members([JSONMember])
    case refused(ControlResponse)
  }

  static func read(_ request: ControlRequest) -> Content {
    guard isJSON(request.contentType) else {
      return .refused(Problem.response(415, "The Content-Type must be application/json."))
    }
    do throws(WireError) {
      switch try JSONValue.parse(request.body, bytesMax: bytesMax) {
      case .null: return .refused(refusal("Request body required."))
      case .object(let members): return .members(members)
      default: return .refused(refusal("Request body must be an object."))
      }
    } catch {
      return .refused(refusal("Request body: \(error.description)"))
    }
  }

  /// Of names that differ in their case the last counts, as in .NET. A name that comes twice is no JSON here.
  static func value(of name: String, in members: [JSONMember]) -> JSONValue? {
    members.last { ASCII.equalIgnoringCase($0.name.utf8, name.utf8) }?.value
  }

  /// What is wrong with it, as OmniRelay words it.
  static func refusal(_ message: String) -> ControlResponse {
    ControlResponse(
      status: 400, headers: [ControlHeader("Content-Type", "application/json")], body: HealthDocument.error(message))
  }

  /// `application/json` or `application/*+json`, whatever parameters follow.
  private static func isJSON(_ contentType: String?) -> Bool {
    let type = (contentType ?? "").utf8.prefix { $0 != UInt8(ascii: ";") && !ASCII.isBlank($0) }.map(ASCII.lowercased)
    let (start, end) = (Array("application/".utf8), Array("+json".utf8))
    return type == start + Array("json".utf8)
      || (type.starts(with: start) && type.suffix(end.count) == end[...] && type.count > start.count + end.count)
  }
}
