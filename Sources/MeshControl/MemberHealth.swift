import MeshBasics
import MeshMembership
import MeshWire

/// What came of asking a member how it is.
public enum MemberHealthOutcome: Equatable, Sendable {
  /// It has answered, over `transport`, after so many attempts.
  case answered([UInt8], transport: String, roundTrip: Duration, attempts: Int)
  /// It has answered with another status of gRPC than OK.
  case failed(code: Int)
  /// It didn't answer in time.
  case deadlinePassed
  /// It could not be reached, for this reason.
  case unreachable(String)
  /// Calls to it failed lately: it isn't asked for so long.
  case circuitOpen(retryIn: Duration)
  /// This node has no room for one more call.
  case busy
  /// This node stops.
  case stopped
}

/// `GET /v1/members/{id}/health`: how a member is, as it says itself over the mesh. The room says whether it may be
/// asked, and what its answer is in HTTP; the shell asks.
public enum MemberHealth {
  /// How long a member has for its answer.
  public static let timeout = Duration.seconds(5)

  /// Whether the member of that name is to be asked, or why it isn't.
  static func question(_ name: String, _ view: NodeView) -> ControlResponse {
    guard let node = NodeID(name), let member = view.members.first(where: { $0.nodeID == node }) else {
      return Problem.response(404, "This node knows no member of that name.")
    }
    if member.isLocal { return Problem.response(409, "\(node) is this node itself; GET /readyz tells how it is.") }
    if member.status == .left { return Problem.response(409, "\(node) has left the mesh.") }
    if member.epoch == 0 { return Problem.response(409, "\(node) is a node of OmniRelay, which takes no calls.") }
    var response = ControlResponse(status: 200, headers: [], body: [])
    response.asks = node
    return response
  }

  /// The answer to who asked for `node`.
  public static func answer(_ node: NodeID, _ outcome: MemberHealthOutcome) -> ControlResponse {
    switch outcome {
    case .answered(let reply, let transport, let roundTrip, let attempts):
      guard let word = word(for: reply) else { return Problem.response(502, "The answer of \(node) can't be read.") }
      return Problem.content(
        200,
        Problem.document { json in
          json.member("nodeId", node.name)
          json.member("status", word)
          json.member("transport", transport)
          json.name("roundTripMs")
          json.double(MemberDocument.milliseconds(roundTrip))
          json.name("attempts")
          json.integer(Int64(attempts))
        })
    case .failed(let code): return Problem.response(502, "\(node) answered with the gRPC status \(code).")
    case .unreachable(let reason): return Problem.response(502, "\(node) could not be reached: \(reason).")
    case .deadlinePassed: return Problem.response(504, "\(node) didn't answer in time.")
    case .circuitOpen(let wait):
      let seconds = max(1, (wait.milliseconds + 999) / 1_000)
      return later(503, "Calls to \(node) failed lately; it is asked again after a while.", seconds)
    case .busy: return later(429, "Too many members are being asked.", 1)
    case .stopped: return later(503, "This node stops.", 1)
    }
  }

  private static func later(_ status: Int, _ detail: String, _ seconds: Int64) -> ControlResponse {
    var response = Problem.response(status, detail)
    response.headers.append(ControlHeader("Retry-After", "\(seconds)"))
    return response
  }

  private static func word(for reply: [UInt8]) -> String? {
    guard let status = try? GRPCHealth.status(of: reply) else { return nil }
    switch status {
    case GRPCHealth.serving: return "SERVING"
    case GRPCHealth.notServing: return "NOT_SERVING"
    default: return "UNKNOWN"
    }
  }
}
