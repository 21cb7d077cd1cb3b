import MeshRuntime

// Lease queues for Swift's tasks: what waits gives its thread back meanwhile. What never waits (`heartbeat`,
// `complete`, `fail`, `handBack`, counts, dead letters) is called as it is.
extension LeaseQueue {
  /// Leases the task that is next; nil when none was ready in time. A `timeout` of nil waits for ever.
  ///
  /// Throws `CancellationError` when the Swift task is cancelled first. One that is cancelled amid a delivery still
  /// gets the lease, so that none is lost. *Errors*: `.closed`.
  public func lease(within timeout: Duration?) async throws -> TaskLease? {
    try await CancellableWait.answer(within: timeout) { answer in
      lease(answer)
    } giveUp: { [self] waiter in
      cancel(waiter)
    }
  }

  /// Admits a task, once there is a place. `isNew` is false when its request had become this task before. A `timeout`
  /// of nil waits for ever.
  ///
  /// Throws `CancellationError` when the Swift task is cancelled before a place came free: the task is then not
  /// admitted. *Errors*: `.timeout`, `.draining`, `.closed`, and `.argument` for a task that can't be.
  public func enqueue(_ task: NewTask, within timeout: Duration?) async throws -> (id: TaskID, isNew: Bool) {
    let admitted = try await CancellableWait.answer(within: timeout) { answer in
      enqueue(task, answer)
    } giveUp: { [self] waiter in
      cancel(waiter)
    }
    guard let admitted else { throw MeshError(.timeout, "queue \(name): no place came free in time") }
    return admitted
  }

  /// What happens in the queue as a sequence, until it is closed or the sequence is let go of. It begins with how
  /// things are: whether something is ready, and the last signal of each monitor.
  ///
  /// At most `capacity` events wait for a slow reader (16 to 65,536). Of what is ready, and of a monitor's signals,
  /// only the newest waits; of the rest what doesn't fit is lost, and the monitors' own history tells what was missed.
  public func events(of topics: QueueTopics, capacity: Int = 1_024) throws(MeshError) -> AsyncStream<QueueEvent> {
    let stream = try EventStream(capacity: capacity)
    try subscribe(stream, topics: topics)
    let reader = try EventReader(stream) { payload in
      if case .queue(let event) = payload, case .closed = event.event { true } else { false }
    }
    return AsyncStream(
      unfolding: {
        while let event = await reader.next() { if case .queue(let event) = event.payload { return event } }
        return nil
      },
      onCancel: { reader.end() })
  }
}
