import MeshBasics
import MeshEngine
import MeshGossipV1
import MeshTransport

/// What reaches the engine thread through its mailbox.
enum EngineMessage: Sendable {
  /// An input for the engine, as it is.
  case input(EngineInput)
  /// One message of a link's stream, not yet decoded.
  case message(LinkID, InboundMessage)
  /// A unary call, not yet decoded.
  case call(RequestID, InboundMessage)
  /// What a host's name stands for, in the resolver's order.
  case lookedUp(host: String, Result<[SocketAddress], TransportError>)
  /// Nodes of OmniRelay have changed, in this order.
  case guestsChanged([GuestEvent])
  /// When nodes of OmniRelay were heard last.
  case guestsHeard([GuestView])
  /// This node asks a member something.
  case ask(CallID, PeerQuestion)
  /// A host's command; `stream` hears of its end under `token`.
  case command(Command, Completion)
  /// A host wants the node to leave and stop.
  case stop(Completion)
  /// A host forgot the node: stop without a leave, unless a stop is under way.
  case abandon
}

/// Where the end of an operation is told. The slot on the stream is reserved already.
struct Completion: Sendable {
  let stream: EventStream?
  let token: UInt64

  func finish(_ error: MeshError?) { stream?.complete(.completed(error), token: token) }
}
