import MeshBasics

/// Whether calls to one peer are made. Closed they are; after some failures in a row it opens, and none is made for a
/// while; then one is tried, and its end closes the circuit or opens it for twice as long. Pure: the time comes in.
struct PeerCircuit: Equatable, Sendable {
  enum State: Equatable, Sendable {
    case closed(failures: Int)
    case open(until: Instant)
    /// This call is tried.
    case halfOpen(CallID)
  }

  private(set) var state = State.closed(failures: 0)
  /// Openings without a call that worked between them.
  private var openings = 0

  /// Whether nothing is remembered in it.
  var isFresh: Bool { state == .closed(failures: 0) }
  var isOpen: Bool { if case .open = state { true } else { false } }

  /// Whether `call` may be tried now; nil says yes, otherwise how long to wait. A call that is let through an open
  /// circuit is its trial.
  mutating func wait(of call: CallID, _ now: Instant, _ limits: CallLimits) -> Duration? {
    switch state {
    case .closed: return nil
    case .open(let until) where now < until: return until.since(now)
    case .open:
      state = .halfOpen(call)
      return nil
    case .halfOpen(let trial): return trial == call ? nil : limits.openMin
    }
  }

  /// An attempt of `call` failed. Whether the circuit opens by it.
  mutating func failed(_ call: CallID, _ now: Instant, _ limits: CallLimits) -> Bool {
    switch state {
    case .closed(let failures) where failures + 1 < limits.failuresToOpen:
      state = .closed(failures: failures + 1)
      return false
    case .halfOpen(let trial) where trial != call: return false
    case .open: return false
    case .closed, .halfOpen:
      let doublings = Int64(1) << Int64(min(openings, 16))
      openings += 1
      state = .open(until: now + min(limits.openMin.multiplied(by: doublings), limits.openMax))
      return true
    }
  }

  /// The peer has answered. Whether the circuit was not closed before.
  mutating func succeeded() -> Bool {
    let wasClosed = if case .closed = state { true } else { false }
    (state, openings) = (.closed(failures: 0), 0)
    return !wasClosed
  }

  /// `call` is over, and nothing is known of the peer: another may be the trial.
  mutating func gaveUp(_ call: CallID, _ now: Instant) {
    if state == .halfOpen(call) { state = .open(until: now) }
  }
}
