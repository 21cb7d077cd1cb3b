import CLinux
import Glibc
import MeshBasics

/// A thread of the library: named `meshkit-…`, with an explicit stack, and with every signal blocked, so that the
/// host's handlers never run on it.
final class LibraryThread: @unchecked Sendable {
  /// Rooms recurse little; the deepest stacks are certificate checks in the TLS libraries.
  static let stackBytes = 1 << 20
  /// What Linux gives to a program's first thread: for threads that call a host, whose code may be of any kind.
  static let hostStackBytes = 8 << 20

  private let handle: pthread_t

  private init(handle: pthread_t) { self.handle = handle }

  /// Starts `body` on a new thread. `name` has at most 15 bytes, which is what Linux keeps.
  static func start(
    name: String, stackBytes: Int = stackBytes, body: @escaping @Sendable () -> Void
  ) throws(MeshError) -> LibraryThread {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackBytes)

    // A thread inherits the mask of its maker, so the mask is set around the creation: no signal slips in between.
    var everySignal = sigset_t()
    var previous = sigset_t()
    sigfillset(&everySignal)
    pthread_sigmask(SIG_SETMASK, &everySignal, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

    let job = Unmanaged.passRetained(Job(name: name, body: body))
    var handle = pthread_t()
    let failure = pthread_create(&handle, &attributes, runJob, job.toOpaque())
    guard failure == 0 else {
      job.release()
      throw MeshError(.resource, "thread \(name): \(String(cString: strerror(failure)))")
    }
    return LibraryThread(handle: handle)
  }

  /// Waits for its end. Call once, never from the thread itself.
  func join() { pthread_join(handle, nil) }

  /// Lets it end unobserved. Call once, in place of `join`.
  func detach() { pthread_detach(handle) }

  /// Whether the caller runs on a thread of the library, where waiting for the library would wait for ever.
  static var isCurrent: Bool { marker.map { pthread_getspecific($0) != nil } ?? false }

  /// Nil when the host has used up all keys; then nothing is known about threads, and no key of the host is touched.
  fileprivate static let marker: pthread_key_t? = {
    var key = pthread_key_t()
    return pthread_key_create(&key, nil) == 0 ? key : nil
  }()
}

private final class Job {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

private func runJob(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let job = Unmanaged<Job>.fromOpaque(argument).takeRetainedValue()
  clinux_name_this_thread(job.name)
  if let marker = LibraryThread.marker { pthread_setspecific(marker, argument) }
  job.body()
  return nil
}
