// Runs of many seeds at once, each on one of a few threads.
import Glibc
import MeshSim

/// Hands out seeds to threads and gathers what came of them.
final class Pool: @unchecked Sendable {
  private let campaign: Campaign
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let output: @Sendable (String) -> Void
  private var next: UInt64 = 0
  private var summary: Summary

  init(_ campaign: Campaign, output: @escaping @Sendable (String) -> Void) {
    self.campaign = campaign
    self.output = output
    summary = Summary(campaign)
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Runs all seeds, and returns the exit status.
  func run() -> Int32 {
    var threads: [pthread_t] = []
    for _ in 0..<campaign.jobs {
      if let thread = start() { threads.append(thread) }
    }
    if threads.isEmpty { work() }
    for thread in threads { pthread_join(thread, nil) }
    for line in summary.lines { output(line) }
    return summary.status
  }

  private func start() -> pthread_t? {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, 8 << 20)
    var thread = pthread_t()
    let failure = pthread_create(&thread, &attributes, runPool, Unmanaged.passUnretained(self).toOpaque())
    return failure == 0 ? thread : nil
  }

  fileprivate func work() {
    while let offset = take() {
      let lines = Lines()
      let result = campaign.run(offset) { lines.all.append($0) }
      pthread_mutex_lock(mutex)
      summary.add(result)
      for line in lines.all { output(line) }
      pthread_mutex_unlock(mutex)
    }
  }

  private func take() -> UInt64? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard next < campaign.seedCount else { return nil }
    next &+= 1
    return next &- 1
  }

  private final class Lines {
    var all: [String] = []
  }
}

private func runPool(_ pool: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let pool { Unmanaged<Pool>.fromOpaque(pool).takeUnretainedValue().work() }
  return nil
}
