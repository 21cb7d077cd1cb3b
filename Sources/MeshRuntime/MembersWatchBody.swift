import MeshBasics
import MeshControl
import MeshMembership
import MeshTransport

/// One caller that watches the members. Lives on the edge thread.
final class MembersWatchBody: AnswerBody {
  // What goes on must not keep the node from ending.
  private weak var core: NodeCore?
  private let feed: MembersFeed
  private var stream: MembersWatchText
  private var permit: Permit
  private let caller: String
  private var isStopping = false

  /// `caller` is who reads it, by its own word.
  init(_ stream: MembersWatchText, _ permit: Permit, caller: String, of core: NodeCore) {
    self.stream = stream
    self.permit = permit
    self.caller = caller
    self.core = core
    feed = core.feed
    core.watchOpened()
  }

  deinit { core?.watchClosed() ?? feed.closed() }

  func next(_ now: Instant) -> AnswerPart {
    if let refusal = permit.refusal(now) {
      core?.tell(refusal, permit.remote)
      return .end(trailers: [])
    }
    let lags = stream.lags
    let clock = MemberClock(now: now, unixTicks: WallClock.unixTicks())
    let part = stream.next(in: feed, clock: clock, texts: core?.memberTexts)
    if stream.lags > lags { core?.observeOnEdge(.watchLagged(resource: "members", caller: caller)) }
    switch part {
    case .bytes(let bytes): return .bytes(bytes)
    // What has happened is still told.
    case .nothing(let time): return isStopping ? .end(trailers: []) : .nothing(until: time)
    }
  }

  func stop() { isStopping = true }
}
