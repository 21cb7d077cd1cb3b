import MeshBasics
import MeshWire

/// One call of the control plane over gRPC, whichever method it is of. A value without IO.
public struct ControlCall {
  /// The full name of the method, `package.Service/Method`.
  public let name: String
  /// Whether its caller may make it last as long as it likes: it counts among those that watch.
  public let mayStay: Bool
  /// What its caller must be allowed to do, for as long as it lasts.
  public let scope: ControlScopes
  /// What its caller sent with it. Nobody has proven any of it.
  public let metadata: CallMetadata
  private var method: any RPCMethod

  /// The call that a request for `path` begins, whose fields have this `host` and `origin`. *Errors*: the status that
  /// ends it at once.
  public init(
    path: String, metadata: CallMetadata = CallMetadata(), host: String? = nil, origin: String? = nil, view: NodeView,
    caller: Caller = .local
  ) throws(RPCStatus) {
    try self.init(
      path: path, of: RPCTable.methods, metadata: metadata, host: host, origin: origin, view: view, caller: caller)
  }

  /// The same where `methods` are served.
  init(
    path: String, of methods: [RPCTable.Entry], metadata: CallMetadata = CallMetadata(), host: String?,
    origin: String?, view: NodeView, caller: Caller
  ) throws(RPCStatus) {
    if let refusal = Refusal(of: caller) { throw refusal.status }
    guard let entry = methods.first(where: { "/" + $0.name == path }) else {
      throw RPCStatus(12, "this node has no such method")
    }
    if let refusal = Refusal(of: caller, needing: entry.scope, host: host, origin: origin, view) {
      throw refusal.status
    }
    guard !entry.mayStay || view.mayWatch else {
      throw RPCStatus(
        8, "too many callers watch this node already", reason: "TOO_MANY_WATCHES", limit: WatchLimits.name)
    }
    name = entry.name
    mayStay = entry.mayStay
    scope = entry.scope
    self.metadata = metadata
    method = entry.make()
  }

  /// Who calls, by its own word (contracts: grpc §6); empty where it says nothing.
  public var callerName: String { ControlCall.callerName(in: metadata) }
  /// Who says `metadata`.
  public static func callerName(in metadata: CallMetadata) -> String { metadata.text("rpc-caller") ?? "" }
  /// Whether it can take one more message now.
  public var wantsMessage: Bool { method.wantsMessage }
  /// How often its caller had to begin anew because it was too slow.
  public var lags: UInt64 { method.lags }
  /// What it holds of messages, in bytes.
  public var heldBytes: Int { method.heldBytes }
  /// A message came.
  public mutating func received(_ message: [UInt8], _ world: RPCWorld) { method.received(message, world) }
  /// The caller sends no more.
  public mutating func ended() { method.ended() }
  /// Makes a call whose caller has sent all and waits for one message. *Errors*: the status that ends it without one.
  public mutating func answer(to message: [UInt8], _ world: RPCWorld) throws(RPCStatus) -> [UInt8] {
    received(message, world)
    ended()
    switch next(world) {
    case .message(let reply): return reply
    case .end(let status): throw status
    case .nothing: throw RPCStatus(13, "the method has no answer yet")
    }
  }
  /// What comes next.
  public mutating func next(_ world: RPCWorld) -> RPCPart { method.next(world) }
}

/// The one table of methods that are served over gRPC.
enum RPCTable {
  struct Entry: Sendable {
    let name: String
    let scope: ControlScopes
    var mayStay = false
    let make: @Sendable () -> any RPCMethod
  }

  /// Every method there is.
  static let methods: [Entry] = [
    Entry(name: "meshkit.control.v1.Members/List", scope: .read) { MembersRPC.list },
    Entry(name: "meshkit.control.v1.Members/Watch", scope: .read, mayStay: true) { MembersRPC.watch },
    Entry(name: "grpc.health.v1.Health/Check", scope: .observe) { HealthRPC.check },
    Entry(name: "grpc.health.v1.Health/Watch", scope: .observe, mayStay: true) { HealthRPC.watch },
    Entry(name: "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", scope: .observe, mayStay: true) {
      ReflectionRPC()
    },
    Entry(name: "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", scope: .observe, mayStay: true) {
      ReflectionRPC()
    },
  ]

  /// The services that the methods are of, each once.
  static let services: [String] = methods.reduce(into: []) { names, entry in
    let name = String(entry.name.prefix { $0 != "/" })
    if !names.contains(name) { names.append(name) }
  }

  /// An encoded request as its message. *Errors*: INVALID_ARGUMENT, which names the field.
  static func reading<Message>(_ read: () throws(WireError) -> Message) throws(RPCStatus) -> Message {
    do throws(WireError) {
      return try read()
    } catch {
      throw .invalid(error.description, reason: "MALFORMED_MESSAGE")
    }
  }
}
