import MeshBasics
import MeshControl
import MeshTransport

/// One caller that watches a resource of the node. Lives on the edge thread.
final class WatchBody: AnswerBody {
  /// What comes next for it, and how often it lagged so far.
  typealias Text = (NodeCore, MemberClock) -> (part: WatchTextPart, lags: UInt64)

  // What goes on must not keep the node from ending.
  private weak var core: NodeCore?
  private let feed: MembersFeed
  private let resource: String
  private let text: Text
  private var lags: UInt64 = 0
  private var permit: Permit
  private let principal: String?
  private let caller: String
  private var isStopping = false
  /// The turn in which its permit was looked at last, and the time then: a turn asks until there is nothing more.
  private var turn: (began: Instant, clock: MemberClock)?

  /// `caller` is who reads it, by its own word; `principal` by its credential.
  init(_ watch: WatchRequest, _ permit: Permit, principal: String?, caller: String, of core: NodeCore) {
    resource = watch.resource
    text = WatchBody.text(watch, of: core)
    self.permit = permit
    self.principal = principal
    self.caller = caller
    self.core = core
    feed = core.feed
    core.watchOpened(by: principal)
  }

  deinit { core?.watchClosed(by: principal) ?? feed.closed(by: principal) }

  func next(_ now: Instant) -> AnswerPart {
    // The listener ends with the node.
    guard let core else { return .end(trailers: []) }
    if let turn, turn.began == now { return told(text(core, turn.clock), core) }
    if let refusal = permit.refusal(now) {
      core.tell(refusal, permit.remote)
      return .end(trailers: [])
    }
    let clock = MemberClock.current
    turn = (now, clock)
    return told(text(core, clock), core)
  }

  private func told(_ told: (part: WatchTextPart, lags: UInt64), _ core: NodeCore) -> AnswerPart {
    let (part, lags) = told
    if lags > self.lags { core.observeOnEdge(.watchLagged(resource: resource, caller: caller)) }
    self.lags = lags
    switch part {
    case .bytes(let bytes): return .bytes(bytes)
    // What has happened is still told.
    case .nothing(let time): return isStopping ? .end(trailers: []) : .nothing(until: time)
    }
  }

  func stop() { isStopping = true }

  private static func text(_ watch: WatchRequest, of core: NodeCore) -> Text {
    let node = core.configuration.nodeID
    switch watch {
    case .members(let request):
      var text = MembersWatchText(request, localNodeID: node, life: core.life)
      return { core, clock in (text.next(in: core.feed, clock: clock, texts: core.memberTexts), text.lags) }
    case .queues(let request):
      var text = QueuesWatchText(request, localNodeID: node, life: core.life)
      return { core, clock in (text.next(in: core.queues.views, now: clock.now), text.lags) }
    case .backpressure(let request):
      var text = BackpressureWatchText(request, life: core.life)
      return { core, clock in (text.next(in: core.queues.news, now: clock.now), text.lags) }
    }
  }
}
