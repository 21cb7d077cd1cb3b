// The one door between the shell's threads: a bounded list under a lock, and an eventfd that wakes its reader.
// A full box refuses; it never blocks a writer and never grows.
import CLinux
import Glibc
import MeshBasics
import MeshSecurity
import MeshThreads

/// A bounded mailbox between threads, with an eventfd that is readable while it holds something.
///
/// *Ordering*: messages of one thread come out in the order they went in. *Threads*: any thread posts, one drains.
public final class Mailbox<Message: Sendable>: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private let lock = Lock()
  private let capacity: Int
  private var waiting: [Message] = []
  private var closed = false
  /// The descriptor was seen readable, and not emptied since. Only the reader's thread touches it.
  private var isSignalled = false

  /// An eventfd that polls readable while something waits; also once after `close()`. -1 when the process had no
  /// descriptor left: then a reactor refuses it, and `wait` looks every few milliseconds instead.
  public let descriptor: Int32

  /// An empty box that holds at most `capacity` messages.
  public init(capacity: Int) {
    self.capacity = max(1, capacity)
    descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
  }

  deinit {
    if descriptor >= 0 { _ = Glibc.close(descriptor) }
  }

  /// Puts `message` at the end. False when the box is closed or full, which for this message means that no more than
  /// `reserve` places are free: what must get through keeps places that others can't take. Never blocks.
  public func post(_ message: Message, keepingFree reserve: Int = 0) -> Bool {
    let outcome: (posted: Bool, wasEmpty: Bool) = lock.locked {
      if closed || waiting.count >= capacity &- reserve { return (false, false) }
      waiting.append(message)
      return (true, waiting.count == 1)
    }
    if outcome.wasEmpty { signal() }
    return outcome.posted
  }

  /// Notes that the descriptor polled readable, for a reader that doesn't `wait`: the next `drain` empties it, even
  /// when nothing waits any more.
  public func wasSignalled() { isSignalled = true }

  /// Appends all that waits to `list`, oldest first, and empties the box.
  public func drain(into list: inout [Message]) {
    // Most turns of a thread have another cause than its mailbox: these cost no system call.
    if !isSignalled, lock.locked({ waiting.isEmpty }) { return }
    isSignalled = false
    // The eventfd is emptied first: a post that comes in between then leaves it readable, never silent.
    if descriptor >= 0 {
      var count: UInt64 = 0
      _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
    lock.locked {
      if list.isEmpty {
        swap(&list, &waiting)
      } else {
        list.append(contentsOf: waiting)
        waiting.removeAll(keepingCapacity: true)
      }
    }
  }

  /// Waits until something is there, the box is closed, or `timeout` has passed (nil: for ever). It may return early.
  /// For threads without a reactor.
  public func wait(timeout: Duration?) {
    if lock.locked({ closed || !waiting.isEmpty }) { return }
    var milliseconds = timeout.map { Int32(clamping: max(0, $0.microseconds &+ 999) / 1000) } ?? -1
    if descriptor < 0 { milliseconds = 5 }
    var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    if poll(&item, 1, milliseconds) > 0 { isSignalled = true }
  }

  /// Refuses messages from now on and wakes the reader, which may still drain what waits.
  public func close() {
    lock.locked { closed = true }
    signal()
  }

  /// Whether `close()` was called.
  public var isClosed: Bool { lock.locked { closed } }

  /// Wakes the reader though nothing was posted. Never refused, also by a full box.
  public func wake() { signal() }

  private func signal() {
    var one: UInt64 = 1
    if descriptor >= 0 { _ = write(descriptor, &one, MemoryLayout<UInt64>.size) }
  }
}
