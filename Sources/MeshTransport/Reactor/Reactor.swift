// A small epoll reactor: descriptors with handlers, a wake-up, and one deadline that its owner supplies. It keeps no
// timers and decides nothing. One thread turns it. Why our own: docs/decisions/0005-own-reactor.md.
import CLinux
import Glibc
import MeshBasics

/// What a descriptor waits for, or is ready for.
public struct Readiness: OptionSet, Sendable {
  /// The bits of `EPOLL*`.
  public let rawValue: UInt32
  /// A set from the bits of `EPOLL*`.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// There is something to read, or the peer has closed.
  public static let readable = Readiness(rawValue: EPOLLIN.rawValue)
  /// There is room to write.
  public static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
  /// The descriptor holds an error (always watched).
  public static let failed = Readiness(rawValue: EPOLLERR.rawValue)
  /// Both directions are shut (always watched).
  public static let hungUp = Readiness(rawValue: EPOLLHUP.rawValue)
}

/// What a reactor calls when a descriptor is ready.
public protocol ReactorHandler: AnyObject {
  /// `descriptor` is ready for `readiness`. Called on the reactor's thread; must not block.
  func ready(_ descriptor: Int32, _ readiness: Readiness)
}

/// One thread's epoll set. Only `wakeUp()` may be called from other threads.
public final class Reactor: @unchecked Sendable {
  // Sendable so that other threads can hold it to call `wakeUp()`; all else belongs to the thread that turns it.
  private struct Registration {
    let handler: any ReactorHandler
    /// Tells a descriptor from an earlier one of the same number whose event is still in this batch.
    let serial: UInt32
  }

  private let epoll: Int32
  private let wakeDescriptor: Int32
  private var registrations: [Int32: Registration] = [:]
  private var nextSerial: UInt32 = 1
  private var events: [epoll_event]
  private var hasPreciseWait = true

  /// A reactor without descriptors. *Errors*: when the process may open no more descriptors.
  public init() throws(TransportError) {
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    events = [epoll_event](repeating: epoll_event(), count: 64)
    var event = epoll_event()
    event.events = EPOLLIN.rawValue
    event.data.u64 = 0
    guard epoll >= 0, wakeDescriptor >= 0, epoll_ctl(epoll, EPOLL_CTL_ADD, wakeDescriptor, &event) == 0 else {
      throw TransportError("can't make an event loop: \(systemMessage(errno))")
    }
  }

  deinit {
    if epoll >= 0 { _ = close(epoll) }
    if wakeDescriptor >= 0 { _ = close(wakeDescriptor) }
  }

  /// Calls `handler` when `descriptor` is ready for `interest`, level-triggered. The reactor keeps the handler alive
  /// until `remove`; the descriptor stays the caller's to close, after `remove`.
  public func register(
    _ descriptor: Int32, for interest: Readiness, _ handler: any ReactorHandler
  ) throws(TransportError) {
    let serial = nextSerial
    nextSerial = nextSerial == .max ? 1 : nextSerial &+ 1
    var event = Reactor.event(descriptor, serial, interest)
    guard descriptor >= 0, epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
      throw TransportError("can't watch descriptor \(descriptor): \(systemMessage(descriptor < 0 ? EBADF : errno))")
    }
    registrations[descriptor] = Registration(handler: handler, serial: serial)
  }

  /// Replaces what a registered descriptor waits for. Unknown descriptors are ignored.
  public func setInterest(_ descriptor: Int32, _ interest: Readiness) {
    guard let registration = registrations[descriptor] else { return }
    var event = Reactor.event(descriptor, registration.serial, interest)
    _ = epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
  }

  /// Forgets `descriptor`; events of this turn that were still to come for it are dropped.
  public func remove(_ descriptor: Int32) {
    guard registrations.removeValue(forKey: descriptor) != nil else { return }
    _ = epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
  }

  /// Ends the current or the next wait of `turn`. Any thread.
  public func wakeUp() {
    var one: UInt64 = 1
    _ = write(wakeDescriptor, &one, MemoryLayout<UInt64>.size)
  }

  /// Waits until a descriptor is ready, `wakeUp()` is called, or `deadline` is reached (nil: no deadline), then calls
  /// the handlers of what is ready. Returns after one round, also when nothing was ready.
  public func turn(until deadline: Instant?) {
    let count = wait(until: deadline)
    guard count > 0 else { return }
    for index in 0..<min(Int(count), events.count) {
      let data = events[index].data.u64
      let readiness = Readiness(rawValue: events[index].events)
      if data == 0 {
        var value: UInt64 = 0
        _ = read(wakeDescriptor, &value, MemoryLayout<UInt64>.size)
        continue
      }
      let descriptor = Int32(truncatingIfNeeded: data)
      guard let registration = registrations[descriptor], registration.serial == UInt32(data >> 32) else { continue }
      registration.handler.ready(descriptor, readiness)
    }
  }

  /// Turns until `keepGoing` says no; `nextDeadline` is asked before each wait.
  public func run(while keepGoing: () -> Bool, nextDeadline: () -> Instant?) {
    while keepGoing() { turn(until: nextDeadline()) }
  }

  private func wait(until deadline: Instant?) -> Int32 {
    var left: Duration?
    if let deadline, deadline != .distantFuture { left = max(.zero, deadline.since(MonotonicClock.now())) }
    if hasPreciseWait {
      // QUIC paces in microseconds, so whole milliseconds would be too coarse.
      let count: Int32
      if let left {
        var time = timespec(
          tv_sec: Int(left.nanoseconds / 1_000_000_000), tv_nsec: Int(left.nanoseconds % 1_000_000_000))
        count = epoll_pwait2(epoll, &events, Int32(events.count), &time, nil)
      } else {
        count = epoll_pwait2(epoll, &events, Int32(events.count), nil, nil)
      }
      if count >= 0 || errno != ENOSYS { return count }
      hasPreciseWait = false
    }
    let milliseconds = left.map {
      Int32(clamping: ($0.nanoseconds / 1_000_000).addingReportingOverflow(1).partialValue)
    }
    return epoll_wait(epoll, &events, Int32(events.count), left == .zero ? 0 : milliseconds ?? -1)
  }

  private static func event(_ descriptor: Int32, _ serial: UInt32, _ interest: Readiness) -> epoll_event {
    var event = epoll_event()
    event.events = interest.rawValue
    event.data.u64 = UInt64(serial) << 32 | UInt64(UInt32(bitPattern: descriptor))
    return event
  }
}
