// events: the stream and its three doors.
import CMeshKit
import MeshRuntime

/// The host's two functions and its context. The host promises that they may run on the stream's thread.
private struct HostCallback: @unchecked Sendable {
  let functions: meshkit_callback_t

  func call(_ event: StreamEvent) { functions.call?(functions.ctx, EventRegistry.shared.image(of: event)) }
  func drop() { functions.drop?(functions.ctx) }
}

/// Makes a stream.
@_cdecl("meshkit_events_create") @implementation
public func meshkit_events_create(
  _ options: UnsafePointer<meshkit_events_options_t>?, _ out: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let place = try required(out, "out")
    var chosen = meshkit_events_options_t()
    if let options { chosen = try sized(options, into: chosen, "options") }
    let stream = try EventStream(capacity: chosen.capacity == 0 ? 4096 : Int(chosen.capacity))
    try give(stream, Handles.events, place)
  }
}

/// The oldest event.
@_cdecl("meshkit_events_next") @implementation
public func meshkit_events_next(
  _ events: OpaquePointer?, _ timeout_ms: Int64,
  _ out: UnsafeMutablePointer<UnsafeMutablePointer<meshkit_event_t>?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt { () throws(MeshError) in
    let stream = try Handles.events.find(events)
    let place = try required(out, "out")
    guard let event = try stream.next(timeout: timeout(milliseconds: timeout_ms)) else {
      throw MeshError(.timeout, "no event came in time")
    }
    place.pointee = EventRegistry.shared.image(of: event)
  }
}

/// Up to `capacity` events, at most MESHKIT_EVENTS_BATCH_MAX: waits for the first as meshkit_events_next() does, and
/// adds those that are there already.
@_cdecl("meshkit_events_next_batch") @implementation
public func meshkit_events_next_batch(
  _ events: OpaquePointer?, _ timeout_ms: Int64,
  _ out: UnsafeMutablePointer<UnsafeMutablePointer<meshkit_event_t>?>?, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>?
) -> meshkit_status_t {
  let room = UnsafeMutableBufferPointer(start: out, count: out == nil ? 0 : batchLength(capacity))
  room.update(repeating: nil)
  count?.pointee = 0
  return attempt { () throws(MeshError) in
    let stream = try Handles.events.find(events)
    let count = try required(count, "count")
    guard !room.isEmpty else { throw MeshError(.argument, "out is NULL or capacity is 0") }
    count.pointee = try fill(room, from: stream, timeout: timeout(milliseconds: timeout_ms))
  }
}

/// How many events or leases a batch may hold that has places for `capacity`.
func batchLength(_ capacity: Int) -> Int {
  capacity < 0 ? Int(MESHKIT_EVENTS_BATCH_MAX) : min(capacity, Int(MESHKIT_EVENTS_BATCH_MAX))
}

/// Waits for one event and adds those that are there. An error after the first event is for the next call to meet.
private func fill(
  _ room: UnsafeMutableBufferPointer<UnsafeMutablePointer<meshkit_event_t>?>, from stream: EventStream,
  timeout: Duration?
) throws(MeshError) -> Int {
  guard let first = try stream.next(timeout: timeout) else { throw MeshError(.timeout, "no event came in time") }
  room[0] = EventRegistry.shared.image(of: first)
  var count = 1
  while count < room.count, let next = try? stream.next(timeout: .zero) {
    room[count] = EventRegistry.shared.image(of: next)
    count &+= 1
  }
  return count
}

/// A descriptor for poll, epoll and the like: readable while an event waits (level-triggered).
@_cdecl("meshkit_events_fd") @implementation
public func meshkit_events_fd(_ events: OpaquePointer?) -> Int32 {
  number { () throws(MeshError) in
    let descriptor = try Handles.events.find(events).descriptor
    guard descriptor >= 0 else { throw MeshError(.closed, "the stream is closed") }
    return descriptor
  }
}

/// Starts one thread, named meshkit-events, that calls back for each event until the stream is closed.
@_cdecl("meshkit_events_start_callback") @implementation
public func meshkit_events_start_callback(
  _ events: OpaquePointer?, _ callback: UnsafePointer<meshkit_callback_t>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let stream = try Handles.events.find(events)
    guard let callback else { throw MeshError(.argument, "callback is NULL") }
    let host = HostCallback(functions: try sized(callback, into: meshkit_callback_t(), "callback"))
    guard host.functions.call != nil else { throw MeshError(.argument, "callback.call is NULL") }
    guard host.functions.reserved == 0 else { throw MeshError(.unsupported, "callback.reserved is not 0") }
    try stream.startCallbacks(call: { host.call($0) }, drop: { host.drop() })
  }
}

/// Ends the stream: waiters wake with MESHKIT_E_CLOSED, the callback thread drops and ends, nodes forget it.
@_cdecl("meshkit_events_close") @implementation
public func meshkit_events_close(_ events: OpaquePointer?) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.events.find(events).close() }
}

/// Closes and releases a stream.
@_cdecl("meshkit_events_release") @implementation
public func meshkit_events_release(_ events: OpaquePointer?) { release(Handles.events, events) { $0.close() } }

/// Appends an event of a type that no host knows, so that a binding can prove that it skips and releases those.
@_cdecl("meshkit_unstable_events_inject_unknown") @implementation
public func meshkit_unstable_events_inject_unknown(_ events: OpaquePointer?) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.events.find(events).injectUnknown() }
}
