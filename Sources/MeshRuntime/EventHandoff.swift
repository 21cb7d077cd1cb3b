import MeshBasics
import MeshThreads

/// Hands a stream's events, one at a time, from its callback thread to readers that must not block.
///
/// The thread waits until its event is taken. So what a slow reader doesn't want yet stays in the stream, which knows
/// how to coalesce, count and keep completions; there is no second queue. Safe from any thread.
public final class EventHandoff: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private let lock = Lock()
  private let changed = ConditionVariable()
  private var offered: StreamEvent?
  private var readers: [@Sendable (StreamEvent?) -> Void] = []
  private var hasEnded = false

  /// A hand-over with nothing in it.
  public init() {}

  /// Offers an event and waits until a reader has it, or the end; whether one has. For the callback thread.
  @discardableResult
  public func pass(_ event: StreamEvent) -> Bool {
    let (reader, isTaken) = lock.locked { () -> ((@Sendable (StreamEvent?) -> Void)?, Bool) in
      guard !hasEnded else { return (nil, false) }
      guard readers.isEmpty else { return (readers.removeFirst(), true) }
      offered = event
      while offered != nil && !hasEnded { _ = changed.wait(lock, until: nil) }
      defer { offered = nil }
      return (nil, offered == nil)
    }
    reader?(event)
    return isTaken
  }

  /// Calls `reader` once with the next event: at once, or later on the thread that passes it. With nil after the end.
  public func take(_ reader: @escaping @Sendable (StreamEvent?) -> Void) {
    let (event, waits) = lock.locked { () -> (StreamEvent?, Bool) in
      if let event = offered {
        offered = nil
        changed.broadcast()
        return (event, false)
      }
      if !hasEnded { readers.append(reader) }
      return (nil, !hasEnded)
    }
    if !waits { reader(event) }
  }

  /// No more events: whoever waits, on either side, waits no longer.
  public func end() {
    let waiting = lock.locked { () -> [@Sendable (StreamEvent?) -> Void] in
      hasEnded = true
      changed.broadcast()
      defer { readers = [] }
      return readers
    }
    for reader in waiting { reader(nil) }
  }
}
