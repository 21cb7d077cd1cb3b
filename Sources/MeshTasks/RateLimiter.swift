import MeshBasics

/// Lets callers through at a rate: each takes *permits*, and who finds none waits in line or is refused. It has two
/// limits, a normal and a throttled one, and a *level* says which is in force. One value, no clock, no thread;
/// `RateGate` in MeshRuntime is the thread-safe shell around it.
///
/// *Swap*: both limits count every permit from the moment at which it is given, and the level only says which of them
/// is asked. So permits that are held count against the new limit, those given lately count in its window, and its
/// bucket is no fuller than if it had been in force all the time; a bucket that couldn't have given them is empty, and
/// owes nothing. Nothing that was given is taken back, and the line stays as it is.
/// *Order*: who came first is served first, whatever the others ask for. *Time* is the shell's monotonic clock; one
/// that goes back is taken for one that stands still. *Cost*: O(1) for each input, O(log n) where a call waits.
public struct RateLimiter: Sendable {
  /// How it behaves.
  public let options: RateGateOptions
  /// What it let through.
  public private(set) var counts = RateGateCounts()
  /// Whether the throttled limit is in force.
  public private(set) var isThrottled = false
  /// The number of the last signal that it took; 0 when it follows nobody.
  public private(set) var version: UInt64 = 0
  /// When it must have a turn though nobody asks for anything; nil when never.
  public private(set) var nextDeadline: Instant?

  private var normal: LimitMeter
  private var throttled: LimitMeter
  private var waiters = ChunkedMap<WaiterID, Int>()
  private var now = Instant.origin
  private var isClosed = false

  /// One through which nobody went. *Errors*: the options' faults.
  public init(_ options: RateGateOptions) throws(TaskQueueFaults) {
    let faults = options.faults
    guard faults.isEmpty else { throw TaskQueueFaults(faults: faults) }
    self.options = options
    normal = LimitMeter(options.normal)
    throttled = LimitMeter(options.throttled ?? options.normal)
  }

  /// One turn. What time has made room for goes to those who wait, before the input is looked at.
  public mutating func handle(_ input: RateLimiterInput, now: Instant, into effects: inout RateLimiterEffects) {
    self.now = max(self.now, now)
    effects.begin()
    serve(&effects)
    effects.answer = answer(input, &effects)
    serve(&effects)
    counts.waiting = waiters.count
    nextDeadline = waiters.element(at: 0).flatMap { time(for: $0.1) }
  }

  private mutating func answer(_ input: RateLimiterInput, _ effects: inout RateLimiterEffects) -> RateLimiterAnswer {
    switch input {
    case .acquire(let count, let waiter): return acquire(count, waiter)
    case .giveBack(let count): return giveBack(count)
    case .cancelWait(let waiter): return waiters.removeValue(forKey: waiter) == nil ? .refused(.answered) : .done
    case .signal(let isActive, let version):
      guard version > self.version else { return .done }
      self.version = version
      setLevel(isActive)
      return .done
    case .follow(let isActive, let version):
      self.version = version
      setLevel(isActive)
      return .done
    case .unfollow:
      version = 0
      setLevel(false)
      return .done
    case .timePassed: return .done
    case .close:
      isClosed = true
      for (waiter, _) in waiters { effects.wakes.append((waiter, .refused(.closed))) }
      waiters.removeAll()
      return .done
    }
  }

  private mutating func acquire(_ count: Int, _ waiter: WaiterID?) -> RateLimiterAnswer {
    guard !isClosed else { return .refused(.closed) }
    guard (1...options.permitsAtOnce).contains(count) else {
      return .refused(.invalid(TaskFault("permits", "\(count)", "1 to \(options.permitsAtOnce)")))
    }
    if waiters.isEmpty && hasRoom(for: count) {
      give(count)
      return .admitted
    }
    guard let waiter, waiters.count < options.waitersMax else {
      counts.refused &+= 1
      if waiter != nil { return .refused(.lineFull(limit: options.waitersMax)) }
      return .refused(.exhausted(until: waiters.isEmpty ? time(for: count) : nil))
    }
    waiters[waiter] = count
    return .waiting
  }

