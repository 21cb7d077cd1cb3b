// How tasks go out, and come to their ends.
import MeshBasics

extension TaskQueue {
  private enum Found {
    case slot(Slot)
    case refused(TaskRefusal)
  }

  mutating func lease(_ leaseID: UInt64, _ waiter: WaiterID?) -> TaskQueueAnswer {
    guard leaseID != 0 else { return .refused(.invalid(TaskFault("lease id", "0", "any other"))) }
    // Whoever waits is served first; while somebody does, nothing is ready.
    if isOpen && !ready.isEmpty { return .leased(grant(leaseID)) }
    guard let waiter, !isClosing else { return .refused(isOpen ? .empty : shutRefusal) }
    guard lessees.count < TaskLimits.waitersMax else { return .refused(.tooMany(limit: TaskLimits.waitersMax)) }
    lessees[waiter] = leaseID
    return .waiting
  }

  /// Leases the task that is next. Something must be ready.
  mutating func grant(_ leaseID: UInt64) -> TaskLease {
    let slot = ready.takeFirst(&store)
    let expiry = now + options.leaseDuration
    let task = store.task(at: slot)
    task.pointee.state = .leased
    task.pointee.at = expiry
    task.pointee.leaseID = leaseID
    // It never goes back to 0, whatever number a snapshot came with.
    if task.pointee.attempt < .max { task.pointee.attempt &+= 1 }
    task.pointee.charges &+= 1
    task.pointee.grantedMilliseconds = now.wrappingMilliseconds
    store.append(slot, to: &leased)
    counts.pending &-= 1
    counts.leased &+= 1
    counts.grants &+= 1
    if task.pointee.attempt > 1 { counts.redeliveries &+= 1 }
    return TaskLease(
      token: TaskToken(id: store.id(of: slot), attempt: task.pointee.attempt, leaseID: leaseID),
      payload: task.pointee.payload ?? TaskBytes([]), details: task.pointee.details,
      priority: Int(task.pointee.priority), admittedAt: task.pointee.admittedAt, expiresAt: expiry)
  }

  mutating func heartbeat(_ token: TaskToken, _ effects: inout TaskQueueEffects) -> TaskQueueAnswer {
    switch find(token, &effects) {
    case .refused(let refusal): return .refused(refusal)
    case .slot(let slot): return .extended(until: extend(slot))
    }
  }

  /// Lets the lease at `slot` last from now; its end.
  @discardableResult
  mutating func extend(_ slot: Slot) -> Instant {
    let expiry = now + options.leaseDuration
    store[slot].at = expiry
    store.remove(slot, from: &leased)
    store.append(slot, to: &leased)
    counts.heartbeats &+= 1
    return expiry
  }

  mutating func complete(_ token: TaskToken, _ effects: inout TaskQueueEffects) -> TaskQueueAnswer {
    switch find(token, &effects) {
    case .refused(let refusal): return .refused(refusal)
    case .slot(let slot):
      endLease(slot)
      counts.completed &+= 1
      forget(slot)
      return .done
    }
  }

  mutating func fail(
    _ token: TaskToken, _ reason: String, _ disposition: TaskDisposition, _ effects: inout TaskQueueEffects
  ) -> TaskQueueAnswer {
    if case .retryAfter(let wait) = disposition, wait < .zero || wait > TaskLimits.delayMax {
      return .refused(.invalid(TaskFault("retry delay", "\(wait.milliseconds) ms", "0 to 365 days")))
    }
    switch find(token, &effects) {
    case .refused(let refusal): return .refused(refusal)
    case .slot(let slot):
      endLease(slot)
      // A token is good for one end: the same one again isn't told of an expiry.
      store[slot].leaseID = 0
      store[slot].details = (store[slot].details ?? .none).failed(TaskQueue.shortened(reason))
      counts.failed &+= 1
      switch disposition {
      case .deadLetter: die(slot, .refused, &effects)
      case .retry:
        retry(slot, after: options.retry.delay(after: UInt32(store[slot].charges), &random), .failed, &effects)
      case .retryAfter(let wait): retry(slot, after: wait, .failed, &effects)
      }
      return .done
    }
  }

