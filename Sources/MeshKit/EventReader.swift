import MeshRuntime

/// The reading end of one event sequence. The stream closes with it.
final class EventReader: Sendable {
  private let stream: EventStream
  private let handoff = EventHandoff()

  /// Starts the thread that waits for the stream's events.
  init(_ stream: EventStream) throws(MeshError) {
    self.stream = stream
    try stream.startCallbacks(
      call: { [stream, handoff] event in
        handoff.pass(event)
        // Nothing comes after it, and it was taken: so the sequence ends.
        if case .nodeStopped = event.payload { stream.close() }
      },
      drop: handoff.end)
  }

  deinit { end() }

  /// The next event; nil after the end.
  func next() async -> StreamEvent? {
    await withCheckedContinuation { continuation in handoff.take { continuation.resume(returning: $0) } }
  }

  /// Lets go of the stream, and of whoever waits for it.
  func end() {
    stream.close()
    handoff.end()
  }
}
