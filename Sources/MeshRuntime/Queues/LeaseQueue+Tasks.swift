// What producers and consumers call.
import MeshBasics
import MeshTasks
import MeshTransport

extension LeaseQueue {
  /// Admits a task. *Errors*: `.busy` without a place and without time, `.timeout` when none came free in time,
  /// `.draining`, `.argument` for a task that can't be. `isNew` is false when its request had become this task before.
  public func enqueue(_ task: NewTask, timeout: Duration? = .zero) throws(MeshError) -> (id: TaskID, isNew: Bool) {
    if task.details == nil, task.delay == .zero {
      var payload: TaskBytes? = task.payload
      var id = TaskID(epoch: 0, sequence: 0)
      if try briefly(timeout: timeout, { _ in admitInside(&payload, priority: task.priority) { id = $0 } }) {
        return (id, true)
      }
    }
    switch try askAndWait(timeout: timeout, { waiter, _ in .enqueue(task, waiter: waiter) }) {
    case .admitted(let id, let isNew)?: return (id, isNew)
    case .refused(let refusal)?: throw MeshError(refusal, queue: name)
    default: throw MeshError(.timeout, "queue \(name): no place came free in time")
    }
  }

  /// Admits many tasks in one step, each as by `enqueue` without waiting.
  public func enqueue(_ tasks: [NewTask]) -> [Result<TaskID, MeshError>] {
    askAll(tasks) { task, _ in
      .enqueue(task, waiter: nil)
    } map: { answer in
      if case .admitted(let id, _) = answer { return .success(id) }
      return .failure(error(answer))
    }
  }

  /// Leases the task that is next; nil when none is ready in time. *Errors*: `.draining` without time to wait.
  public func lease(timeout: Duration? = .zero) throws(MeshError) -> TaskLease? {
    var lease: TaskLease?
    if try briefly(timeout: timeout, { now in leaseInside(now: now) { lease = copy $0 } }) { return lease }
    let answer = try askAndWait(timeout: timeout) { waiter, state in
      .lease(leaseID: state.leaseIDs.next(), waiter: waiter)
    }
    switch answer {
    case .leased(let lease)?: return lease
    case .refused(.empty)?, nil: return nil
    case .refused(let refusal)?: throw MeshError(refusal, queue: name)
    default: return nil
    }
  }

  /// Leases up to `limit` tasks: waits for the first as `lease` does, and adds those that are ready.
  public func lease(atMost limit: Int, timeout: Duration? = .zero) throws(MeshError) -> [TaskLease] {
    guard limit > 0, let first = try lease(timeout: timeout) else { return [] }
    var leases = [first]
    var calls = Calls()
    lock.locked {
      while leases.count < limit {
        let input = TaskQueueInput.lease(leaseID: state.pointee.leaseIDs.next(), waiter: nil)
        guard case .leased(let lease) = turn(input, &calls) else { return }
        leases.append(lease)
      }
    }
    calls.make()
    return leases
  }

  /// Extends a lease: how long it now lasts. *Errors*: `.leaseInactive`, `.leaseExpired`, as for the calls below.
  public func heartbeat(_ token: TaskToken) throws(MeshError) -> Duration {
    let now = MonotonicClock.now()
    if lock.locked({ extendInside(token, now: now) }) { return options.leaseDuration }
    if case .refused(let refusal) = ask(.heartbeat(token)) { throw MeshError(refusal, queue: name) }
    return options.leaseDuration
  }

  /// The work is done.
  public func complete(_ token: TaskToken) throws(MeshError) {
    if lock.locked({ completeInside(token) }) { return }
    try perform(.complete(token))
  }

  /// Completes many in one step; nil for each that is done.
  public func complete(_ tokens: [TaskToken]) -> [MeshError?] {
    askAll(tokens) { token, _ in
      .complete(token)
    } map: { answer in
      if case .done = answer { return nil }
      return error(answer)
    }
  }

  /// The work failed; `reason` is kept for people, up to 1,024 bytes of it.
  public func fail(_ token: TaskToken, reason: String, _ disposition: TaskDisposition = .retry) throws(MeshError) {
    try perform(.fail(token, reason: reason, disposition))
  }

  /// The work wasn't begun: the task is the next of its priority, and the delivery doesn't count.
  public func handBack(_ token: TaskToken) throws(MeshError) { try perform(.handBack(token)) }

  /// None of the works was begun: `handBack` of all at once, so that whoever waits gets them in their order. Tokens
  /// that entitle to nothing are passed over.
  func handBack(_ tokens: [TaskToken]) { if !tokens.isEmpty { try? perform(.handBackAll(tokens)) } }

  // MARK: For callers that must not wait

  /// `enqueue` that never blocks: `call` is called once, at once or later, on any thread and without a lock held.
  @discardableResult
  public func enqueue(
    _ task: NewTask, _ call: @escaping @Sendable (Result<(id: TaskID, isNew: Bool), MeshError>) -> Void
  ) -> WaiterID {
    askAndCall({ waiter, _ in .enqueue(task, waiter: waiter) }) { [name] answer in
      switch answer {
      case .admitted(let id, let isNew): call(.success((id, isNew)))
      case .refused(let refusal): call(.failure(MeshError(refusal, queue: name)))
      default: call(.failure(MeshError(.internalError, "queue \(name): an answer to another question")))
      }
    }
  }

  /// `lease` that never blocks: `call` is called once, at once or later, on any thread and without a lock held.
  @discardableResult
  public func lease(_ call: @escaping @Sendable (Result<TaskLease, MeshError>) -> Void) -> WaiterID {
    askAndCall({ waiter, state in .lease(leaseID: state.leaseIDs.next(), waiter: waiter) }) { [name] answer in
      switch answer {
      case .leased(let lease): call(.success(lease))
      case .refused(let refusal): call(.failure(MeshError(refusal, queue: name)))
      default: call(.failure(MeshError(.internalError, "queue \(name): an answer to another question")))
      }
    }
  }

  /// Ends a wait: its call gets `.cancelled`. False when it has its answer.
  @discardableResult
  public func cancel(_ waiter: WaiterID) -> Bool {
    var calls = Calls()
    let isCancelled = lock.locked { () -> Bool in
      guard case .done = turn(.cancelWait(waiter), &calls) else { return false }
      let call = state.pointee.waiters.removeValue(forKey: waiter)?.wake(.refused(.cancelled))
      if let call { calls.add(call, .refused(.cancelled)) }
      return true
    }
    calls.make()
    return isCancelled
  }

  // MARK: Many at once

  private func askAll<Item, Outcome>(
    _ items: [Item], _ input: (Item, inout State) -> TaskQueueInput, map: (TaskQueueAnswer) -> Outcome
  ) -> [Outcome] {
    var calls = Calls()
    let outcomes = lock.locked { items.map { map(turn(input($0, &state.pointee), &calls)) } }
    calls.make()
    return outcomes
  }

  private func error(_ answer: TaskQueueAnswer) -> MeshError {
    if case .refused(let refusal) = answer { return MeshError(refusal, queue: name) }
    return MeshError(.internalError, "queue \(name): an answer to another question")
  }
}
