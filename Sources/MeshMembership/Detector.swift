// How long to wait for what: probes with relays (SWIM: Das, Gupta, Motivala 2002), and suspicions that confirmations
// shorten (Lifeguard, §IV-B), bounded by the longest silence that the configuration allows.
import MeshBasics

/// One probe on its way.
struct Probe: Equatable, Sendable {
  /// The number of its ping.
  let sequence: UInt64
  let sentAt: Instant
  /// The time in which a ping should be answered.
  let answerTime: Duration
  /// After how long others are asked.
  let relayTime: Duration
  /// The least time until a verdict: what is hurried here gains nothing, since a death waits for a long silence.
  let patience: Duration
  /// By how much a verdict is put off for each lateness of this node's own.
  let extensionTime: Duration
  /// The peers asked to probe too; empty until the answer is late.
  var relays: [NodeID] = []
  var isRelayed = false
  /// The link itself is in doubt: without an answer it is replaced at once.
  var isDoubt = false
  /// Of the relays, those which said that they have no answer either: they at least are well, and so is the way to
  /// them.
  var nacks = 0

  /// How often the verdict was put off, and when last.
  var extensions: Int64 = 0
  var extendedAt: Instant?

  var relayAt: Instant { sentAt + relayTime }
  var verdictAt: Instant {
    sentAt + max(answerTime.multiplied(by: 3), patience) + extensionTime.multiplied(by: extensions)
  }
  var nextDeadline: Instant { isRelayed ? verdictAt : relayAt }
}

/// Why and until when a member is a suspect.
struct Suspicion: Equatable, Sendable {
  var beganAt: Instant
  /// The other nodes that accuse it, and those whom its host refused, as far as they count.
  private(set) var accusers: [NodeID] = []
  private(set) var refused: [NodeID] = []
  /// The links that brought them.
  private var voices: [NodeID] = []
  private var refusedVoices: [NodeID] = []
  /// Whom the first claim named. A name alone may not count, and still it is whom this node has it from.
  var named: NodeID?
  /// When a probe of this node's own failed; nil while it only knows it from others.
  var confirmedAt: Instant?
  /// Since when this node can say that it heard nothing: not before it asked.
  var silentSince: Instant?
  /// When the host of the suspect refused this node.
  var refusedAt: Instant?
  /// Until when this node looks once more, since nobody else accuses it; nil while it hasn't begun to.
  var lookEndsAt: Instant?
  /// When it ends.
  var deadline = Instant.distantFuture

  init(beganAt: Instant) { self.beganAt = beganAt }

  /// The accuser to name, where this node doesn't accuse itself.
  var spokesman: NodeID? { refused.first ?? accusers.first ?? named }

  /// Adds an accuser that the peer `voice` told of. Returns whether that is something new. Names are cheap: each peer
  /// can add one accuser, and one whom the host refused.
  mutating func add(_ accuser: NodeID, refused isRefused: Bool, from voice: NodeID) -> Bool {
    var isNew = false
    if !accusers.contains(accuser) && !voices.contains(voice) && accusers.count < MembershipLimits.accusersMax {
      accusers.append(accuser)
      voices.append(voice)
      isNew = true
    }
    if isRefused && !refused.contains(accuser) && !refusedVoices.contains(voice)
      && refused.count < MembershipLimits.accusersMax
    {
      refused.append(accuser)
      refusedVoices.append(voice)
      isNew = true
    }
    return isNew
  }
}

struct Detector: Sendable {
  let interval: Duration
  let suspicionInterval: Duration
  let pingTimeout: Duration

  /// The time in which a ping should be answered: four round trips, from 100 ms up to a third of the interval, and
  /// never more than `pingTimeout`. Without a measurement, the most.
  func answerTime(_ roundTrip: Duration?, health: LocalHealth) -> Duration {
    let most = max(min(interval.divided(by: 3), pingTimeout), .milliseconds(100))
    guard let roundTrip else { return health.stretched(most) }
    return health.stretched(min(max(roundTrip.multiplied(by: 4), .milliseconds(100)), most))
  }

  /// When relays are asked: after the answer time. Where one round trip is about as long, after a quarter more than
  /// that, up to half an interval: otherwise relays would be asked in each round.
  func relayTime(_ roundTrip: Duration?, answerTime: Duration) -> Duration {
    let roundTrip = roundTrip ?? .zero
    return max(answerTime, min(roundTrip + roundTrip.divided(by: 4), interval.divided(by: 2), pingTimeout))
  }

  /// How long a lost link may take to come back before others are asked. A dial costs several round trips and a
  /// handshake.
  func redialTime(_ roundTrip: Duration?, health: LocalHealth) -> Duration {
    let time = max((roundTrip ?? .zero).multiplied(by: 8), .milliseconds(500))
    return health.stretched(min(time, max(pingTimeout, .milliseconds(500))))
  }

  /// What a claim may take to reach all of `members`: ⌈log4 N⌉ hops of 10 ms.
  static func dissemination(members: Int) -> Duration {
    var hops: Int64 = 0
    var reached = 1
    while reached < members && hops < 32 {
      reached = reached &* 4
      hops &+= 1
    }
    return Duration.milliseconds(10).multiplied(by: hops)
  }

  /// The silence after which a member that enough others accuse is declared dead. It grows with the mesh, once three
  /// intervals and the time to tell all pass the configured one.
  func shortestSilence(members: Int) -> Duration {
    let spread = Detector.dissemination(members: members).multiplied(by: 2)
    let longest = max(suspicionInterval, interval.multiplied(by: 3) + spread)
    return longest - min(MembershipLimits.spreadingTime, longest.divided(by: 4))
  }

  /// The silence after which a suspicion with `confirmations` of the possible `others` ends in a death: three times the
  /// shortest without any, and less by the logarithm of their number.
  func silence(members: Int, confirmations: Int, others: Int) -> Duration {
    let shortest = shortestSilence(members: members)
    let wanted = min(MembershipLimits.confirmationsWanted, others)
    guard confirmations < wanted else { return shortest }
    // ln(c+1)/ln(k+1) for the only cases that are left, in thousandths: k = 1 or 2 and c = 0, or k = 2 and c = 1.
    let share: Int64 = confirmations == 0 ? 0 : 631
    return shortest.multiplied(by: 3) - shortest.multiplied(by: 2).multiplied(by: share).divided(by: 1_000)
  }
}
