// The first form of the failure detector: a probe with one retry, a redial when a link was lost, and one fixed
// suspicion. Relays, confirmations and local health (Lifeguard) take this seam's place with the overlay.
import MeshBasics

/// One ping on its way.
struct Probe: Equatable, Sendable {
  /// The ping's number.
  var sequence: UInt64
  var sentAt: Instant
  /// When it is sent once more; nil after that.
  var retryAt: Instant?
  /// When it has failed.
  var verdictAt: Instant

  var nextDeadline: Instant { min(retryAt ?? verdictAt, verdictAt) }
}

/// Why and until when a member is a suspect.
struct Suspicion: Equatable, Sendable {
  var beganAt: Instant
  /// When silence ends in a declared death.
  var deadline: Instant
}

/// How long to wait for what.
struct Detector: Sendable {
  /// The longest silence: a suspicion this old ends in a death.
  let suspicionInterval: Duration
  /// The upper bound of the time in which a ping should be answered.
  let pingTimeout: Duration

  /// The time in which a ping should be answered: four round trips, from 100 ms up to `pingTimeout`.
  func answerTime(_ roundTrip: Duration?) -> Duration {
    guard let roundTrip else { return pingTimeout }
    return min(max(roundTrip.multiplied(by: 4), .milliseconds(100)), max(pingTimeout, .milliseconds(100)))
  }

  /// A probe sent now: repeated after one answer time, failed after three, or after `pingTimeout` and 200 ms at most.
  func probe(_ sequence: UInt64, roundTrip: Duration?, now: Instant) -> Probe {
    let answerTime = answerTime(roundTrip)
    let verdict = min(
      max(answerTime.multiplied(by: 3), .milliseconds(500)), max(pingTimeout, answerTime) + .milliseconds(200))
    return Probe(sequence: sequence, sentAt: now, retryAt: now + min(answerTime, verdict), verdictAt: now + verdict)
  }

  /// How long a lost link may take to come back before that counts as a failed probe. A dial costs several round trips
  /// and a handshake, hence the greater floor.
  func redialTime(_ roundTrip: Duration?) -> Duration {
    min(max((roundTrip ?? .zero).multiplied(by: 8), .seconds(1)), max(pingTimeout, .milliseconds(100)))
  }

  /// A suspicion that begins now.
  func suspicion(now: Instant) -> Suspicion { Suspicion(beganAt: now, deadline: now + suspicionInterval) }
}
