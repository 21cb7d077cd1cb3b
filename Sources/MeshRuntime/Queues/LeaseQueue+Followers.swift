// Who follows a queue from inside its turns: gates, and pumps.
import MeshBasics
import MeshTasks

extension LeaseQueue {
  /// A gate that follows one of the monitors.
  struct Follower {
    weak var gate: RateGate?
    let monitor: MonitorID
    /// The gate's number for this.
    let number: UInt64
    /// The last signal that the gate was told.
    var version: UInt64
  }

  /// The pumps of a queue, and what they were told last.
  struct PumpList {
    struct Entry {
      weak var pump: LeasePump?
      let number: UInt64
    }
    var entries: [Entry] = []
    var toldOpen = true
    var toldClosed = false

    var isEmpty: Bool { entries.isEmpty }
  }

  /// Tells `gate` what a monitor says from now on, within the turn that says it, and at once what it said last.
  /// *Errors*: `.closed` when there is no such monitor any more, `.busy` when too many gates follow.
  func addFollower(_ gate: RateGate, _ monitor: MonitorID, _ number: UInt64) throws(MeshError) {
    var calls = Calls()
    // Gates that nobody holds must not end under the lock.
    var gates: [RateGate] = []
    defer { withExtendedLifetime(gates) {} }
    try lock.locked { () throws(MeshError) in
      guard !state.pointee.room.isClosed, let signal = state.pointee.room.latestSignal(of: monitor) else {
        throw MeshError(.closed, "the queue \(name) or monitor \(monitor) of it is closed")
      }
      gates = state.pointee.followers.compactMap(\.gate)
      state.pointee.followers.removeAll { $0.gate == nil }
      guard state.pointee.followers.count < TaskLimits.followersMax else {
        throw MeshError(.busy, "queue \(name): at most \(TaskLimits.followersMax) gates may follow its monitors")
      }
      state.pointee.followers.append(
        Follower(gate: gate, monitor: monitor, number: number, version: signal.version))
      gate.begin(number, at: self, signal, &calls)
    }
    calls.make()
  }

  /// Tells a gate no more.
  func removeFollower(_ number: UInt64, of gate: RateGate) {
    var gates: [RateGate] = []
    defer { withExtendedLifetime(gates) {} }
    lock.locked {
      gates = state.pointee.followers.compactMap(\.gate)
      state.pointee.followers.removeAll { $0.number == number && $0.gate === gate }
    }
  }

  /// With the lock held: tells gates what their monitors have said, or that they are gone.
  func tellFollowers(_ calls: inout Calls) {
    let isClosed = state.pointee.room.isClosed
    for index in state.pointee.followers.indices.reversed() {
      let follower = state.pointee.followers[index]
      let signal = isClosed ? nil : state.pointee.room.latestSignal(of: follower.monitor)
      guard signal.map({ $0.version > follower.version }) ?? true else { continue }
      // The gate is held until the lock is open: it must not end under it.
      guard let signal, let gate = follower.gate else {
        state.pointee.followers.remove(at: index)
        if let gate = follower.gate { calls.add { gate.monitorEnded(follower.number) } }
        continue
      }
      state.pointee.followers[index].version = signal.version
      gate.hear(signal, follower.number, &calls)
      calls.add { withExtendedLifetime(gate) {} }
    }
  }

  // MARK: Pumps

  /// Tells `pump` when this stops leasing. *Errors*: `.closed`, and `.busy` when it has too many pumps.
  func addPump(_ pump: LeasePump, _ number: UInt64) throws(MeshError) {
    try lock.locked { () throws(MeshError) in
      guard !state.pointee.room.isClosed, !state.pointee.isAbandoned else {
        throw MeshError(TaskRefusal.closed, queue: name)
      }
      state.pointee.pumps.entries.removeAll { $0.pump == nil }
      guard state.pointee.pumps.entries.count < TaskLimits.pumpsMax else {
        throw MeshError(.busy, "queue \(name): at most \(TaskLimits.pumpsMax) pumps are allowed")
      }
      if state.pointee.pumps.isEmpty { state.pointee.pumps.toldOpen = state.pointee.room.isOpen }
      state.pointee.pumps.entries.append(PumpList.Entry(pump: pump, number: number))
    }
  }

  /// Whether it leases now, and isn't being drained or closed.
  var isLeasing: Bool { lock.locked { state.pointee.room.isOpen } }

  /// Tells a pump no more.
  func removePump(_ number: UInt64) {
    lock.locked { state.pointee.pumps.entries.removeAll { $0.number == number } }
  }

  /// With the lock held: tells pumps that this leases no more.
  func tellPumps(_ calls: inout Calls) {
    let (isOpen, isClosed) = (state.pointee.room.isOpen, state.pointee.room.isClosed)
    guard isOpen != state.pointee.pumps.toldOpen || isClosed != state.pointee.pumps.toldClosed else { return }
    (state.pointee.pumps.toldOpen, state.pointee.pumps.toldClosed) = (isOpen, isClosed)
    if !isOpen { stopPumps(isClosed: isClosed, &calls) }
  }

  /// With the lock held: what is brought from here comes to an end.
  func endPumps(_ calls: inout Calls) { stopPumps(isClosed: true, &calls) }

  private func stopPumps(isClosed: Bool, _ calls: inout Calls) {
    for entry in state.pointee.pumps.entries {
      if let pump = entry.pump { calls.add { pump.queueStopped(isClosed: isClosed) } }
    }
  }
}
