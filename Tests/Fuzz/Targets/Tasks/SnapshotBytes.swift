import MeshBasics
import MeshTasks

/// Reads `bytes` as a snapshot. What is read means the same when it is written and read again, and a queue takes it or
/// refuses it, and stays whole. Returns what is broken.
func brokenSnapshot(_ bytes: [UInt8]) -> String? {
  guard let snapshot = try? TaskSnapshot.decode(bytes) else { return nil }
  guard let again = try? snapshot.encoded() else { return "read, and not to be written" }
  if (try? TaskSnapshot.decode(again)) != snapshot { return "not the same when it is read again" }
  var options = TaskQueueOptions(name: snapshot.queue)
  options.capacity = 8
  options.deadLettersMax = 2
  guard var queue = try? TaskQueue(options, epoch: 1_000, seed: 1) else { return "a name that can't be" }
  var effects = TaskQueueEffects()
  var now = Instant(nanoseconds: 1_000_000_000)
  func isRestored() -> Int? {
    if case .restored(let count, _) = effects.answer { count } else { nil }
  }
  queue.handle(.restore(snapshot), now: now, into: &effects)
  let count = snapshot.tasks.count + snapshot.dead.count
  if let taken = isRestored(), taken != count { return "\(taken) of \(count) were taken in" }
  for leaseID in UInt64(1)...20 {
    queue.handle(.lease(leaseID: leaseID, waiter: nil), now: now, into: &effects)
    if case .leased(let lease) = effects.answer, leaseID % 2 == 0 {
      queue.handle(.fail(lease.token, reason: "no", .deadLetter), now: now, into: &effects)
    }
    for letter in queue.deadLetters(after: nil, limit: 1) {
      queue.handle(.redrive(letter.id), now: now, into: &effects)
    }
    now = now + .seconds(20)
    if !queue.counts.areConserved { return "tasks aren't conserved: \(queue.counts)" }
  }
  guard let last = try? queue.snapshot().encoded() else { return "its own snapshot is not to be written" }
  return (try? TaskSnapshot.decode(last)) == queue.snapshot() ? nil : "its own snapshot is not to be read"
}
