// What lies between the machines: distance, loss, cuts and narrow pipes. A link is a reliable stream, so that loss
// costs time and not messages.
import MeshBasics

/// What nothing gets through.
struct Cut: Equatable {
  enum Shape: Equatable {
    /// Nodes of different groups can't reach each other; those of `bridge`, if any, reach all.
    case groups([UInt8])
    /// Nothing from a node of the set reaches a node outside it.
    case outward([Bool])
    /// Nothing between two processes, or only one way.
    case pair(from: Int, to: Int, isMutual: Bool)
    /// Nothing to (or from) one process.
    case deaf(Int)
    case mute(Int)
  }
  /// The group that reaches all others.
  static let bridge: UInt8 = 255

  let fault: Int
  let shape: Shape

  func blocks(_ from: Int, _ to: Int) -> Bool {
    switch shape {
    case .groups(let groups):
      guard from < groups.count, to < groups.count else { return false }
      return groups[from] != groups[to] && groups[from] != Cut.bridge && groups[to] != Cut.bridge
    case .outward(let inside):
      guard from < inside.count, to < inside.count else { return false }
      return inside[from] && !inside[to]
    case .pair(let first, let second, let isMutual):
      return (from == first && to == second) || (isMutual && from == second && to == first)
    case .deaf(let process): return to == process
    case .mute(let process): return from == process
    }
  }
}

struct Network {
  let seed: UInt64
  /// The one-way time between two machines lies between these, the same for a pair in the whole run.
  var latencyMin = Duration.microseconds(200)
  var latencyMax = Duration.milliseconds(2)
  /// Each message takes up to this much more.
  var jitter = Duration.microseconds(100)
  /// More than one makes regions, 20 to 150 ms from each other.
  var regions = 1
  /// Bytes a second that a machine can send; 0 for no bound.
  var bandwidth: Int64 = 0

  /// Chances in a thousand that a packet is lost: everywhere, in a burst, and to and from single machines.
  var loss: UInt64 = 0
  var burstLoss: UInt64 = 0
  var machineLoss: [UInt64] = []
  /// When the loss of single machines ends.
  var machineLossEnd: [Instant] = []
  /// Loss in one direction between two machines, until its end.
  var pairLoss: [(fault: Int, from: Int, to: Int, loss: UInt64, end: Instant)] = []
  /// Chance in a thousand that a dial comes to nothing.
  var dialFailure: UInt64 = 0
  var cuts: [Cut] = []

  /// How long a connection lives on which nothing gets through.
  static let idleTimeout = Duration.seconds(30)
  /// About how long a burst of loss lasts.
  static let burst = Duration.milliseconds(250)
  /// How long a dial may take.
  static let dialTimeout = Duration.seconds(2)

  init(seed: UInt64, processes: Int) {
    self.seed = seed
    add(processes)
  }

  mutating func add(_ machines: Int) {
    machineLoss += Array(repeating: 0, count: machines)
    machineLossEnd += Array(repeating: .origin, count: machines)
  }

  func isCut(_ from: Int, _ to: Int) -> Bool { !cuts.isEmpty && cuts.contains { $0.blocks(from, to) } }

  /// The one-way time between two machines, without jitter.
  func distance(_ first: Int, _ second: Int) -> Duration {
    if first == second { return .microseconds(20) }
    let low = min(first, second)
    let high = max(first, second)
    let spread = UInt64(clamping: (latencyMax - latencyMin).nanoseconds)
    let within = latencyMin + Duration(nanoseconds: Int64(clamping: derived(seed, low, high) % max(spread, 1)))
    guard regions > 1, low % regions != high % regions else { return within }
    let regionLow = min(low % regions, high % regions)
    let regionHigh = max(low % regions, high % regions)
    let milliseconds = 20 &+ derived(seed, 1_000_000 &+ regionLow, regionHigh) % 131
    return within + .milliseconds(Int64(clamping: milliseconds))
  }

  /// How long the sender of a packet waits before it sends it again for the first time.
  func probeTimeout(_ from: Int, _ to: Int) -> Duration {
    max(.milliseconds(30), distance(from, to).multiplied(by: 4))
  }

  /// How long a message takes, with all that is sent again; nil when nothing gets through for as long as a connection
  /// lives.
  func delay(_ from: Int, _ to: Int, at now: Instant, _ random: inout SeededRandom) -> Duration? {
    var delay = distance(from, to) + Duration(nanoseconds: Int64(clamping: random.below(UInt64(jitter.nanoseconds))))
    guard burstLoss > 0 || loss(from, to, at: now) > 0 else { return delay }
    var wait = probeTimeout(from, to)
    var waited = Duration.zero
    // A later try meets what the network does then: the loss of single machines may have ended, a burst has.
    while random.chance(
      min(950, loss(from, to, at: now + waited) &+ (waited < Network.burst ? burstLoss : 0)), in: 1_000)
    {
      delay = delay + wait
      waited = waited + wait
      wait = wait.multiplied(by: 2)
      if delay >= Network.idleTimeout { return nil }
    }
    return delay
  }

  private func loss(_ from: Int, _ to: Int, at time: Instant) -> UInt64 {
    var loss = loss
    if time < machineLossEnd[from] { loss &+= machineLoss[from] }
    if time < machineLossEnd[to] { loss &+= machineLoss[to] }
    for pair in pairLoss where pair.from == from && pair.to == to && time < pair.end { loss &+= pair.loss }
    return min(loss, 950)
  }

  /// When what has been sent again and again since `since` is sent next: the distance between tries doubles.
  func nextTry(_ from: Int, _ to: Int, since: Instant, now: Instant) -> Instant {
    var wait = probeTimeout(from, to)
    var at = since + wait
    while at < now {
      wait = wait.multiplied(by: 2)
      at = at + wait
    }
    return at
  }
}
