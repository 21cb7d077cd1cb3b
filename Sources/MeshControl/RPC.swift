import MeshBasics
import MeshMembership
import MeshWire

/// How a call of gRPC ended.
public struct RPCStatus: Error, Equatable, Sendable {
  /// A status code of gRPC, 0 (OK) to 16.
  public let code: Int
  /// For people; empty with OK.
  public let message: String
  /// The cause in a word for programs, such as `INVALID_FILTER`; empty where the code says it all.
  public let reason: String

  /// The limit that the call is refused for, as telemetry names it; nil if for none.
  public let limit: String?
  /// Why it turns the caller away; nil where it doesn't.
  public let refusal: Refusal?

  /// A status of these parts.
  init(_ code: Int, _ message: String, reason: String = "", limit: String? = nil, refusal: Refusal? = nil) {
    self.code = code
    self.message = message
    self.reason = reason
    self.limit = limit
    self.refusal = refusal
  }

  /// What its caller is told beside it, in the field that OmniRelay has for it (contracts: grpc §2): the reason.
  public var metadata: CallMetadata {
    reason.isEmpty ? CallMetadata() : CallMetadata([("error-code", reason)])
  }

  /// A `google.rpc.Status` with the reason, encoded; empty without one.
  public var details: [UInt8] {
    reason.isEmpty ? [] : GRPCDetails.encoded(code: UInt32(clamping: code), message: message, reason: reason)
  }

  static let ok = RPCStatus(0, "")

  static func invalid(_ message: String, reason: String) -> RPCStatus { RPCStatus(3, message, reason: reason) }
}

/// What a call may see of the node while it goes on.
public struct RPCWorld {
  /// The node as it is now. Costs a copy of the list of members.
  let view: () -> NodeView
  let members: any WatchedResource<MemberView>
  let clock: MemberClock

  /// The node's view, its members, and now.
  public init(view: @escaping () -> NodeView, members: any WatchedResource<MemberView>, clock: MemberClock) {
    self.view = view
    self.members = members
    self.clock = clock
  }
}

/// What a call has to give.
public enum RPCPart: Equatable, Sendable {
  /// An encoded message.
  case message([UInt8])
  /// Nothing; ask again then, or when something has changed.
  case nothing(until: Instant)
  /// It is over.
  case end(RPCStatus)
}

/// One call of one method, of any kind of streaming.
protocol RPCMethod {
  /// Whether it can take one more message now.
  var wantsMessage: Bool { get }
  /// How often its caller had to begin anew because it was too slow.
  var lags: UInt64 { get }
  /// What it holds of messages, in bytes.
  var heldBytes: Int { get }
  mutating func received(_ message: [UInt8], _ world: RPCWorld)
  /// The caller sends no more.
  mutating func ended()
  mutating func next(_ world: RPCWorld) -> RPCPart
}

/// A method that takes one message.
struct SingleRequestMethod<Stream: RPCStream>: RPCMethod {
  private let open: ([UInt8], RPCWorld) throws(RPCStatus) -> Stream
  private var request: [UInt8]?
  private var stream: Stream?
  private var hasEnded = false
  private var failure: RPCStatus?

  /// `open` reads the message.
  init(_ open: @escaping ([UInt8], RPCWorld) throws(RPCStatus) -> Stream) { self.open = open }

  var wantsMessage: Bool { true }
  var lags: UInt64 { stream?.lags ?? 0 }
  /// With one for the message itself, so that an empty one has a time to end in as well: its transport ends calls that
  /// hold something for too long.
  var heldBytes: Int { request.map { $0.count + 1 } ?? 0 }

  mutating func received(_ message: [UInt8], _ world: RPCWorld) {
    if request != nil { failure = RPCStatus(13, "the method takes one message") }
    request = message
  }

  mutating func ended() { hasEnded = true }

  mutating func next(_ world: RPCWorld) -> RPCPart {
    if let failure { return .end(failure) }
    if stream != nil { return stream?.next(world) ?? .end(.ok) }
    // Only the caller's end shows that there is no second message.
    guard hasEnded else { return .nothing(until: .distantFuture) }
    guard let request else { return .end(RPCStatus(13, "the method takes one message, and none came")) }
    self.request = nil
    do throws(RPCStatus) {
      var opened = try open(request, world)
      defer { stream = opened }
      return opened.next(world)
    } catch {
      failure = error
      return .end(error)
    }
  }
}

/// What follows a single request.
protocol RPCStream {
  var lags: UInt64 { get }
  mutating func next(_ world: RPCWorld) -> RPCPart
}

extension RPCStream {
  var lags: UInt64 { 0 }
}

/// One message, and the end.
struct RPCReply: RPCStream {
  private var message: [UInt8]?

  init(_ message: [UInt8]) { self.message = message }

  mutating func next(_ world: RPCWorld) -> RPCPart {
    defer { message = nil }
    return message.map { .message($0) } ?? .end(.ok)
  }
}
