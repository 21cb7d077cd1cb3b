// backpressure: monitors of queues.
import CMeshKit
import MeshRuntime

/// One monitor in the host's hands; it keeps its queue alive.
final class MonitorObject: Sendable {
  let queue: LeaseQueue
  let id: MonitorID

  init(_ queue: LeaseQueue, _ options: BackpressureOptions) throws(MeshError) {
    self.queue = queue
    id = try queue.addMonitor(options)
  }

  deinit { try? queue.removeMonitor(id) }

  var closed: MeshError { MeshError(.closed, "the queue \(queue.name) or this monitor of it is closed") }
}

extension BackpressureOptions {
  /// What the host chose; the room checks it.
  init(_ chosen: meshkit_backpressure_options_t) throws(MeshError) {
    guard chosen.reserved == 0 else { throw MeshError(.unsupported, "options.reserved is not 0") }
    self.init(highWatermark: Int(chosen.high_watermark))
    if chosen.low_watermark != 0 { lowWatermark = count(chosen.low_watermark) }
    if chosen.high_age_ms != 0 { highAge = .milliseconds(chosen.high_age_ms) }
    if chosen.low_age_ms != 0 { lowAge = .milliseconds(chosen.low_age_ms) }
    if chosen.cooldown_ms != 0 { cooldown = duration(chosen.cooldown_ms) }
  }
}

extension meshkit_backpressure_signal_t {
  init(_ signal: BackpressureSignal, of monitor: MonitorID, now: Instant) {
    self.init()
    self.monitor = monitor
    is_active = signal.isActive ? 1 : 0
    version = signal.version
    pending_count = UInt64(clamping: signal.pendingCount)
    oldest_ms = signal.oldestAge.milliseconds
    (high_watermark, low_watermark) = (UInt32(clamping: signal.highWatermark), UInt32(clamping: signal.lowWatermark))
    observed_ms_ago = max(0, now.since(signal.observedAt).milliseconds)
  }
}

/// Adds a monitor to a queue.
@_cdecl("meshkit_backpressure_create") @implementation
public func meshkit_backpressure_create(
  _ queue: OpaquePointer?, _ options: UnsafePointer<meshkit_backpressure_options_t>?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let place = try required(out, "out")
    let queue = try Handles.queues.find(queue)
    guard let options else { throw MeshError(.argument, "options is NULL") }
    let chosen = try BackpressureOptions(try sized(options, into: meshkit_backpressure_options_t(), "options"))
    try give(try MonitorObject(queue, chosen), Handles.monitors, place)
  }
}

/// The last signal.
@_cdecl("meshkit_backpressure_latest") @implementation
public func meshkit_backpressure_latest(
  _ backpressure: OpaquePointer?, _ out: UnsafeMutablePointer<meshkit_backpressure_signal_t>?
) -> meshkit_status_t {
  clear(out)
  return attempt { () throws(MeshError) in
    let place = try required(out, "out")
    let monitor = try Handles.monitors.find(backpressure)
    guard let signal = monitor.queue.latestSignal(of: monitor.id) else { throw monitor.closed }
    try write(meshkit_backpressure_signal_t(signal, of: monitor.id, now: LeaseQueue.now), to: place, "out")
  }
}

/// The first signal after a version.
@_cdecl("meshkit_backpressure_next") @implementation
public func meshkit_backpressure_next(
  _ backpressure: OpaquePointer?, _ version: UInt64, _ out: UnsafeMutablePointer<meshkit_backpressure_signal_t>?,
  _ missed: UnsafeMutablePointer<UInt64>?
) -> meshkit_status_t {
  clear(out)
  missed?.pointee = 0
  return attempt { () throws(MeshError) in
    let place = try required(out, "out")
    let monitor = try Handles.monitors.find(backpressure)
    guard let later = monitor.queue.signals(of: monitor.id, after: version) else { throw monitor.closed }
    guard let first = later.signals.first else { throw MeshError(.notFound, "there is no signal after \(version)") }
    missed?.pointee = later.missed
    try write(meshkit_backpressure_signal_t(first, of: monitor.id, now: LeaseQueue.now), to: place, "out")
  }
}

/// Waits until the queue is overloaded, or isn't.
@_cdecl("meshkit_backpressure_wait") @implementation
public func meshkit_backpressure_wait(
  _ backpressure: OpaquePointer?, _ active: Int32, _ timeout_ms: Int64
) -> meshkit_status_t {
  attempt { () throws(MeshError) in
    let monitor = try Handles.monitors.find(backpressure)
    guard active == 0 || active == 1 else { throw MeshError(.argument, "active is \(active); allowed is 0 or 1") }
    let timeout = timeout(milliseconds: timeout_ms)
    guard try monitor.queue.waitForLevel(of: monitor.id, isActive: active == 1, timeout: timeout) else {
      throw MeshError(.timeout, "the queue was not so in time")
    }
  }
}

/// Removes a monitor from its queue and releases it.
@_cdecl("meshkit_backpressure_release") @implementation
public func meshkit_backpressure_release(_ backpressure: OpaquePointer?) {
  release(Handles.monitors, backpressure) { try? $0.queue.removeMonitor($0.id) }
}
