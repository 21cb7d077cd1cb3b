import MeshBasics

@testable import MeshTasks

// How the model's tasks come, go and end.
extension QueueModel {
  // MARK: In

  mutating func enqueue(_ task: NewTask, _ waiter: WaiterID?) -> TaskQueueAnswer {
    guard isOpen else { return .refused(shut) }
    if let fault = task.fault(payloadMax: options.payloadBytesMax) { return .refused(.invalid(fault)) }
    if !isFull || known(task) != nil { return admit(task) }
    guard let waiter else { return .refused(.full) }
    producers.append((waiter, task))
    return .waiting
  }

  func known(_ task: NewTask) -> TaskID? {
    guard let name = task.details?.requestID, !name.isEmpty else { return nil }
    return requests.first { $0.name == name }?.id
  }

  mutating func admit(_ task: NewTask) -> TaskQueueAnswer {
    if let known = known(task) {
      tally.duplicates += 1
      return .admitted(known, isNew: false)
    }
    lastSequence += 1
    let id = TaskID(epoch: epoch, sequence: lastSequence)
    tally.admitted += 1
    remember(task, id)
    enter(Item(id: id, task: task, admittedAt: now, attempt: 0, charges: 0, at: now + task.delay))
    return .admitted(id, isNew: true)
  }

  mutating func remember(_ task: NewTask, _ id: TaskID) {
    guard let name = task.details?.requestID, !name.isEmpty, known(task) == nil else { return }
    requests.append((name, id))
    while requests.count > options.requestWindow { requests.removeFirst() }
  }

  /// `at` is when it may be delivered at the earliest.
  mutating func enter(_ item: Item) {
    items.append(item)
    let key = item.task.details?.key ?? ""
    if !key.isEmpty {
      if let line = keys.firstIndex(where: { items[index($0[0])!].task.details?.key == key }) {
        keys[line].append(item.id)
        items[items.count - 1].state = .held
        return
      }
      keys.append([item.id])
    }
    settle(items.count - 1)
  }

  mutating func settle(_ place: Int) {
    if items[place].at > now { items[place].state = .delayed } else { makeReady(place) }
  }

  mutating func makeReady(_ place: Int) {
    items[place].state = .ready
    items[place].at = now
    ready.append(items[place].id)
  }

  // MARK: Out

  mutating func lease(_ leaseID: UInt64, _ waiter: WaiterID?) -> TaskQueueAnswer {
    if isOpen && !ready.isEmpty { return .leased(grant(leaseID)) }
    guard let waiter, !isClosing else { return .refused(isOpen ? .empty : shut) }
    lessees.append((waiter, leaseID))
    return .waiting
  }

  mutating func grant(_ leaseID: UInt64) -> TaskLease {
    let urgent = ready.map { items[index($0)!].task.priority }.max()!
    let id = ready.first { items[index($0)!].task.priority == urgent }!
    let place = index(id)!
    ready.removeAll { $0 == id }
    leased.append(id)
    items[place].state = .leased
    items[place].at = now + options.leaseDuration
    items[place].leaseID = leaseID
    items[place].attempt += 1
    items[place].charges += 1
    tally.grants += 1
    if items[place].attempt > 1 { tally.redeliveries += 1 }
    let item = items[place]
    return TaskLease(
      token: TaskToken(id: id, attempt: item.attempt, leaseID: leaseID), payload: item.task.payload,
      details: item.task.details, priority: item.task.priority, admittedAt: item.admittedAt, expiresAt: item.at)
  }

  enum End { case heartbeat, complete, handBack, fail(String, TaskDisposition) }

