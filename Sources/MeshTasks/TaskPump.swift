import MeshBasics

/// Brings tasks from a queue to one consumer, as many as the consumer has *credit* for, and keeps their leases alive
/// while they are there. One value, no clock, no thread; `LeasePump` in MeshRuntime is the thread-safe shell around it.
///
/// *Credit* is how many deliveries may be unsettled at a time. It comes back when the consumer settles a delivery: not
/// when its lease runs out, so that a consumer which hangs doesn't get one task after the other to lose. A task is
/// asked for only while there is credit for it: `wanted`.
/// *Heartbeats* go on while a delivery is unsettled, read or not, and as long as its lease then ends within `holdMax`
/// of its grant.
/// *Conservation*: each task that came is settled by the consumer, handed back, or unsettled and within the credit.
public struct TaskPump: Sendable {
  /// A delivery of a task: no two of a queue are equal.
  private struct Delivery: Comparable, Sendable {
    let id: TaskID
    let attempt: UInt32

    init(_ token: TaskToken) { (id, attempt) = (token.id, token.attempt) }

    static func < (left: Delivery, right: Delivery) -> Bool {
      left.id == right.id ? left.attempt < right.attempt : left.id < right.id
    }
  }

  private struct Held: Sendable {
    let token: TaskToken
    /// When the lease must be over.
    let endsBy: Instant
  }

  /// How it behaves.
  public let options: TaskPumpOptions
  /// How many deliveries may be unsettled at a time.
  public private(set) var credit = 0
  /// What it brought.
  public private(set) var counts = TaskPumpCounts()
  /// Whether it still brings tasks.
  public private(set) var isOpen = true

  private var held = ChunkedMap<Delivery, Held>()
  private var beats = DeadlineQueue<Delivery>()
  private var now = Instant.origin

  /// One that brings nothing yet. *Errors*: the options' faults.
  public init(_ options: TaskPumpOptions) throws(TaskQueueFaults) {
    let faults = options.faults
    guard faults.isEmpty else { throw TaskQueueFaults(faults: faults) }
    self.options = options
  }

  /// Whether it brought this delivery, and the consumer hasn't settled it.
  public func holds(_ token: TaskToken) -> Bool { find(token) != nil }
  /// Deliveries that the consumer hasn't settled.
  public var unsettled: Int { held.count }
  /// How many tasks it may lease now. It shrinks by what it leases alone.
  public var wanted: Int { isOpen ? max(0, credit &- held.count) : 0 }
  /// When it must have a turn though nothing happens; nil when never.
  public var nextDeadline: Instant? { beats.next }

  /// How much credit may be granted; the answer to more.
  public func fault(ofGrant count: Int) -> TaskFault? {
    let most = TaskLimits.creditMax &- credit
    return count >= 1 && count <= most ? nil : TaskFault("credit", "\(count)", "1 to \(most)")
  }

  /// One turn.
  public mutating func handle(_ input: TaskPumpInput, now: Instant, into effects: inout TaskPumpEffects) {
    self.now = max(self.now, now)
    effects.begin()
    switch input {
    case .grant(let count):
      if isOpen && fault(ofGrant: count) == nil { credit &+= count }
    case .leased(let lease): take(lease, &effects)
    case .settled(let token, let keepsCredit): settle(token, keepsCredit: keepsCredit)
    case .extended(let token, let until): planBeat(token, lastedFrom: until + (.zero - options.leaseDuration))
    case .over(let token): stopBeating(token)
    case .unread(let tokens): for token in tokens { takeBack(token, &effects) }
    case .timePassed: beat(&effects)
    case .close:
      isOpen = false
      credit = held.count
    }
  }

  private mutating func take(_ lease: TaskLease, _ effects: inout TaskPumpEffects) {
    guard wanted > 0 else {
      counts.handedBack &+= 1
      return effects.handBacks.append(lease.token)
    }
    let granted = lease.expiresAt + (.zero - options.leaseDuration)
    held[Delivery(lease.token)] = Held(token: lease.token, endsBy: granted + options.holdMax)
    planBeat(lease.token, lastedFrom: granted)
    counts.delivered &+= 1
    effects.deliveries.append(lease)
  }

  private func find(_ token: TaskToken) -> Held? {
    held[Delivery(token)].flatMap { $0.token == token ? $0 : nil }
  }

  private mutating func remove(_ token: TaskToken) -> Bool {
    guard find(token) != nil else { return false }
    held.removeValue(forKey: Delivery(token))
    beats.set(Delivery(token), at: nil)
    return true
  }

  private mutating func settle(_ token: TaskToken, keepsCredit: Bool) {
    guard remove(token) else { return }
    counts.settled &+= 1
    if !keepsCredit || !isOpen { credit &-= 1 }
  }

