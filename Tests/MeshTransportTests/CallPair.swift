import MeshBasics

@testable import MeshTransport

/// Two nodes; from `one` to `two` there is a relay, which blocks UDP where calls are to go over TCP. With
/// `takesMessages` false they take what comes on links when they are told to.
final class CallPair {
  let mesh: TestMesh
  let one: TestNode
  var two: TestNode
  let relay: PortRelay
  private let limits: LinkLimits

  init(
    isTCP: Bool, handshakeTimeout: Duration = .seconds(20), receiveBufferBytes: Int32? = nil,
    takesMessages: Bool = true, limits: (inout LinkLimits) -> Void = { _ in },
    options: (inout LinkOptions) -> Void = { _ in }
  ) throws {
    var bounds = LinkLimits()
    bounds.fallbackDelay = .milliseconds(isTCP ? 20 : 10_000)
    // A loaded machine must not turn tests of other things into tests of the circuit.
    bounds.calls.failuresToOpen = 1_000
    limits(&bounds)
    self.limits = bounds
    mesh = try TestMesh()
    one = try TestNode(mesh.security("node-a"), limits: bounds, takesMessages: takesMessages) {
      options(&$0)
      $0.handshakeTimeout = handshakeTimeout
    }
    two = try TestNode(mesh.security("node-b"), limits: bounds, takesMessages: takesMessages, configure: options)
    relay = try PortRelay(to: two.address, receiveBufferBytes: receiveBufferBytes)
    if !isTCP { relay.udp.lose(0) }
  }

  func call(
    _ method: String = MeshRequest.healthMethod, _ message: [UInt8] = [1, 2, 3], as node: String = "node-b",
    on link: LinkID? = nil, within span: Duration = .seconds(20), isIdempotent: Bool = false
  ) throws -> CallID {
    try one.call(method, message, of: node, on: link, at: relay.address, within: span, isIdempotent: isIdempotent)
  }

  /// Dials a link, and gives its name on either side.
  func link() throws -> (dialed: LinkID, accepted: LinkID) {
    let known = two.allEvents.count { if case .opened(let link, _) = $0 { !link.isDialed } else { false } }
    let dialed = one.dial(relay.address)
    _ = try one.waitOpened(dialed)
    return (dialed, try two.waitAccepted(UInt64(known) + 1))
  }

  /// Another process on the port of `two`, which has stopped.
  func restart() throws {
    let port = try two.address.port
    two = try TestNode(mesh.security("node-b"), port: port, limits: limits)
  }

  func stop() throws {
    relay.stop()
    try one.stop()
    try two.stop()
  }
}