  mutating func end(_ token: TaskToken, _ end: End) -> TaskQueueAnswer {
    if case .fail(_, .retryAfter(let wait)) = end, wait < .zero || wait > TaskLimits.delayMax {
      return .refused(.invalid(TaskFault("wait", "", "")))
    }
    guard let place = index(token.id) else {
      let diedOfIt = dead.contains { $0.id == token.id && $0.attempt == token.attempt && $0.cause == .expired }
      return .refused(diedOfIt ? .leaseExpired : .leaseInactive)
    }
    guard items[place].attempt == token.attempt, items[place].leaseID == token.leaseID, token.leaseID != 0 else {
      return .refused(.leaseInactive)
    }
    guard items[place].state == .leased else { return .refused(.leaseExpired) }
    leased.removeAll { $0 == token.id }
    if case .heartbeat = end {
      leased.append(token.id)
      items[place].at = now + options.leaseDuration
      tally.heartbeats += 1
      return .extended(until: items[place].at)
    }
    items[place].leaseID = 0
    switch end {
    case .heartbeat: break
    case .complete:
      tally.completed += 1
      forget(token.id)
    case .handBack:
      tally.requeued += 1
      items[place].charges -= 1
      let peers = items.filter { $0.state == .ready && $0.task.priority == items[place].task.priority }
      items[place].state = .ready
      items[place].at = peers.map(\.at).min() ?? now
      ready.insert(token.id, at: 0)
    case .fail(let reason, let disposition):
      tally.failed += 1
      say(reason, of: place)
      switch disposition {
      case .deadLetter: die(token.id, .refused)
      case .retryAfter(let wait): retry(place, wait, .failed)
      case .retry:
        var wait = options.retry.first
        for _ in 0..<(items[place].charges - 1) { wait = wait.multiplied(by: options.retry.factor) }
        retry(place, min(wait, options.retry.longest), .failed)
      }
    }
    return .done
  }

  mutating func say(_ reason: String, of place: Int) {
    items[place].task.details = (items[place].task.details ?? TaskDetails()).failed(reason)
  }

  mutating func retry(_ place: Int, _ wait: Duration, _ cause: DeadLetter.Cause) {
    guard items[place].charges < options.attemptsMax else { return die(items[place].id, cause) }
    tally.requeued += 1
    items[place].at = now + wait
    settle(place)
  }

  mutating func expire(_ id: TaskID) {
    let place = index(id)!
    let token = TaskToken(id: id, attempt: items[place].attempt, leaseID: items[place].leaseID)
    events.append(.leaseExpired(token))
    leased.removeAll { $0 == id }
    tally.expired += 1
    say(TaskQueue.expiredReason, of: place)
    retry(place, .zero, .expired)
  }

  mutating func forget(_ id: TaskID) {
    items.removeAll { $0.id == id }
    guard let line = keys.firstIndex(where: { $0[0] == id }) else { return }
    keys[line].removeFirst()
    if let next = keys[line].first { settle(index(next)!) } else { keys.remove(at: line) }
  }

  // MARK: Dead letters

  mutating func die(_ id: TaskID, _ cause: DeadLetter.Cause) {
    let item = items[index(id)!]
    forget(id)
    bury(item, cause)
  }

  mutating func bury(_ item: Item, _ cause: DeadLetter.Cause) {
    var task = item.task
    task.delay = .zero
    dead.append(
      DeadLetter(
        id: item.id, cause: cause, attempt: item.attempt, task: task, admittedAt: item.admittedAt, diedAt: now))
    tally.deadLettered += 1
    events.append(.deadLettered(item.id, cause, attempt: item.attempt))
  }

  mutating func redrive(_ id: TaskID) -> TaskQueueAnswer {
    guard isOpen else { return .refused(shut) }
    guard let place = dead.firstIndex(where: { $0.id == id }) else { return .refused(.notFound) }
    // It must fit once it is no dead letter.
    let letter = dead.remove(at: place)
    guard !isFull else {
      dead.insert(letter, at: place)
      return .refused(.full)
    }
    tally.redriven += 1
    enter(
      Item(
        id: id, task: letter.task, admittedAt: letter.admittedAt, attempt: letter.attempt, charges: 0, at: now))
    return .done
  }
}
