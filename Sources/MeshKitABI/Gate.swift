// gate: rate limiters that a queue's monitor may throttle.
import CMeshKit
import MeshRuntime

extension RateLimit {
  /// What the host chose; the room checks the numbers.
  fileprivate init(_ limit: meshkit_gate_limit_t, _ name: StaticString) throws(MeshError) {
    let permits = Int(limit.permits)
    switch limit.kind {
    case MESHKIT_GATE_CONCURRENCY where limit.period_ms == 0 && limit.burst == 0 && limit.segments == 0:
      self = .concurrency(permits)
    case MESHKIT_GATE_TOKEN_BUCKET where limit.segments == 0:
      let burst = limit.burst == 0 ? permits : Int(limit.burst)
      self = .tokenBucket(permits: permits, period: .milliseconds(limit.period_ms), burst: burst)
    case MESHKIT_GATE_SLIDING_WINDOW where limit.burst == 0:
      let segments = limit.segments == 0 ? 10 : Int(limit.segments)
      self = .slidingWindow(permits: permits, window: .milliseconds(limit.period_ms), segments: segments)
    case MESHKIT_GATE_CONCURRENCY, MESHKIT_GATE_TOKEN_BUCKET, MESHKIT_GATE_SLIDING_WINDOW:
      throw MeshError(.argument, "options.\(name) has fields set that are not of its kind \(limit.kind)")
    default: throw MeshError(.argument, "options.\(name).kind is \(limit.kind); allowed is 1 to 3")
    }
  }
}

extension RateGateOptions {
  fileprivate init(_ chosen: meshkit_gate_options_t) throws(MeshError) {
    let other = chosen.throttled
    let isThrottled = other.kind != 0 || other.period_ms != 0 || other.permits | other.burst | other.segments != 0
    self.init(
      normal: try RateLimit(chosen.normal, "normal"),
      throttled: isThrottled ? try RateLimit(chosen.throttled, "throttled") : nil)
    if chosen.waiters_max != 0 { waitersMax = count(chosen.waiters_max) }
  }
}

/// Makes a gate.
@_cdecl("meshkit_gate_create") @implementation
public func meshkit_gate_create(
  _ options: UnsafePointer<meshkit_gate_options_t>?, _ out: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let place = try required(out, "out")
    guard let options else { throw MeshError(.argument, "options is NULL") }
    let chosen = try RateGateOptions(try sized(options, into: meshkit_gate_options_t(), "options"))
    try give(try RateGate(chosen), Handles.gates, place)
  }
}

/// Follows a monitor, or nobody.
@_cdecl("meshkit_gate_follow") @implementation
public func meshkit_gate_follow(
  _ gate: OpaquePointer?, _ backpressure: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let gate = try Handles.gates.find(gate)
    guard backpressure != nil else { return gate.unfollow() }
    let monitor = try Handles.monitors.find(backpressure)
    try gate.follow(monitor.id, of: monitor.queue)
  }
}

/// Takes permits.
@_cdecl("meshkit_gate_acquire") @implementation
public func meshkit_gate_acquire(
  _ gate: OpaquePointer?, _ permits: UInt32, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in try Handles.gates.find(gate).acquire(Int(permits)) }
}

/// Takes permits, and waits for them.
@_cdecl("meshkit_gate_acquire_wait") @implementation
public func meshkit_gate_acquire_wait(
  _ gate: OpaquePointer?, _ permits: UInt32, _ timeout_ms: Int64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    try Handles.gates.find(gate).acquire(Int(permits), timeout: timeout(milliseconds: timeout_ms))
  }
}

/// Gives permits back.
@_cdecl("meshkit_gate_give_back") @implementation
public func meshkit_gate_give_back(_ gate: OpaquePointer?, _ permits: UInt32) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.gates.find(gate).giveBack(Int(permits)) }
}

/// What it let through.
@_cdecl("meshkit_gate_state") @implementation
public func meshkit_gate_state(
  _ gate: OpaquePointer?, _ out: UnsafeMutablePointer<meshkit_gate_state_t>?
) -> meshkit_status_t {
  clear(out)
  return attempt { () throws(MeshError) in
    let place = try required(out, "out")
    let (counts, isThrottled, version) = try Handles.gates.find(gate).state
    var state = meshkit_gate_state_t()
    state.is_throttled = isThrottled ? 1 : 0
    state.version = version
    (state.held, state.waiting) = (UInt64(clamping: counts.held), UInt64(clamping: counts.waiting))
    (state.admitted, state.refused, state.swaps) = (counts.admitted, counts.refused, counts.swaps)
    try write(state, to: place, "out")
  }
}

/// Closes and releases a gate.
@_cdecl("meshkit_gate_release") @implementation
public func meshkit_gate_release(_ gate: OpaquePointer?) { release(Handles.gates, gate) { $0.close() } }
