import MeshBasics

/// A token bucket: so many units a second, and a store of them for bursts.
struct TokenBucket: Equatable, Sendable {
  private let perSecond: Int64
  private let burst: Int64
  private var tokens: Int64
  private var filledAt: Instant

  init(perSecond: Int64, burst: Int64, now: Instant) {
    self.perSecond = perSecond
    self.burst = burst
    tokens = burst
    filledAt = now
  }

  /// Takes `count` units if `reserve` units are left then. A negative reserve allows a debt, which time pays off.
  mutating func take(_ count: Int, keeping reserve: Int64 = 0, now: Instant) -> Bool {
    fill(now)
    guard tokens &- Int64(count) >= reserve else { return false }
    tokens &-= Int64(count)
    return true
  }

  private mutating func fill(_ now: Instant) {
    let milliseconds = now.since(filledAt).milliseconds
    guard milliseconds > 0 else { return }
    filledAt = now
    tokens = min(burst, tokens &+ min(milliseconds, 60_000) &* perSecond / 1_000)
  }
}

/// What one link may carry. Broadcasts have a share of their own, so that neither they nor membership starve.
struct LinkBudget: Equatable, Sendable {
  /// Bytes of news.
  var news: TokenBucket
  /// Bytes of broadcasts.
  var broadcasts: TokenBucket
  /// Accusations that the peer brings, and members that it tells of first.
  var accusations: TokenBucket
  var joins: TokenBucket
  /// Bytes of views and exchanges.
  var sync: TokenBucket

  init(now: Instant) {
    let newsBytes = MembershipLimits.newsBytesPerSecond
    let broadcastBytes = MembershipLimits.broadcastBytesPerSecond
    news = TokenBucket(perSecond: newsBytes, burst: 2 &* newsBytes, now: now)
    broadcasts = TokenBucket(perSecond: broadcastBytes, burst: 2 &* broadcastBytes, now: now)
    accusations = TokenBucket(
      perSecond: Int64(MembershipLimits.accusationsPerSecond), burst: Int64(MembershipLimits.accusationsBurst), now: now
    )
    joins = TokenBucket(
      perSecond: Int64(MembershipLimits.joinsPerSecond), burst: Int64(MembershipLimits.joinsBurst), now: now)
    sync = TokenBucket(
      perSecond: MembershipLimits.syncBytesPerSecond, burst: MembershipLimits.syncBytesBurst, now: now)
  }
}
