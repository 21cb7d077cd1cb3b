import MeshRuntime

extension LeaseQueue {
  /// A pump that brings tasks as a sequence, at most `credit` of them with you at a time, read or not, that you haven't
  /// ended by the pump's `complete`, `fail` or `handBack`. It renews their leases meanwhile.
  ///
  /// The sequence ends when the pump is closed, or the queue. Let go of the sequence, and the pump is closed: what you
  /// haven't read goes back to the queue; what you have is yours to end. One task may lie in the sequence's own hand
  /// while nobody asks for it: it counts as read, so that neither a drain nor `close` takes it back. *Errors*: as for
  /// `LeasePump`, and `.argument` for a credit that isn't 1 to 16,383.
  public func pump(
    credit: Int, _ options: TaskPumpOptions? = nil
  ) throws(MeshError) -> (pump: LeasePump, leases: AsyncStream<TaskLease>) {
    let creditMax = EventStream.capacityRange.upperBound / 4 - 1
    guard (1...creditMax).contains(credit) else {
      throw MeshError(.argument, "pump: credit: \(credit); allowed is 1 to \(creditMax)")
    }
    // A quarter of the places is for completions: the leases, and the pump's end.
    let capacity = max(EventStream.capacityRange.lowerBound, 4 * (credit + 1))
    let stream = try EventStream(capacity: capacity)
    let pump = try LeasePump(self, to: stream, options)
    let reader = try EventReader(stream) { payload in
      if case .pumpEnded = payload { true } else { false }
    } whenUntaken: { [self] payload in
      // The pump may be gone by then; it is closed in any case.
      if case .lease(let pumped) = payload { try? handBack(pumped.lease.token) }
    }
    try pump.grant(credit)
    let leases = AsyncStream<TaskLease>(
      unfolding: { [pump] in
        while let event = await reader.next() {
          if case .lease(let pumped) = event.payload { return pumped.lease }
        }
        pump.close()
        return nil
      },
      onCancel: { reader.end() })
    return (pump, leases)
  }
}
