import MeshBasics
import MeshThreads
import MeshTransport

/// What needs a turn when time alone has passed: a queue, a gate, a pump, a node's samples of queues.
protocol TimedClient: AnyObject, Sendable {
  /// The timer's turn.
  func timePassed()
}

extension LeaseQueue: TimedClient {}

/// Gives its clients their turns when time alone has passed: leases that expire, delays that end, cooldowns, permits,
/// heartbeats, samples. One thread for all of them in the process, `meshkit-queues`, which lives as long as there is
/// one.
final class QueueTimer: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  static let shared = QueueTimer()

  private struct Entry {
    weak var client: (any TimedClient)?
  }

  private let lock = Lock()
  private let changed = ConditionVariable()
  private var clients: [UInt64: Entry] = [:]
  private var deadlines = DeadlineQueue<UInt64>()
  private var lastNumber: UInt64 = 0
  private var isRunning = false

  /// A number for a client, and a thread if there is none. *Errors*: the system gives no thread.
  func begin() throws(MeshError) -> UInt64 {
    try lock.locked { () throws(MeshError) in
      if !isRunning {
        let thread = try LibraryThread.start(name: "meshkit-queues") { [self] in run() }
        thread.detach()
        isRunning = true
      }
      lastNumber &+= 1
      clients[lastNumber] = Entry()
      return lastNumber
    }
  }

  /// Sees to it that `client` gets a turn at `deadline`, in place of what was set before.
  func arm(_ number: UInt64, _ client: any TimedClient, at deadline: Instant?) {
    lock.locked {
      guard clients[number] != nil else { return }
      clients[number] = Entry(client: client)
      let isSooner = deadline.map { $0 < deadlines.next ?? .distantFuture } ?? false
      deadlines.set(number, at: deadline)
      if isSooner { changed.signal() }
    }
  }

  /// The client is gone.
  func end(_ number: UInt64) {
    lock.locked {
      clients[number] = nil
      deadlines.set(number, at: nil)
      if clients.isEmpty { changed.signal() }
    }
  }

  private func run() {
    while true {
      // Nil ends the thread; the client is let go of without the lock, because it may be its last holder.
      guard let due = lock.locked({ nextDue() }) else { return }
      due.client?.timePassed()
    }
  }

  private func nextDue() -> Entry? {
    while !clients.isEmpty {
      if let number = deadlines.popDue(MonotonicClock.now()) {
        if let entry = clients[number] { return entry }
      } else {
        _ = changed.wait(lock, until: deadlines.next)
      }
    }
    isRunning = false
    return nil
  }
}
