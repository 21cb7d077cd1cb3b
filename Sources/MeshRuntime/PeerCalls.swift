import MeshBasics
import MeshControl
import MeshEngine
import MeshMembership
import MeshThreads
import MeshTransport

/// What this node asks of a member over the mesh.
struct PeerQuestion: Sendable {
  let node: NodeID
  /// The full name of the method.
  let method: String
  let message: [UInt8]
  let deadline: Instant
  /// Whether it does no harm when it is asked twice.
  let isIdempotent: Bool

  /// The call of it, by these ways.
  func call(link: LinkID?, address: SocketAddress?, serverName: String) -> PeerCall {
    PeerCall(
      method: method, message: message,
      target: CallTarget(node: node, link: link, address: address, serverName: serverName), deadline: deadline,
      isIdempotent: isIdempotent)
  }
}

/// Who waits for which call of this node. Any thread.
final class PeerCallBook: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards it.
  private let lock = Lock()
  private var waiting: [CallID: @Sendable (PeerCallEnd) -> Void] = [:]
  private var last: UInt64 = 0

  /// Calls that are waited for at once.
  static let callsMax = 1_024

  /// A new call, whose end `onEnd` is told, once, unless it is forgotten before. Nil when too many are waited for.
  func add(_ onEnd: @escaping @Sendable (PeerCallEnd) -> Void) -> CallID? {
    lock.locked {
      guard waiting.count < PeerCallBook.callsMax else { return nil }
      last &+= 1
      let id = CallID(rawValue: last)
      waiting[id] = onEnd
      return id
    }
  }

  func isWaiting(_ id: CallID) -> Bool { lock.locked { waiting[id] != nil } }

  func end(_ id: CallID, _ end: PeerCallEnd) { lock.locked { waiting.removeValue(forKey: id) }?(end) }

  /// Nobody waits for it any more. False when it had ended.
  func forget(_ id: CallID) -> Bool { lock.locked { waiting.removeValue(forKey: id) } != nil }
}

extension NodeCore {
  // MARK: Calls of this node

  /// Asks a member. `onEnd` is told of the end once, on some thread, before this returns perhaps.
  func ask(_ question: PeerQuestion, onEnd: @escaping @Sendable (PeerCallEnd) -> Void) -> CallID? {
    guard let id = peerCalls.add(onEnd) else {
      onEnd(PeerCallEnd(outcome: .busy("too many calls are waited for")))
      return nil
    }
    if !inbox.postCommand(.ask(id, question)) {
      peerCalls.end(id, PeerCallEnd(outcome: phase < .leaving ? .busy("the engine's mailbox is full") : .stopped))
    }
    return id
  }

  /// Nobody wants the answer any more.
  func giveUp(_ id: CallID) {
    if peerCalls.forget(id) { _ = link.mailbox.post(.cancelCall(id)) }
  }

  // MARK: Calls of its peers

  /// A peer asks how this node is. On the link thread; the answer is the one that callers of the control listener get.
  func answerHealth(_ request: RequestID, of peer: LinkPeer, _ message: InboundMessage) {
    defer { message.taken() }
    let (now, view) = (MonotonicClock.now(), view())
    let world = RPCWorld(
      view: { view }, members: feed, clock: MemberClock(now: now, unixTicks: WallClock.unixTicks()))
    let asker = Principal(name: peer.identity.nodeNames.first ?? peer.remoteAddress, scopes: .observe)
    do throws(RPCStatus) {
      var call = try ControlCall(
        path: "/" + LinkTransport.healthMethod, view: view, caller: .certificate(asker, isLocal: false))
      _ = link.mailbox.post(.reply(request, try call.answer(to: message.bytes, world)))
    } catch {
      _ = link.mailbox.post(.fail(request, code: error.code, message: error.message))
    }
  }
}
