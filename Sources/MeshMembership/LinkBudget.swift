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

  /// Whether nothing of it is spent.
  func isFull(now: Instant) -> Bool {
    var filled = self
    filled.fill(now)
    return filled.tokens == burst
  }

  private mutating func fill(_ now: Instant) {
    let milliseconds = now.since(filledAt).milliseconds
    guard milliseconds < 60_000 else {
      (tokens, filledAt) = (burst, now)
      return
    }
    // Time that makes no whole unit yet counts the next time.
    let gained = milliseconds &* perSecond / 1_000
    guard gained > 0 else { return }
    tokens = min(burst, tokens &+ gained)
    filledAt = filledAt + .microseconds(gained &* 1_000_000 / perSecond)
  }
}

/// What may be told to one peer, and what it may bring. Broadcasts have a share of their own, so that neither they nor
/// membership starve.
struct LinkBudget: Equatable, Sendable {
  /// Bytes of news.
  var news: TokenBucket
  /// Bytes of broadcasts.
  var broadcasts: TokenBucket
  /// Bytes of broadcasts that the peer brings, others' among them and those that came already.
  var broadcastsTaken: TokenBucket
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
    broadcastsTaken = TokenBucket(
      perSecond: MembershipLimits.broadcastBytesTakenPerSecond, burst: MembershipLimits.broadcastBytesTakenBurst,
      now: now)
    accusations = TokenBucket(
      perSecond: Int64(MembershipLimits.accusationsPerSecond), burst: Int64(MembershipLimits.accusationsBurst), now: now
    )
    joins = TokenBucket(
      perSecond: Int64(MembershipLimits.joinsPerSecond), burst: Int64(MembershipLimits.joinsBurst), now: now)
    sync = TokenBucket(
      perSecond: MembershipLimits.syncBytesPerSecond, burst: MembershipLimits.syncBytesBurst, now: now)
  }

  /// Whether nothing of it is spent.
  func isFull(now: Instant) -> Bool {
    [news, broadcasts, broadcastsTaken, accusations, joins, sync].allSatisfy { $0.isFull(now: now) }
  }
}

extension Membership {
  /// Keeps what a peer has spent beyond the end of its link: with the next one it goes on from there.
  mutating func keepBudget(_ budget: LinkBudget, of node: NodeID, now: Instant) {
    guard !budget.isFull(now: now) else { return }
    if spentBudgets.count >= MembershipLimits.spentBudgetsMax { forgetFullBudgets(now: now) }
    // In a mesh that loses so many links at once it is no time to grudge one peer its new budget.
    if spentBudgets.count < MembershipLimits.spentBudgetsMax { spentBudgets[node] = budget }
  }

  /// Forgets the budgets that have filled up again.
  mutating func forgetFullBudgets(now: Instant) {
    for (node, budget) in spentBudgets where budget.isFull(now: now) { spentBudgets.removeValue(forKey: node) }
  }
}
