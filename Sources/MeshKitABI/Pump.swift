// pump: tasks from a queue to one consumer, as events.
import CMeshKit
import MeshRuntime

extension TaskPumpOptions {
  /// What the host chose; the room checks it.
  fileprivate init(_ chosen: meshkit_pump_options_t, for queue: TaskQueueOptions) {
    self.init(for: queue)
    if chosen.heartbeat_interval_ms != 0 { heartbeatInterval = .milliseconds(chosen.heartbeat_interval_ms) }
    if chosen.hold_max_ms != 0 { holdMax = .milliseconds(chosen.hold_max_ms) }
  }
}

/// Makes a pump.
@_cdecl("meshkit_pump_create") @implementation
public func meshkit_pump_create(
  _ queue: OpaquePointer?, _ events: OpaquePointer?, _ options: UnsafePointer<meshkit_pump_options_t>?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let place = try required(out, "out")
    let (queue, stream) = (try Handles.queues.find(queue), try Handles.events.find(events))
    var chosen = meshkit_pump_options_t()
    if let options { chosen = try sized(options, into: chosen, "options") }
    guard chosen.reserved == 0 else { throw MeshError(.unsupported, "options.reserved is not 0") }
    let pump = try LeasePump(
      queue, to: stream, TaskPumpOptions(chosen, for: queue.options), token: chosen.token)
    try give(pump, Handles.pumps, place)
  }
}

/// Grants credit.
@_cdecl("meshkit_pump_grant") @implementation
public func meshkit_pump_grant(
  _ pump: OpaquePointer?, _ credit: UInt32, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in try Handles.pumps.find(pump).grant(Int(credit)) }
}

/// The work is done.
@_cdecl("meshkit_pump_complete") @implementation
public func meshkit_pump_complete(
  _ pump: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?
) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.pumps.find(pump).complete(try read(token)) }
}

/// The work failed.
@_cdecl("meshkit_pump_fail") @implementation
public func meshkit_pump_fail(
  _ pump: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?, _ reason: UnsafePointer<CChar>?,
  _ reason_len: Int, _ disposition: Int32, _ delay_ms: Int64
) -> meshkit_status_t {
  attempt { () throws(MeshError) in
    let pump = try Handles.pumps.find(pump)
    let reason = try text(reason, reason_len, "reason")
    try pump.fail(try read(token), reason: reason, try TaskDisposition(disposition, delay: delay_ms))
  }
}

/// The work wasn't begun, and no other is wanted in its place.
@_cdecl("meshkit_pump_hand_back") @implementation
public func meshkit_pump_hand_back(
  _ pump: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?
) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.pumps.find(pump).handBack(try read(token)) }
}

/// What it brought.
@_cdecl("meshkit_pump_state") @implementation
public func meshkit_pump_state(
  _ pump: OpaquePointer?, _ out: UnsafeMutablePointer<meshkit_pump_state_t>?
) -> meshkit_status_t {
  clear(out)
  return attempt { () throws(MeshError) in
    let place = try required(out, "out")
    let (counts, credit, unsettled, isOpen) = try Handles.pumps.find(pump).state
    var state = meshkit_pump_state_t()
    state.is_open = isOpen ? 1 : 0
    (state.credit, state.unsettled) = (UInt64(clamping: credit), UInt64(clamping: unsettled))
    (state.delivered, state.settled) = (counts.delivered, counts.settled)
    (state.handed_back, state.over) = (counts.handedBack, counts.over)
    try write(state, to: place, "out")
  }
}

/// Brings nothing more.
@_cdecl("meshkit_pump_close") @implementation
public func meshkit_pump_close(_ pump: OpaquePointer?) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.pumps.find(pump).close() }
}

/// Closes and releases a pump.
@_cdecl("meshkit_pump_release") @implementation
public func meshkit_pump_release(_ pump: OpaquePointer?) { release(Handles.pumps, pump) { $0.close() } }

extension Arena {
  /// A task that a pump brings. Its payload is shown where the room keeps it.
  mutating func image(_ pumped: PumpedLease) -> UnsafeMutablePointer<meshkit_lease_t>? {
    var image = meshkit_lease_t(pumped.lease, at: LeaseQueue.now, lasts: pumped.lasts)
    image.show(TaskText(pumped.lease.details, &self))
    return place(image)
  }
}
