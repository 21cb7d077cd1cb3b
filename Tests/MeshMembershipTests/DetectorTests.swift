import MeshBasics
import Testing

@testable import MeshMembership

/// How long to wait for what: tables.
struct DetectorTests {
  private func detector(interval: Int64 = 1_000, suspicion: Int64 = 5_000, ping: Int64 = 2_000) -> Detector {
    Detector(
      interval: .milliseconds(interval), suspicionInterval: .milliseconds(suspicion), pingTimeout: .milliseconds(ping))
  }

  /// Conformance 4, 31 and 32: none, one and two confirmations; more shorten nothing.
  @Test func confirmationsShortenTheSilenceDownToItsShortest() {
    let detector = detector()
    let silences = (0...4).map { detector.silence(members: 10, confirmations: $0, others: 8).milliseconds }
    #expect(silences == [14_100, 8_168, 4_700, 4_700, 4_700])
  }

  @Test func whereFewCouldConfirmFewerAreWaitedFor() {
    let detector = detector()
    #expect(detector.silence(members: 2, confirmations: 0, others: 0).milliseconds == 4_700)
    #expect(detector.silence(members: 3, confirmations: 0, others: 1).milliseconds == 14_100)
    #expect(detector.silence(members: 3, confirmations: 1, others: 1).milliseconds == 4_700)
  }

  @Test func theShortestSilenceIsWithinTheConfiguredOneAndGrowsWithTheMeshOnlyBeyondIt() {
    #expect(detector().shortestSilence(members: 2) == detector().shortestSilence(members: 4_000))
    let tight = detector(suspicion: 3_000)
    let spans = [1, 4, 16, 64, 1_024, 8_192].map { tight.shortestSilence(members: $0).milliseconds }
    #expect(spans == [2_700, 2_720, 2_740, 2_760, 2_800, 2_840])
    #expect(detector(interval: 10, suspicion: 100).shortestSilence(members: 1).milliseconds == 75)
  }

  @Test func aClaimTakesAHopForEachPowerOfFour() {
    func hops(_ members: Int) -> Int64 {
      Detector.dissemination(members: members).milliseconds / 10
    }
    #expect([0, 1, 2, 4, 5, 16, 17, 64, 65].map(hops) == [0, 0, 1, 1, 2, 2, 3, 3, 4])
    #expect(Detector.dissemination(members: .max).milliseconds == 320)
  }

  @Test func answerTimesAreFourRoundTripsWithinTheirBounds() {
    let well = LocalHealth()
    func time(_ roundTrip: Int64?, _ detector: Detector) -> Int64 {
      detector.answerTime(roundTrip.map { .milliseconds($0) }, health: well).milliseconds
    }
    #expect(
      [nil, 0, 1, 25, 26, 50, 84, 5_000].map { time($0, detector()) } == [333, 100, 100, 100, 104, 200, 333, 333])
    #expect([nil, 1, 60].map { time($0, detector(ping: 200)) } == [200, 100, 200])
    #expect([nil, 1, 60].map { time($0, detector(ping: 50)) } == [100, 100, 100])
  }

  /// A round trip as long as the bound of the answer time is waited for, and a quarter more, up to half an interval.
  @Test func relaysAreAskedWhenAFarPeerShouldHaveAnswered() {
    func time(_ roundTrip: Int64?, _ detector: Detector) -> Int64 {
      let roundTrip = roundTrip.map { Duration.milliseconds($0) }
      let answerTime = detector.answerTime(roundTrip, health: LocalHealth())
      return detector.relayTime(roundTrip, answerTime: answerTime).milliseconds
    }
    #expect(
      [nil, 50, 266, 268, 380, 400, 404, 5_000].map { time($0, detector()) } == [
        333, 200, 333, 335, 475, 500, 500, 500,
      ])
    #expect([nil, 160, 268].map { time($0, detector(ping: 200)) } == [200, 200, 200])
  }

  /// Conformance 9: a node that isn't well gives others more time, up to nine times as much.
  @Test func badHealthStretchesAllWaiting() {
    var health = LocalHealth()
    for score in 0...8 {
      #expect(health.score == score)
      let factor = Int64(score + 1)
      #expect(detector().answerTime(.milliseconds(50), health: health) == .milliseconds(200 * factor))
      #expect(detector().redialTime(nil, health: health) == .milliseconds(500 * factor))
      health.note(1)
    }
    // Conformance 8: bounds.
    #expect(health.score == MembershipLimits.healthMax)
    health.note(-100)
    #expect(health.score == 0)
  }

  @Test func aRedialIsGivenEightRoundTripsWithinItsBounds() {
    let well = LocalHealth()
    let times = [nil, 10, 62, 63, 1_000].map { (trip: Int64?) in
      detector().redialTime(trip.map { .milliseconds($0) }, health: well).milliseconds
    }
    #expect(times == [500, 500, 500, 504, 2_000])
  }

  @Test func aProbeAsksRelaysInTimeAndJudgesAfterThreeAnswerTimesButNotInHaste() {
    for (patience, verdict) in [(0, 300), (300, 300), (301, 301), (1_000, 1_000)] as [(Int64, Int64)] {
      var probe = Probe(
        sequence: 1, sentAt: .origin, answerTime: .milliseconds(100), relayTime: .milliseconds(150),
        patience: .milliseconds(patience),
        extensionTime: .milliseconds(500))
      #expect(probe.nextDeadline == .origin + .milliseconds(150))
      probe.isRelayed = true
      #expect(probe.nextDeadline == .origin + .milliseconds(verdict))
      probe.extensions = 2
      #expect(probe.nextDeadline == .origin + .milliseconds(verdict + 1_000))
    }
  }

  /// Conformance 24 and 30: each accuser once and one for each peer that tells, up to a number.
  @Test func accusersCountOnceUpToTheirLimit() throws {
    var suspicion = Suspicion(beganAt: .origin)
    #expect(try suspicion.add(id("a"), refused: false, from: id("p")))
    #expect(try !suspicion.add(id("a"), refused: false, from: id("q")))
    #expect(try !suspicion.add(id("b"), refused: false, from: id("p")))
    #expect(try suspicion.add(id("a"), refused: true, from: id("p")))
    #expect(try !suspicion.add(id("b"), refused: true, from: id("p")))
    for name in ["b", "c"] { #expect(try suspicion.add(id(name), refused: true, from: id(name))) }
    #expect(try !suspicion.add(id("e"), refused: true, from: id("e")))
    #expect(
      suspicion.accusers.count == MembershipLimits.accusersMax
        && suspicion.refused.count == MembershipLimits.accusersMax)
  }
}

extension Duration {
  static let distant = Duration(nanoseconds: .max)
}
