import MeshBasics
import MeshControl
import MeshMembership
import MeshTransport

/// One caller that watches the members. Lives on the edge thread.
final class MembersWatch: AnswerBody {
  private let feed: MembersFeed
  private let observe: (Observation) -> Void
  private var stream: MembersEventStream
  private var isStopping = false

  init(
    _ stream: MembersEventStream, of feed: MembersFeed, observe: @escaping (Observation) -> Void
  ) {
    self.stream = stream
    self.feed = feed
    self.observe = observe
    feed.opened()
    observe(.watchesCounted(feed.watches))
  }

  deinit {
    feed.closed()
    observe(.watchesCounted(feed.watches))
  }

  func next(_ now: Instant) -> AnswerPart {
    if isStopping { return .end(trailers: []) }
    let lags = stream.lags
    let part = stream.next(in: feed, clock: MemberClock(now: now, unixTicks: WallClock.unixTicks()))
    if stream.lags > lags { observe(.watchLagged(resource: "members")) }
    switch part {
    case .bytes(let bytes): return .bytes(bytes)
    case .nothing(let time): return .nothing(until: time)
    }
  }

  func stop() { isStopping = true }
}