  mutating func handBack(_ token: TaskToken, _ effects: inout TaskQueueEffects) -> TaskQueueAnswer {
    switch find(token, &effects) {
    case .refused(let refusal): return .refused(refusal)
    case .slot(let slot):
      endLease(slot)
      store[slot].leaseID = 0
      store[slot].charges &-= 1
      counts.requeued &+= 1
      makeReadyFirst(slot)
      return .done
    }
  }

  mutating func handBackAll(_ tokens: [TaskToken], _ effects: inout TaskQueueEffects) -> TaskQueueAnswer {
    // Each becomes the first of its line: so the last one goes first.
    for token in tokens.reversed() { _ = handBack(token, &effects) }
    return .done
  }

  /// Ends the lease at `slot`, whose time has come.
  mutating func expire(_ slot: Slot, _ effects: inout TaskQueueEffects) {
    let token = TaskToken(id: store.id(of: slot), attempt: store[slot].attempt, leaseID: store[slot].leaseID)
    store.remove(slot, from: &leased)
    counts.leased &-= 1
    counts.expired &+= 1
    effects.events.append(.leaseExpired(token))
    store[slot].details = (store[slot].details ?? .none).failed(TaskQueue.expiredReason)
    retry(slot, after: .zero, .expired, &effects)
  }

  /// What consumers and dead letters are told of a lease that expired.
  public static let expiredReason = "lease expired"

  /// Delivers a task again, or not when it was delivered as often as it may be.
  private mutating func retry(
    _ slot: Slot, after wait: Duration, _ cause: DeadLetter.Cause, _ effects: inout TaskQueueEffects
  ) {
    guard Int(store[slot].charges) < options.attemptsMax else { return die(slot, cause, &effects) }
    counts.requeued &+= 1
    settle(slot, notBefore: now + wait)
  }

  mutating func endLease(_ slot: Slot) {
    store.remove(slot, from: &leased)
    counts.leased &-= 1
    let lasted = now.wrappingMilliseconds &- store[slot].grantedMilliseconds
    counts.leaseDurations.add(.milliseconds(Int64(lasted)))
  }

  /// The leased task that `token` entitles to. A lease whose time has come ends here, though no sweep has met it yet.
  private mutating func find(_ token: TaskToken, _ effects: inout TaskQueueEffects) -> Found {
    guard let slot = store.find(token.id) else { return .refused(endOfDead(token)) }
    guard store[slot].attempt == token.attempt, token.leaseID != 0, store[slot].leaseID == token.leaseID else {
      return .refused(.leaseInactive)
    }
    guard store[slot].state == .leased else { return .refused(.leaseExpired) }
    guard store[slot].at > now else {
      expire(slot, &effects)
      return .refused(.leaseExpired)
    }
    return .slot(slot)
  }

  /// Whose last lease expired is told so, whether or not the task died of it.
  private func endOfDead(_ token: TaskToken) -> TaskRefusal {
    let diedOfIt = dead.read(token.id) { $0.cause == .expired && $0.attempt == token.attempt } ?? false
    return diedOfIt ? .leaseExpired : .leaseInactive
  }

  /// At most `TaskLimits.reasonBytesMax` bytes of a reason.
  static func shortened(_ reason: String) -> String {
    guard reason.utf8.count > TaskLimits.reasonBytesMax else { return reason }
    var end = reason.utf8.index(reason.startIndex, offsetBy: TaskLimits.reasonBytesMax)
    while end > reason.startIndex, end.samePosition(in: reason.unicodeScalars) == nil {
      end = reason.utf8.index(before: end)
    }
    return String(reason[..<end])
  }
}
