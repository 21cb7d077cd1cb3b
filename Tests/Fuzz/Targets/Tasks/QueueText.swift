import MeshBasics

@testable import MeshTasks

// Answers and snapshots as text that can be compared and read. The wording of an invalid argument doesn't count.

func text(_ answer: TaskQueueAnswer) -> String {
  switch answer {
  case .leased(let lease):
    return
      "leased \(text(lease.token)) of priority \(lease.priority), \(lease.payload.bytes) \(text(lease.details)), "
      + "from \(lease.admittedAt.nanoseconds) to \(lease.expiresAt.nanoseconds)"
  case .handedBack(let snapshot, let leased): return "handed back \(text(snapshot)), \(leased) leased"
  case .refused(.invalid): return "refused: invalid"
  case .admitted(let id, let isNew): return "admitted \(text(id)) \(isNew ? "new" : "known")"
  case .extended(let until): return "extended to \(until.nanoseconds)"
  default: return "\(answer)"
  }
}

func text(_ id: TaskID) -> String { "\(id.epoch)/\(id.sequence)" }

func text(_ token: TaskToken) -> String { "\(text(token.id))#\(token.attempt):\(token.leaseID)" }

func text(_ details: TaskDetails?) -> String {
  guard let details else { return "-" }
  return "[\(details.key)|\(details.requestID)|\(details.lastError)]"
}

func text(_ snapshot: TaskSnapshot) -> String {
  let tasks = snapshot.tasks.map {
    "\(text($0.id))#\($0.attempt)-\($0.uncharged) p\($0.task.priority) +\($0.task.delay.milliseconds) "
      + "age \($0.age.milliseconds) \(text($0.task.details))\($0.wasLeased ? " leased" : "")"
  }
  let dead = snapshot.dead.map {
    "\(text($0.id))#\($0.attempt) \($0.cause) age \($0.age.milliseconds) dead \($0.deadFor.milliseconds) "
      + "\(text($0.task.details))"
  }
  return "\(snapshot.queue) \(snapshot.epoch) \(tasks) dead \(dead)"
}
