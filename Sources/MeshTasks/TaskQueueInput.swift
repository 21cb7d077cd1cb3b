import MeshBasics

/// Who waits for an answer: a number that the shell counts up, so that whoever came before has the smaller one.
public typealias WaiterID = UInt64

/// What the shell asks of a queue. The answer is in the effects of the same turn; a call that waits gets its own later,
/// as a wake.
public enum TaskQueueInput: Sendable {
  /// Admit a task. Without a place it waits as `waiter`, or is refused when that is nil.
  case enqueue(NewTask, waiter: WaiterID?)
  /// Lease the first task that is ready, under a random id that isn't 0. Without one it waits as `waiter`, or is
  /// refused when that is nil.
  case lease(leaseID: UInt64, waiter: WaiterID?)
  /// Extend a lease.
  case heartbeat(TaskToken)
  /// The work is done.
  case complete(TaskToken)
  /// The work failed, for a reason that people can read.
  case fail(TaskToken, reason: String, TaskDisposition)
  /// The work wasn't begun: the delivery doesn't count.
  case handBack(TaskToken)
  /// None of these works was begun: the tasks come before others of their priorities, in the order of the tokens, of
  /// which those that entitle to nothing are passed over.
  case handBackAll([TaskToken])
  /// A call for a task or a place waits no more. Refused when it has its answer already, and when it is one that drains
  /// or closes: that has its deadline.
  case cancelWait(WaiterID)
  /// Time has passed: see `nextDeadline`.
  case timePassed
  /// Deliver a dead letter again, with all its attempts before it.
  case redrive(TaskID)
  /// Forget a dead letter.
  case purge(TaskID)
  /// Lease and admit no more, and hand back what is pending once nothing is leased, or at the deadline.
  case drain(waiter: WaiterID, deadline: Instant)
  /// Lease and admit again after a drain.
  case resume
  /// End for good. Only `drain` waits, up to the deadline.
  case close(TaskCloseMode, waiter: WaiterID, deadline: Instant)
  /// Take in what another life of this queue, or this one, has handed back.
  indirect case restore(TaskSnapshot)
  /// Watch the depth.
  indirect case addMonitor(BackpressureOptions)
  /// Watch it no more.
  case removeMonitor(MonitorID)
}

/// What becomes of the tasks of a queue that is closed.
public enum TaskCloseMode: Sendable {
  /// Leases may end until the deadline; everything that is left then is handed back.
  case drain
  /// Leases end at once; everything is handed back.
  case requeueActive
  /// Everything is forgotten.
  case discard
}

/// What a queue answers to one input.
public enum TaskQueueAnswer: Sendable {
  /// There was nothing to answer.
  case none
  /// The task has a place. `isNew` is false when its request had become this task before.
  case admitted(TaskID, isNew: Bool)
  /// A task, until its lease is over.
  case leased(TaskLease)
  /// The lease is over from then on.
  case extended(until: Instant)
  /// So it is.
  case done
  /// The answer comes as a wake.
  case waiting
  /// What the queue held; `leased` tasks were still at consumers.
  indirect case handedBack(TaskSnapshot, leased: Int)
  /// So many tasks and dead letters were taken in, and so many were known already.
  case restored(Int, known: Int)
  /// The monitor's name among those of this queue.
  case monitored(MonitorID)
  /// It isn't so, and nothing has changed.
  case refused(TaskRefusal)
}

/// Why a queue didn't do what it was asked.
public enum TaskRefusal: Equatable, Sendable {
  /// All places are taken.
  case full
  /// Nothing is ready.
  case empty
  /// The queue is closed.
  case closed
  /// The queue is being drained, or is drained: it admits and leases nothing until it is resumed.
  case draining
  /// The queue isn't drained.
  case notDraining
  /// The token's lease has ended by a call, or another delivery has begun, or it never was one of this queue.
  case leaseInactive
  /// The token's lease is over.
  case leaseExpired
  /// The call waits no more, because its caller said so. Only shells say this.
  case cancelled
  /// The call that should wait no more has its answer, or can't be withdrawn.
  case answered
  /// There is no such dead letter or monitor.
  case notFound
  /// As many calls wait as may, or as many monitors watch.
  case tooMany(limit: Int)
  /// An argument can't be.
  case invalid(TaskFault)
  /// The snapshot is another queue's, of that name.
  case foreignSnapshot(name: String)
  /// The snapshot was made by a later life of the queue than this one.
  case snapshotFromTheFuture
  /// All of the snapshot is known already.
  case alreadyRestored
  /// The snapshot holds more than there is room for.
  case snapshotTooLarge(places: Int, free: Int)
}
