import MeshBasics
import MeshTasks
import MeshThreads
import MeshTransport

/// Brings tasks from a queue to one consumer as events of a stream, as many as the consumer has credit for: the shell
/// around `TaskPump`. It renews the leases of what the consumer has, and hands back what the consumer hasn't read when
/// it ends, and when the queue is drained.
///
/// *Places*: each unit of credit has a place on the stream for as long as it is granted, so that no task is leased that
/// couldn't be delivered. *Ends*: the consumer ends its deliveries by `complete`, `fail` and `handBack` of the pump,
/// not of the queue: that is what gives the credit back. *Threads*: all methods may be called from any thread, at once,
/// and none blocks. There is no thread for it: it works on those of whoever brings it tasks or credit, and on the
/// timer's.
public final class LeasePump: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it. The stream's lock is taken under it, never the
  // queue's: a turn of a queue may call any pump.

  /// The queue that it leases from.
  public let queue: LeaseQueue
  /// The host's number for it, in all its events.
  public let token: UInt64
  private let stream: EventStream
  private let lock = Lock()
  private var room: TaskPump
  private var effects = TaskPumpEffects()
  /// Whether somebody is leasing for it; then others only say that there is more to do.
  private var isFilling = false
  private var mustFillAgain = false
  /// The one call at the queue that waits for a task.
  private var isWaiting = false
  private var waiter: WaiterID?
  /// When it tries again, after the queue had no place for its call.
  private var retryAt: Instant?
  /// When the timer gives the next turn.
  private var armedAt: Instant?
  private let number: UInt64

  /// A pump from `queue` to `stream`, which brings nothing before credit is granted. *Errors*: `.argument` names
  /// everything that is wrong with the options; `.busy` when the stream has no place for its end, or the queue too many
  /// pumps; `.closed`.
  public init(
    _ queue: LeaseQueue, to stream: EventStream, _ options: TaskPumpOptions? = nil, token: UInt64 = 0
  ) throws(MeshError) {
    do throws(TaskQueueFaults) {
      room = try TaskPump(options ?? TaskPumpOptions(for: queue.options))
    } catch {
      throw MeshError(.argument, "pump: \(error)")
    }
    (self.queue, self.stream, self.token) = (queue, stream, token)
    number = try QueueTimer.shared.begin()
    do throws(MeshError) {
      try stream.addPump(self, number)
      do throws(MeshError) {
        try queue.addPump(self, number)
      } catch {
        stream.removePump(number)
        stream.cancelReservation()
        throw error
      }
    } catch {
      // Nobody heard of it: nobody hears of its end.
      lock.locked { work(.close) }
      throw error
    }
  }

  deinit {
    QueueTimer.shared.end(number)
    end(nil)
  }

  // MARK: The consumer

  /// The consumer can take so many more tasks, `TaskLimits.creditMax` in all. *Errors*: `.argument` for other numbers,
  /// `.busy` when the stream hasn't so many places, `.closed`; then nothing was granted.
  public func grant(_ credit: Int) throws(MeshError) {
    try lock.locked { () throws(MeshError) in
      guard room.isOpen else { throw MeshError(.closed, "the pump is closed") }
      if let fault = room.fault(ofGrant: credit) { throw MeshError(.argument, "pump: \(fault)") }
      try stream.reserve(credit)
      work(.grant(credit))
    }
    fill()
  }

  /// The work is done; the consumer may get another task. *Errors*: as for `LeaseQueue.complete`.
  public func complete(_ lease: TaskToken) throws(MeshError) {
    try settle(lease, keepsCredit: true) { () throws(MeshError) in try queue.complete(lease) }
  }

  /// The work failed; the consumer may get another task. *Errors*: as for `LeaseQueue.fail`.
  public func fail(_ lease: TaskToken, reason: String, _ disposition: TaskDisposition = .retry) throws(MeshError) {
    try settle(lease, keepsCredit: true) { () throws(MeshError) in
      try queue.fail(lease, reason: reason, disposition)
    }
  }

  /// The work wasn't begun, and the consumer wants no other in its place: its credit is gone until it grants more.
  /// *Errors*: as for `LeaseQueue.handBack`.
  public func handBack(_ lease: TaskToken) throws(MeshError) {
    try settle(lease, keepsCredit: false) { () throws(MeshError) in try queue.handBack(lease) }
  }

  /// What the queue says of it is the consumer's to know; here the delivery is over, but for a call that made no sense.
  private func settle(
    _ lease: TaskToken, keepsCredit: Bool, _ end: () throws(MeshError) -> Void
  ) throws(MeshError) {
    // Another pump's delivery would be ended, and its credit lost.
    guard lock.locked({ room.holds(lease) }) else {
      throw MeshError(.leaseInactive, "the pump has no such delivery, or it was settled before")
    }
    do throws(MeshError) {
      try end()
    } catch {
      if error.status != .argument { settled(lease, keepsCredit: keepsCredit) }
      throw error
    }
    settled(lease, keepsCredit: keepsCredit)
  }

  private func settled(_ lease: TaskToken, keepsCredit: Bool) {
    lock.locked {
      let before = room.credit
      work(.settled(lease, keepsCredit: keepsCredit))
      if room.isOpen && room.credit < before { stream.cancelReservation(before &- room.credit) }
    }
    fill()
  }

  /// Brings nothing more, and hands back what the consumer hasn't read. What it has it keeps: that is renewed as before
  /// until the consumer ends it.
  public func close() { end(nil) }

  /// What it brought, how much credit was granted, and how many deliveries the consumer hasn't settled.
  public var state: (counts: TaskPumpCounts, credit: Int, unsettled: Int, isOpen: Bool) {
    lock.locked { (room.counts, room.credit, room.unsettled, room.isOpen) }
  }

  // MARK: Filling

  /// Leases as much as there is credit for: what is ready, and then with one call that waits.
  private func fill() {
    guard lock.locked({ beginFilling() }) else { return }
    var rounds = 0
    repeat {
      rounds += 1
      let wanted = lock.locked { isWaiting || retryAt != nil ? 0 : room.wanted }
      guard wanted > 0 else { continue }
      let leases = (try? queue.lease(atMost: min(wanted, LeasePump.batchMax), timeout: .zero)) ?? []
      if leases.isEmpty {
        wait()
      } else {
        lock.locked { mustFillAgain = true }
        bring(leases)
        returnIfStopped()
      }
    } while !lock.locked({ endFilling(after: rounds) })
  }

  /// Tasks that are leased in one step.
  private static let batchMax = 256
  /// Rounds that one thread goes on for, which came for something else: the timer's does the rest.
  private static let roundsMax = 8

  private func beginFilling() -> Bool {
    guard !isFilling else {
      mustFillAgain = true
      return false
    }
    isFilling = true
    return true
  }

  private func endFilling(after rounds: Int) -> Bool {
    let isOver = !mustFillAgain
    if isOver || rounds >= LeasePump.roundsMax { isFilling = false }
    mustFillAgain = false
    if !isOver && !isFilling {
      retryAt = MonotonicClock.now()
      arm()
    }
    return !isFilling
  }

  private func wait() {
    lock.locked { isWaiting = true }
    let id = queue.lease { [weak self, weak queue] result in
      if let self { return self.answered(result) }
      if case .success(let lease) = result { try? queue?.handBack(lease.token) }
    }
    // It may have been answered meanwhile, or the pump closed.
    let isInVain = lock.locked { () -> Bool in
      if isWaiting { waiter = id }
      return isWaiting && !room.isOpen
    }
    if isInVain { queue.cancel(id) }
  }

  /// The call that waited has its answer.
  private func answered(_ result: Result<TaskLease, MeshError>) {
    lock.locked { (isWaiting, waiter) = (false, nil) }
    switch result {
    case .success(let lease):
      bring([lease])
      returnIfStopped()
    case .failure(let error) where error.status == .cancelled: break
    case .failure(let error) where error.status == .closed: end(error)
    case .failure:
      lock.locked {
        retryAt = MonotonicClock.now() + .milliseconds(100)
        arm()
      }
    }
    fill()
  }

  /// Gives leases to the consumer, or back: together, so that those come in order who wait for them.
  private func bring(_ leases: [TaskLease]) {
    var (handBacks, unread): ([TaskToken], [TaskToken]) = ([], [])
    lock.locked {
      for lease in leases {
        work(.leased(lease))
        handBacks += effects.handBacks
        if !effects.deliveries.isEmpty, !stream.deliver(pumped(lease), token: token) { unread.append(lease.token) }
      }
    }
    queue.handBack(handBacks)
    // It tells so itself, but maybe after this thread is done: to lease on until then could last for ever.
    if !unread.isEmpty { streamClosed(unread: unread) }
  }

  private func pumped(_ lease: TaskLease) -> PumpedLease {
    PumpedLease(lease: lease, queue: queue.name, lasts: queue.options.leaseDuration, pump: number)
  }

  // MARK: Ends

  /// The queue leases no more, for a while or for good: what the consumer hasn't read is the queue's.
  func queueStopped(isClosed: Bool) {
    if isClosed { end(MeshError(.closed, "the queue \(queue.name) is closed")) } else { returnUnread() }
  }

  /// A lease may have been on its way to the consumer while the queue told that it stops.
  private func returnIfStopped() {
    if !queue.isLeasing { returnUnread() }
  }

  private func returnUnread() {
    let handBacks = lock.locked { () -> [TaskToken] in
      work(.unread(stream.withdrawLeases(of: number)))
      return effects.handBacks
    }
    queue.handBack(handBacks)
    fill()
  }

  /// The stream is closed: nobody will read these.
  func streamClosed(unread: [TaskToken]) {
    end(MeshError(.closed, "the event stream is closed"), unread: unread)
  }

  private func end(_ error: MeshError?, unread: [TaskToken] = []) {
    let (handBacks, waiter, wasOpen) = lock.locked { () -> ([TaskToken], WaiterID?, Bool) in
      let (wasOpen, credit) = (room.isOpen, room.credit)
      work(.close)
      work(.unread(unread + stream.withdrawLeases(of: number)))
      if wasOpen {
        stream.cancelReservation(credit)
        stream.complete(.pumpEnded(error), token: token)
      }
      return (effects.handBacks, self.waiter, wasOpen)
    }
    queue.handBack(handBacks)
    guard wasOpen else { return }
    if let waiter { queue.cancel(waiter) }
    queue.removePump(number)
    stream.removePump(number)
  }

  // MARK: Turns

  /// One turn of the room, with the lock held.
  private func work(_ input: TaskPumpInput) {
    room.handle(input, now: MonotonicClock.now(), into: &effects)
    arm()
  }

  /// With the lock held.
  private func arm() {
    let next = min(room.nextDeadline ?? .distantFuture, retryAt ?? .distantFuture)
    guard next < armedAt ?? .distantFuture else { return }
    armedAt = next
    QueueTimer.shared.arm(number, self, at: next)
  }
}

extension LeasePump: TimedClient {
  /// The timer's turn.
  func timePassed() {
    let heartbeats = lock.locked { () -> [TaskToken] in
      armedAt = nil
      if let retryAt, retryAt <= MonotonicClock.now() { self.retryAt = nil }
      work(.timePassed)
      return effects.heartbeats
    }
    for token in heartbeats {
      let lasts = try? queue.heartbeat(token)
      lock.locked { work(lasts.map { .extended(token, until: MonotonicClock.now() + $0) } ?? .over(token)) }
    }
    fill()
  }
}

/// A task that a pump brings.
public struct PumpedLease: Sendable {
  /// The task and its lease.
  public let lease: TaskLease
  /// The queue's name.
  public let queue: String
  /// How long the lease lasts from its grant and from each heartbeat.
  public let lasts: Duration
  let pump: UInt64
}
