import Foundation
import MeshBasics
import MeshTasks
import Testing

/// Random sequences for gates and pumps. MESHKIT_TASK_SEEDS sets how many seeds are tried, MESHKIT_TASK_SEED the first.
private enum Seeds {
  static var all: Range<UInt64> {
    func number(_ name: String, _ usual: UInt64) -> UInt64 {
      ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? usual
    }
    let first = number("MESHKIT_TASK_SEED", 1)
    return first..<(first + number("MESHKIT_TASK_SEEDS", 200))
  }
}

/// What a limiter must have given: every permit with its time, looked through from the beginning each time.
private struct LimiterModel {
  var given: [(at: Instant, count: Int)] = []
  var held = 0
  var line: [(waiter: WaiterID, count: Int)] = []

  /// Why `limit`, in force now, shouldn't have let `count` more through; nil when it may have.
  func objection(_ limit: RateLimit, _ count: Int, _ now: Instant) -> String? {
    switch limit {
    case .concurrency(let most): return held + count <= most ? nil : "\(held) + \(count) held of \(most)"
    case .slidingWindow(let most, let window, _):
      let lately = given.reduce(0) { now.since($1.at) < window ? $0 + $1.count : $0 }
      return lately + count <= most ? nil : "\(lately) + \(count) in a window of \(most)"
    case .tokenBucket(let permits, let period, let burst):
      // Replayed from the beginning, in parts of a permit as long as a nanosecond of its period.
      let full = burst * Int(period.nanoseconds)
      var (drops, last) = (full, Instant.origin)
      func fill(_ time: Instant) {
        let (gain, overflow) = Int(time.since(last).nanoseconds).multipliedReportingOverflow(by: permits)
        drops = overflow ? full : min(full, drops + min(gain, full))
        last = time
      }
      for (time, count) in given {
        fill(time)
        drops = max(0, drops - count * Int(period.nanoseconds))
      }
      fill(now)
      return drops >= count * Int(period.nanoseconds) ? nil : "\(drops) drops of \(full)"
    }
  }
}

private struct LimiterDuel {
  var random: SeededRandom
  var limiter: RateLimiter
  var model = LimiterModel()
  var effects = RateLimiterEffects()
  var now = Instant(nanoseconds: 77_777_777)
  var lastWaiter: WaiterID = 0
  var version: UInt64 = 0
  var isThrottled = false

  init(seed: UInt64) throws {
    random = SeededRandom(seed: seed)
    var options = RateGateOptions(normal: LimiterDuel.limit(&random), throttled: LimiterDuel.limit(&random))
    options.waitersMax = 6
    limiter = try RateLimiter(options)
  }

  static func limit(_ random: inout SeededRandom) -> RateLimit {
    let permits = Int(random.below(6)) + 1
    let period = Duration.milliseconds(Int64(random.below(300)) + 1)
    switch random.below(3) {
    case 0: return .concurrency(permits)
    case 1: return .tokenBucket(permits: permits, period: period, burst: Int(random.below(6)) + 1)
    default: return .slidingWindow(permits: permits, window: period, segments: Int(random.below(8)) + 1)
    }
  }

  var limit: RateLimit { isThrottled ? limiter.options.throttled ?? limiter.options.normal : limiter.options.normal }

  mutating func give(_ count: Int) -> String? {
    if let objection = model.objection(limit, count, now) { return objection }
    model.given.append((now, count))
    if limiter.options.areGivenBack { model.held += count }
    return nil
  }

  /// What the wakes of this turn say: the head of the line, one after the other.
  mutating func followWakes(under limit: RateLimit? = nil) -> String? {
    for (waiter, answer) in effects.wakes where answer == .admitted {
      guard let head = model.line.first, head.waiter == waiter else { return "\(waiter) went before its turn" }
      model.line.removeFirst()
      if let problem = give(head.count) { return problem }
    }
    return nil
  }

  /// One random step; what is wrong after it.
  mutating func step() -> String? {
    now = now + Duration(nanoseconds: Int64(random.below(60_000_000)))
    switch random.below(10) {
    case 0...4: return acquire(Int(random.below(UInt64(limiter.options.permitsAtOnce))) + 1)
    case 5, 6:
      guard model.held > 0 else { return ask(.timePassed) }
      // What time made room for is served before the permits come back.
      if let problem = ask(.timePassed) { return problem }
      let count = Int(random.below(UInt64(model.held))) + 1
      model.held -= count
      return ask(.giveBack(count))
    case 7:
      guard let gone = model.line.randomElement(using: &random) else { return nil }
      if let problem = ask(.timePassed) { return problem }
      model.line.removeAll { $0.waiter == gone.waiter }
      return ask(.cancelWait(gone.waiter))
    case 8:
      if let problem = ask(.timePassed) { return problem }
      let (isActive, number) = (random.chance(1, in: 2), version + random.below(3))
      if number > version { (version, isThrottled) = (number, isActive) }
      return ask(.signal(isActive: isActive, version: number))
    default: return ask(.timePassed)
    }
  }

  mutating func ask(_ input: RateLimiterInput) -> String? {
    limiter.handle(input, now: now, into: &effects)
    return followWakes() ?? standing()
  }

