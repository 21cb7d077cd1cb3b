import Glibc

/// SIGTERM and SIGINT as a descriptor that becomes readable, in place of a handler that interrupts.
///
/// A thread of its own waits for them and writes one byte into a pipe for each. It lives as long as the process.
struct StopSignals {
  /// Readable when a signal came that `take()` hasn't seen.
  let descriptor: Int32

  /// Blocks both signals for this thread and those it starts later, so call it before any thread is started.
  init() throws(CommandError) {
    var signals = StopSignals.set
    var ends: [Int32] = [-1, -1]
    var thread = pthread_t()
    guard pthread_sigmask(SIG_BLOCK, &signals, nil) == 0, pipe(&ends) == 0,
      ends.allSatisfy({ fcntl($0, F_SETFL, O_NONBLOCK) == 0 && fcntl($0, F_SETFD, FD_CLOEXEC) == 0 })
    else {
      throw CommandError("the signals can't be watched: error \(errno)")
    }
    // A reader of our output that goes away must not end the node without a goodbye.
    signal(SIGPIPE, SIG_IGN)
    descriptor = ends[0]
    let writeEnd = UnsafeMutableRawPointer(bitPattern: Int(ends[1]))
    guard pthread_create(&thread, nil, { StopSignals.watch(writeEnd: Int32(Int(bitPattern: $0))) }, writeEnd) == 0
    else { throw CommandError("no thread for the signals") }
    pthread_detach(thread)
  }

  /// Whether a signal came since the last call.
  func take() -> Bool {
    var byte: UInt8 = 0
    return read(descriptor, &byte, 1) == 1
  }

  private static var set: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    return signals
  }

  private static func watch(writeEnd: Int32) -> UnsafeMutableRawPointer? {
    var signals = set
    var number: Int32 = 0
    while sigwait(&signals, &number) == 0 {
      // A full pipe already says all that there is to say.
      var byte = UInt8(truncatingIfNeeded: number)
      write(writeEnd, &byte, 1)
    }
    return nil
  }
}