  private mutating func giveBack(_ count: Int) -> RateLimiterAnswer {
    guard options.areGivenBack else { return .done }
    guard count >= 1, count <= counts.held else {
      return .refused(.invalid(TaskFault("permits to give back", "\(count)", "1 to \(counts.held), which are held")))
    }
    counts.held &-= count
    return .done
  }

  private mutating func setLevel(_ isThrottled: Bool) {
    guard isThrottled != self.isThrottled else { return }
    self.isThrottled = isThrottled
    counts.swaps &+= 1
  }

  /// Lets those who wait through, in the order in which they came, up to the first for whom there is no room.
  private mutating func serve(_ effects: inout RateLimiterEffects) {
    while let (waiter, count) = waiters.element(at: 0), hasRoom(for: count) {
      waiters.removeValue(forKey: waiter)
      give(count)
      effects.wakes.append((waiter, .admitted))
    }
  }

  private mutating func give(_ count: Int) {
    normal.charge(count, now: now)
    throttled.charge(count, now: now)
    counts.admitted &+= UInt64(clamping: count)
    if options.areGivenBack { counts.held &+= count }
  }

  private mutating func hasRoom(for count: Int) -> Bool {
    isThrottled
      ? throttled.hasRoom(for: count, held: counts.held, now: now)
      : normal.hasRoom(for: count, held: counts.held, now: now)
  }

  private func time(for count: Int) -> Instant? {
    isThrottled ? throttled.time(for: count) : normal.time(for: count)
  }
}

/// What the shell tells a limiter.
public enum RateLimiterInput: Sendable {
  /// Let a caller through who takes so many permits. Without room it waits as `waiter`, or is refused when that is nil.
  case acquire(Int, waiter: WaiterID?)
  /// So many permits are held no longer. Where no limit counts those that are, this does nothing.
  case giveBack(Int)
  /// A call waits no more.
  case cancelWait(WaiterID)
  /// A monitor sees its queue overloaded, or not; a version that isn't greater than the last is ignored.
  case signal(isActive: Bool, version: UInt64)
  /// Another monitor is followed from now on, and this is the last that it said.
  case follow(isActive: Bool, version: UInt64)
  /// No monitor is followed any more: the normal limit is in force.
  case unfollow
  /// Time has passed: see `nextDeadline`.
  case timePassed
  /// Nobody is let through any more.
  case close
}

/// What a limiter answers.
public enum RateLimiterAnswer: Equatable, Sendable {
  /// The caller goes through, and has the permits.
  case admitted
  /// The answer comes as a wake.
  case waiting
  /// So it is.
  case done
  /// It isn't so, and nothing has changed.
  case refused(RateLimiterRefusal)
}

/// Why a caller wasn't let through.
public enum RateLimiterRefusal: Equatable, Sendable {
  /// The limit is reached; `until` is when there will be room if nobody else takes it, nil when that isn't known.
  case exhausted(until: Instant?)
  /// As many calls wait as may.
  case lineFull(limit: Int)
  /// An argument can't be.
  case invalid(TaskFault)
  /// The gate is closed.
  case closed
  /// The call waits no more, because its caller said so. Only shells say this.
  case cancelled
  /// The call that should wait no more has its answer.
  case answered
}

/// What one turn of a limiter asks of the shell. One value is used for many turns.
public struct RateLimiterEffects: Sendable {
  /// The answer to the input of this turn.
  public internal(set) var answer = RateLimiterAnswer.done
  /// Answers to earlier ones, in order.
  public internal(set) var wakes: [(waiter: WaiterID, answer: RateLimiterAnswer)] = []

  /// No effects.
  public init() {}

  mutating func begin() {
    if !wakes.isEmpty { wakes.removeAll(keepingCapacity: true) }
  }
}

/// What a gate let through.
public struct RateGateCounts: Equatable, Sendable {
  /// Permits that are out; 0 where no limit counts them.
  public internal(set) var held = 0
  /// Calls that wait.
  public internal(set) var waiting = 0
  /// Permits ever given.
  public internal(set) var admitted: UInt64 = 0
  /// Calls that were refused for want of room.
  public internal(set) var refused: UInt64 = 0
  /// How often the other limit came into force.
  public internal(set) var swaps: UInt64 = 0
}
