import MeshTasks

extension MeshError {
  /// What a host is told when a queue refuses.
  init(_ refusal: TaskRefusal, queue: String) {
    func error(_ status: Status, _ text: String) -> MeshError { MeshError(status, "queue \(queue): \(text)") }
    switch refusal {
    case .full: self = error(.busy, "all places are taken")
    case .empty: self = error(.timeout, "no task is ready")
    case .closed: self = error(.closed, "it is closed")
    case .draining: self = error(.draining, "it is being drained, or is drained and not resumed")
    case .notDraining: self = error(.argument, "it isn't drained")
    case .leaseInactive: self = error(.leaseInactive, "the token's lease has ended, or never was")
    case .leaseExpired: self = error(.leaseExpired, "the lease ran out")
    case .cancelled: self = error(.cancelled, "the wait was cancelled")
    case .answered: self = error(.argument, "the call has its answer")
    case .notFound: self = error(.notFound, "there is no such dead letter or monitor")
    case .tooMany(let limit): self = error(.resource, "at most \(limit) are allowed")
    case .invalid(let fault): self = error(.argument, fault.description)
    case .foreignSnapshot(let name): self = error(.argument, "the snapshot is of the queue '\(name)'")
    case .snapshotFromTheFuture:
      self = error(.argument, "the snapshot is of a later life of the queue than this one, or holds tasks of such")
    case .alreadyRestored: self = error(.conflict, "all tasks of the snapshot were restored before")
    case .snapshotTooLarge(let places, let free):
      self = error(.busy, "the snapshot holds \(places) tasks, and there is room for \(free)")
    }
  }
}
