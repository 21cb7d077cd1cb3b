import MeshBasics

/// Collects what a flood could make us say a million times, and says it at most once per second.
struct NoticeLimiter {
  /// By reason; the reasons are a handful of our own words.
  private var dropped: [(reason: String, count: UInt64)] = []
  /// With the peer that reached the limit, where one did; of many in one second the first few.
  private var limits: [(name: String, peer: String, count: UInt64)] = []
  private static let limitsMax = 32
  private var lastReport: Instant?

  /// When something waits to be said, the moment to say it.
  var nextReport: Instant? {
    if dropped.isEmpty, limits.isEmpty { return nil }
    return lastReport.map { $0 + .seconds(1) } ?? .origin
  }

  mutating func datagramDropped(_ reason: String) {
    if let index = dropped.firstIndex(where: { $0.reason == reason }) {
      dropped[index].count &+= 1
    } else {
      dropped.append((reason, 1))
    }
  }

  mutating func limitReached(_ name: String, peer: String = "") {
    // The names are a handful of our own words; the peers are not.
    let peer = limits.count < NoticeLimiter.limitsMax ? peer : ""
    if let index = limits.firstIndex(where: { $0.name == name && $0.peer == peer }) {
      limits[index].count &+= 1
    } else {
      limits.append((name, peer, 1))
    }
  }

  mutating func report(_ now: Instant, _ observe: (Observation) -> Void) {
    guard let due = nextReport, due <= now else { return }
    for (reason, count) in dropped { observe(.datagramsDropped(count: count, reason: reason)) }
    for limit in limits { observe(.limitReached(limit.name, peer: limit.peer, count: limit.count)) }
    dropped = []
    limits = []
    lastReport = now
  }
}

/// At most so many events in one second.
struct RateLimit {
  private var windowEnd = Instant.origin
  private var count = 0

  /// Counts one event; false when `max` were allowed in this second already.
  mutating func allows(_ max: Int, _ now: Instant) -> Bool {
    if now >= windowEnd {
      windowEnd = now + .seconds(1)
      count = 0
    }
    count += 1
    return count <= max
  }
}
