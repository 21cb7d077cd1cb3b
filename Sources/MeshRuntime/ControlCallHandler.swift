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
  private var isCounted: Bool

  init(_ call: ControlCall, of core: NodeCore) {
    self.call = call
    self.core = core
    feed = core.feed
    isCounted = call.mayStay
    if isCounted { core.watchOpened() }
  }

  deinit { if isCounted { core?.watchClosed() ?? feed.closed() } }

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
    case .end(let status):
      core.observeOnEdge(.callEnded(method: call.name, code: status.code))
      return .end(GRPCStatus(status))
    }
  }

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

  init(_ status: GRPCStatus) { self.status = status }

  var wantsMessage: Bool { true }
  func received(_ message: [UInt8]) {}
  func ended() {}
  func next(_ now: Instant) -> GRPCPart { .end(status) }
}

extension GRPCStatus {
  init(_ status: RPCStatus) { self.init(code: status.code, message: status.message, details: status.details) }
}
