import MeshBasics
import MeshControl
import MeshThreads
import MeshTransport
import MeshWire

/// The answer to a caller of the control listener who wants to know how a member is: it comes when the member has
/// answered. Lives on the edge thread.
final class MemberHealthAnswer: AnswerBody {
  /// The end of the call, which comes on another thread.
  private final class Box: @unchecked Sendable {
    // Sendable although it has mutable state: `lock` guards it.
    private let lock = Lock()
    private var held: PeerCallEnd?
    var end: PeerCallEnd? {
      get { lock.locked { held } }
      set { lock.locked { held = newValue } }
    }
  }

  // What goes on must not keep the node from ending.
  private weak var core: NodeCore?
  private let node: NodeID
  private let finish: (ControlResponse) -> HTTPResponse
  private let box = Box()
  private var call: CallID?
  private var isStopping = false
  private let end: Instant

  /// Asks `node`. `finish` makes the answer of what came of it.
  init(_ node: NodeID, of core: NodeCore, _ now: Instant, finish: @escaping (ControlResponse) -> HTTPResponse) {
    self.node = node
    self.core = core
    self.finish = finish
    end = now + MemberHealth.timeout
    let question = PeerQuestion(
      node: node, method: LinkTransport.healthMethod, message: GRPCHealth.request, deadline: end, isIdempotent: true)
    call = core.ask(question) { [box, weak core] end in
      box.end = end
      core?.edge?.wake()
    }
  }

  /// Nobody reads it any more.
  deinit { giveUp() }

  // It ends by itself.
  var mayStay: Bool { false }

  func next(_ now: Instant) -> AnswerPart {
    if let end = box.end { return .whole(finish(MemberHealth.answer(node, MemberHealthOutcome(end)))) }
    // The link thread keeps the same deadline; a name that can't be looked up keeps none.
    guard now >= end || isStopping else { return .nothing(until: end) }
    giveUp()
    return .whole(finish(MemberHealth.answer(node, isStopping ? .stopped : .deadlinePassed)))
  }

  func stop() { isStopping = true }

  private func giveUp() {
    if let call, box.end == nil { core?.giveUp(call) }
    call = nil
  }
}

extension MemberHealthOutcome {
  /// The same in the words of the control plane.
  fileprivate init(_ end: PeerCallEnd) {
    switch end.outcome {
    case .answered(.ok, let reply):
      self = .answered(
        reply, transport: end.transport ?? "", roundTrip: end.roundTrip ?? .zero, attempts: end.attempts)
    case .answered(let status, _): self = .failed(code: status.code)
    case .deadlinePassed: self = .deadlinePassed
    case .unreachable(let reason): self = .unreachable(reason)
    case .circuitOpen(let wait): self = .circuitOpen(retryIn: wait)
    case .busy: self = .busy
    case .cancelled, .stopped: self = .stopped
    }
  }
}
