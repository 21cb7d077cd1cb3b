import MeshRuntime

/// The reading end of one event sequence. The stream closes with it.
final class EventReader: Sendable {
  private let stream: EventStream
  private let handoff = EventHandoff()

  /// Starts the thread that waits for the stream's events. Nothing comes after the one that `isLast` says yes to.
  /// `whenUntaken` hears of an event that had left the stream when the reader went.
  init(
    _ stream: EventStream,
    isLast: @escaping @Sendable (StreamEvent.Payload) -> Bool = {
      if case .nodeStopped = $0 { true } else { false }
    },
    whenUntaken: @escaping @Sendable (StreamEvent.Payload) -> Void = { _ in }
  ) throws(MeshError) {
    self.stream = stream
    try stream.startCallbacks(
      call: { [stream, handoff] event in
        if !handoff.pass(event) { whenUntaken(event.payload) }
        // It was taken: so the sequence ends.
        if isLast(event.payload) { stream.close() }
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