  /// The consumer hasn't seen it: the delivery doesn't count, and its credit is free.
  private mutating func takeBack(_ token: TaskToken, _ effects: inout TaskPumpEffects) {
    guard remove(token) else { return }
    counts.delivered &-= 1
    counts.handedBack &+= 1
    if !isOpen { credit &-= 1 }
    effects.handBacks.append(token)
  }

  private mutating func planBeat(_ token: TaskToken, lastedFrom start: Instant) {
    guard find(token) != nil else { return }
    beats.set(Delivery(token), at: start + options.heartbeatInterval)
  }

  private mutating func beat(_ effects: inout TaskPumpEffects) {
    while let due = beats.popDue(now) {
      guard let held = held[due] else { continue }
      if now + options.leaseDuration <= held.endsBy { effects.heartbeats.append(held.token) } else { counts.over &+= 1 }
    }
  }

  private mutating func stopBeating(_ token: TaskToken) {
    guard find(token) != nil else { return }
    beats.set(Delivery(token), at: nil)
    counts.over &+= 1
  }
}

/// How a pump behaves.
public struct TaskPumpOptions: Equatable, Sendable {
  /// How long a lease of the queue lasts from its grant, and from each heartbeat.
  public let leaseDuration: Duration
  /// How often a lease is renewed; at most half of `leaseDuration`.
  public var heartbeatInterval: Duration
  /// How long a consumer may have a task before its lease runs out, whatever it does: at least `leaseDuration`, at most
  /// `TaskLimits.holdMax`.
  public var holdMax: Duration

  /// As the queue says; ten minutes for each task, or as long as a lease lasts.
  public init(for queue: TaskQueueOptions) {
    leaseDuration = queue.leaseDuration
    heartbeatInterval = queue.heartbeatInterval
    holdMax = max(.seconds(600), queue.leaseDuration)
  }

  /// What is wrong with them; empty when nothing is.
  public var faults: [TaskFault] {
    var faults: [TaskFault] = []
    if heartbeatInterval <= .zero || heartbeatInterval > leaseDuration.divided(by: 2) {
      faults.append(
        TaskFault(
          "heartbeat interval", "\(heartbeatInterval.milliseconds) ms",
          "more than 0, and at most half of the lease duration, \(leaseDuration.milliseconds) ms"))
    }
    if holdMax < leaseDuration || holdMax > TaskLimits.holdMax {
      faults.append(
        TaskFault(
          "longest hold", "\(holdMax.milliseconds) ms",
          "at least the lease duration, \(leaseDuration.milliseconds) ms, and at most 7 days"))
    }
    return faults
  }
}

/// What the shell tells a pump.
public enum TaskPumpInput: Sendable {
  /// The consumer can take so many more; nothing when that can't be (`fault(ofGrant:)`).
  case grant(Int)
  /// The queue gave a task.
  case leased(TaskLease)
  /// The consumer has said how a delivery ended, whatever the queue thinks of it. It may take another in its place, or
  /// not.
  case settled(TaskToken, keepsCredit: Bool)
  /// A heartbeat was in time: the lease is over from then on.
  case extended(TaskToken, until: Instant)
  /// A heartbeat was in vain.
  case over(TaskToken)
  /// The consumer hasn't seen these, and won't.
  case unread([TaskToken])
  /// Time has passed: see `nextDeadline`.
  case timePassed
  /// Bring nothing more. What the consumer has it keeps, and may settle.
  case close
}

/// What one turn of a pump asks of the shell. One value is used for many turns.
public struct TaskPumpEffects: Sendable {
  /// Tasks for the consumer, in order.
  public internal(set) var deliveries: [TaskLease] = []
  /// Leases to be renewed; each is answered as `extended` or `over`.
  public internal(set) var heartbeats: [TaskToken] = []
  /// Leases to be handed back to the queue.
  public internal(set) var handBacks: [TaskToken] = []

  /// No effects.
  public init() {}

  mutating func begin() {
    deliveries.removeAll()
    heartbeats.removeAll()
    handBacks.removeAll()
  }
}

/// What a pump brought.
public struct TaskPumpCounts: Equatable, Sendable {
  /// Tasks that came to the consumer, those that it never saw and that were taken back not counted.
  public internal(set) var delivered: UInt64 = 0
  /// Deliveries that the consumer settled.
  public internal(set) var settled: UInt64 = 0
  /// Tasks that went back to the queue unseen.
  public internal(set) var handedBack: UInt64 = 0
  /// Leases that ended before the consumer settled them, or that aren't renewed any more.
  public internal(set) var over: UInt64 = 0
}
