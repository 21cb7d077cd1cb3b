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

  init(_ call: ControlCall, of core: NodeCore) {
    self.call = call
    self.core = core
    feed = core.feed
    if call.mayStay { core.watchOpened() }
  }

  deinit { if call.mayStay { core?.watchClosed() ?? feed.closed() } }

  var mayStay: Bool { call.mayStay }
  var heldBytes: Int { call.heldBytes }
  var wantsMessage: Bool { call.wantsMessage }

  func received(_ message: [UInt8]) {
    if let world = world(MonotonicClock.now()) { call.received(message, world) }
  }

  func ended() { call.ended() }

  func next(_ now: Instant) -> GRPCPart {
    guard let core, let world = world(now) else { return .end(GRPCStatus(code: 14, message: "the node has stopped")) }
    let lags = call.lags
    let part = call.next(world)
    if call.lags > lags { core.observeOnEdge(.watchLagged(resource: "members")) }
    switch part {
    case .message(let bytes): return .message(bytes)
    case .nothing(let time): return .nothing(until: time)
    case .end(let status): return .end(GRPCStatus(status))
    }
  }

  func ended(with code: Int) { core?.observeOnEdge(.callEnded(method: call.name, code: code)) }

  private func world(_ now: Instant) -> RPCWorld? {
    core.map { core in
      RPCWorld(
        view: { core.view() }, members: feed, clock: MemberClock(now: now, unixTicks: WallClock.unixTicks()))
    }
  }
}

/// A call that ends at once.
final class RefusedCall: GRPCHandler {
  private let status: GRPCStatus
  private weak var core: NodeCore?

  init(_ status: GRPCStatus, of core: NodeCore) {
    self.status = status
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
  init(_ status: RPCStatus) { self.init(code: status.code, message: status.message, details: status.details) }
}
