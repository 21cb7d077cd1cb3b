import Glibc

private final class Job {
  let index: Int
  let body: @Sendable (Int) -> Void
  init(_ index: Int, _ body: @escaping @Sendable (Int) -> Void) {
    self.index = index
    self.body = body
  }
}

/// Runs `body` on `count` threads at once, with each one's number, and waits for all of them.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  var threads: [pthread_t] = []
  for index in 0..<count {
    var thread = pthread_t()
    let job = Unmanaged.passRetained(Job(index, body))
    let failed = pthread_create(&thread, nil, runJob, job.toOpaque())
    if failed == 0 { threads.append(thread) } else { job.release() }
  }
  threads.forEach { pthread_join($0, nil) }
}

private func runJob(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  let job = Unmanaged<Job>.fromOpaque(context).takeRetainedValue()
  job.body(job.index)
  return nil
}