  mutating func acquire(_ count: Int) -> String? {
    let waits = random.chance(1, in: 2)
    lastWaiter += 1
    limiter.handle(.acquire(count, waiter: waits ? lastWaiter : nil), now: now, into: &effects)
    if let problem = followWakes() { return problem }
    switch effects.answer {
    case .admitted:
      if !model.line.isEmpty { return "a call overtook the line" }
      if let problem = give(count) { return problem }
    case .waiting: model.line.append((lastWaiter, count))
    default: break
    }
    return standing()
  }

  /// What must hold at rest: nobody waits whom the limit would let through a whole segment later, and nothing is lost.
  func standing() -> String? {
    let counts = limiter.counts
    if counts.held != model.held { return "held \(counts.held), not \(model.held)" }
    if counts.waiting != model.line.count { return "waiting \(counts.waiting), not \(model.line.count)" }
    if counts.admitted != model.given.reduce(0, { $0 + UInt64($1.count) }) { return "admitted \(counts.admitted)" }
    guard let head = model.line.first else { return limiter.nextDeadline == nil ? nil : "a deadline for nobody" }
    switch limit {
    case .concurrency(let most): return model.held + head.count > most ? nil : "the first in line was forgotten"
    case .tokenBucket:
      guard let deadline = limiter.nextDeadline, deadline > now else { return "no time for the first in line" }
      if model.objection(limit, head.count, deadline) != nil { return "its time is too early" }
      let before = Instant(nanoseconds: deadline.nanoseconds - 1)
      return model.objection(limit, head.count, before) == nil ? "its time is too late" : nil
    case .slidingWindow(_, let window, let segments):
      guard let deadline = limiter.nextDeadline, deadline > now else { return "no time for the first in line" }
      if model.objection(limit, head.count, deadline) != nil { return "its time is too early" }
      let segment = Duration(nanoseconds: window.nanoseconds / Int64(segments) + 1)
      let before = deadline + (.zero - segment.multiplied(by: 2))
      return model.objection(limit, head.count, max(before, model.given.last?.at ?? before)) == nil && before >= now
        ? "its time is too late" : nil
    }
  }
}

/// A pump at a queue under random steps, and a consumer that reads, settles, hangs, or goes.
private struct PumpPlay {
  var random: SeededRandom
  let rig: PumpRig
  var unread: [TaskLease] = []
  var read: [TaskLease] = []
  var seen = 0

  init(seed: UInt64) throws {
    random = SeededRandom(seed: seed)
    rig = try PumpRig(hold: .seconds(10 + Int64(random.below(40))), attempts: 3)
  }

  mutating func step() -> String? {
    rig.pass(.milliseconds(Int64(random.below(2_500))))
    switch random.below(10) {
    case 0...2: rig.queue.enqueue("x", priority: Int(random.below(3)))
    case 3: rig.ask(.grant(Int(random.below(4))))
    case 4, 5: if !unread.isEmpty { read.append(unread.removeFirst()) }
    case 6, 7: settle()
    case 8:
      let back = unread.filter { _ in random.chance(1, in: 2) }
      unread.removeAll { lease in back.contains { $0.token == lease.token } }
      rig.ask(.unread(back.map(\.token)))
    default:
      if random.chance(1, in: 20) { rig.ask(.close) }
    }
    if rig.pump.isOpen { rig.fill() }
    unread += rig.delivered[seen...]
    seen = rig.delivered.count
    return standing()
  }

  private mutating func settle() {
    guard let index = read.indices.randomElement(using: &random) else { return }
    let token = read.remove(at: index).token
    let input: TaskQueueInput = random.chance(1, in: 3) ? .fail(token, reason: "no", .retry) : .complete(token)
    rig.queue.ask(input)
    rig.ask(.settled(token, keepsCredit: random.chance(3, in: 4)))
  }

  /// Each task that came is with the consumer, settled, or handed back; and no more are leased than there is credit
  /// for.
  func standing() -> String? {
    let (pump, counts) = (rig.pump, rig.pump.counts)
    if pump.unsettled != unread.count + read.count { return "\(pump.unsettled) unsettled" }
    if counts.delivered != counts.settled + UInt64(pump.unsettled) { return "\(counts)" }
    if rig.queue.queue.counts.leased > pump.unsettled { return "a lease that nobody has" }
    if pump.unsettled > pump.credit { return "\(pump.unsettled) unsettled of \(pump.credit)" }
    return pump.nextDeadline.map { $0 > rig.queue.now } ?? true ? nil : "a heartbeat is overdue"
  }
}

struct GatePropertyTests {
  @Test func noLimitIsEverPassedNobodyOvertakesAndNoPermitIsLost() throws {
    for seed in Seeds.all {
      var duel = try LimiterDuel(seed: seed)
      for step in 0..<120 {
        guard let problem = duel.step() else { continue }
        Issue.record("MESHKIT_TASK_SEED=\(seed), step \(step): \(problem); \(duel.limiter.options)")
        return
      }
    }
  }

  @Test func eachLeasedTaskIsDeliveredHandedBackOrExpiredAndNeverMoreThanTheCredit() throws {
    for seed in Seeds.all {
      var play = try PumpPlay(seed: seed)
      for step in 0..<150 {
        guard let problem = play.step() else { continue }
        Issue.record("MESHKIT_TASK_SEED=\(seed), step \(step): \(problem)")
        return
      }
      play.rig.ask(.close)
      play.rig.ask(.unread(play.unread.map(\.token)))
      play.rig.pass(.seconds(120))
      #expect(play.rig.queue.queue.counts.leased == 0, "seed \(seed): a consumer holds a task for ever")
    }
  }
}
