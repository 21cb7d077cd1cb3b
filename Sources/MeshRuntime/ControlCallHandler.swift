import MeshBasics
import MeshControl
import MeshMembership
import MeshTransport

/// One call of the control plane over gRPC, between the wire and its method. Lives on the edge thread.
final class ControlCallHandler: GRPCHandler {
  // What goes on must not keep the node from ending.
  private weak var core: NodeCore?
  private let feed: MembersFeed
  private var call: ControlCall
  private var permit: Permit
  private let principal: String?
  let leadingMetadata: CallMetadata

  /// `principal` calls; nil for callers on this host without a credential.
  init(_ call: ControlCall, _ permit: Permit, principal: String?, version: String, of core: NodeCore) {
    self.call = call
    self.permit = permit
    self.principal = principal
    leadingMetadata = CallMetadata(negotiatedOver: version)
    self.core = core
    feed = core.feed
    if call.mayStay { core.watchOpened(by: principal) }
  }

  deinit { if call.mayStay { core?.watchClosed(by: principal) ?? feed.closed(by: principal) } }

  var mayStay: Bool { call.mayStay }
  var heldBytes: Int { call.heldBytes }
  var wantsMessage: Bool { call.wantsMessage }

  func received(_ message: [UInt8]) {
    if let world = world() { call.received(message, world) }
  }

  func ended() { call.ended() }

  func next(_ now: Instant) -> GRPCPart {
    guard let core, let world = world() else { return .end(GRPCStatus(code: 14, message: "the node has stopped")) }
    if let refusal = permit.refusal(now) {
      core.tell(refusal, permit.remote)
      return .end(GRPCStatus(refusal.status))
    }
    let lags = call.lags
    let part = call.next(world)
    if call.lags > lags { core.observeOnEdge(.watchLagged(resource: "members", caller: call.callerName)) }
    switch part {
    case .message(let bytes): return .message(bytes)
    case .nothing(let time): return .nothing(until: time)
    case .end(let status): return .end(GRPCStatus(status))
    }
  }

  func ended(with code: Int) { core?.observeOnEdge(.callEnded(method: call.name, code: code)) }

  private func world() -> RPCWorld? {
    core.map { core in RPCWorld(view: { core.view() }, members: feed, clock: .current) }
  }
}

/// A call that ends at once.
final class RefusedCall: GRPCHandler {
  private let status: GRPCStatus
  private weak var core: NodeCore?
  let leadingMetadata: CallMetadata

  init(_ status: GRPCStatus, version: String, of core: NodeCore) {
    self.status = status
    leadingMetadata = CallMetadata(negotiatedOver: version)
    self.core = core
  }

  var mayStay: Bool { false }
  var wantsMessage: Bool { true }
  var heldBytes: Int { 0 }
  func ended(with code: Int) { core?.observeOnEdge(.callEnded(method: "", code: code)) }
  func received(_ message: [UInt8]) {}
  func ended() {}
  func next(_ now: Instant) -> GRPCPart { .end(status) }
}

extension GRPCStatus {
  init(_ status: RPCStatus) {
    self.init(code: status.code, message: status.message, details: status.details, metadata: status.metadata)
  }
}

extension CallMetadata {
  /// What was negotiated for a call over this version of HTTP, in OmniRelay's fields and with its name of the
  /// transport (contracts: http §15).
  fileprivate init(negotiatedOver version: String) {
    self.init([("rpc-transport", "grpc"), ("rpc-protocol", version), ("rpc-encoding", NodeCore.callEncoding)])
  }
}
