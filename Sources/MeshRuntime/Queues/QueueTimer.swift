import MeshBasics
import MeshThreads
import MeshTransport

/// Gives queues their turns when time alone has passed: leases that expire, delays that end, cooldowns. One thread for
/// all queues of the process, `meshkit-queues`, which lives as long as there is a queue.
final class QueueTimer: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  static let shared = QueueTimer()

  private struct Entry {
    weak var queue: LeaseQueue?
  }

  private let lock = Lock()
  private let changed = ConditionVariable()
  private var queues: [UInt64: Entry] = [:]
  private var deadlines = DeadlineQueue<UInt64>()
  private var lastNumber: UInt64 = 0
  private var isRunning = false

  /// A number for a queue, and a thread if there is none. *Errors*: the system gives no thread.
  func begin() throws(MeshError) -> UInt64 {
    try lock.locked { () throws(MeshError) in
      if !isRunning {
        let thread = try LibraryThread.start(name: "meshkit-queues") { [self] in run() }
        thread.detach()
        isRunning = true
      }
      lastNumber &+= 1
      queues[lastNumber] = Entry()
      return lastNumber
    }
  }

  /// Sees to it that `queue` gets a turn at `deadline`, in place of what was set before.
  func arm(_ number: UInt64, _ queue: LeaseQueue, at deadline: Instant?) {
    lock.locked {
      guard queues[number] != nil else { return }
      queues[number] = Entry(queue: queue)
      let isSooner = deadline.map { $0 < deadlines.next ?? .distantFuture } ?? false
      deadlines.set(number, at: deadline)
      if isSooner { changed.signal() }
    }
  }

  /// The queue is gone.
  func end(_ number: UInt64) {
    lock.locked {
      queues[number] = nil
      deadlines.set(number, at: nil)
      if queues.isEmpty { changed.signal() }
    }
  }

  private func run() {
    while true {
      // Nil ends the thread; the queue is let go of without the lock, because it may be its last holder.
      guard let due = lock.locked({ nextDue() }) else { return }
      due.queue?.timePassed()
    }
  }

  private func nextDue() -> Entry? {
    while !queues.isEmpty {
      if let number = deadlines.popDue(MonotonicClock.now()) {
        if let entry = queues[number] { return entry }
      } else {
        _ = changed.wait(lock, until: deadlines.next)
      }
    }
    isRunning = false
    return nil
  }
}
