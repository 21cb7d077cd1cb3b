import MeshBasics
import Testing

@testable import MeshTransport

/// A desk driven by hand.
private struct Desk {
  var desk: CallDesk
  var now = Instant.origin + .seconds(1)
  let (node, other): (NodeID, NodeID)
  private var made: UInt64 = 0

  init(seed: UInt64 = 7, limits: (inout CallLimits) -> Void = { _ in }) throws {
    (node, other) = try (#require(NodeID("b")), #require(NodeID("c")))
    var bounds = CallLimits()
    limits(&bounds)
    desk = CallDesk(limits: bounds, seed: seed)
  }

  mutating func begin(
    _ node: NodeID? = nil, within span: Duration = .seconds(10), isIdempotent: Bool = false
  ) -> (id: CallID, effects: [CallEffect]) {
    made += 1
    let id = CallID(rawValue: made)
    var effects: [CallEffect] = []
    desk.begin(id, to: node ?? self.node, by: now + span, isIdempotent: isIdempotent, now, into: &effects)
    return (id, effects)
  }

  mutating func end(_ id: CallID, _ end: CallAttemptEnd) -> [CallEffect] {
    var effects: [CallEffect] = []
    desk.attemptEnded(id, end, now, into: &effects)
    return effects
  }

  mutating func cancel(_ id: CallID) -> [CallEffect] {
    var effects: [CallEffect] = []
    desk.cancel(id, now, into: &effects)
    return effects
  }

  /// Goes on to the next deadline.
  mutating func wait() -> [CallEffect] {
    now = desk.nextDeadline ?? now
    var effects: [CallEffect] = []
    desk.expire(now, into: &effects)
    return effects
  }
}

private func isBusy(_ effects: [CallEffect]) -> Bool {
  if case .end(_, .busy, 0)? = effects.first { true } else { false }
}

private let answer = CallAttemptEnd.answered(.ok, reply: [1])

struct CallDeskTests {
  @Test func anAnsweredCallEndsWithItsReplyAndIsForgotten() throws {
    var desk = try Desk()
    let (id, effects) = desk.begin()
    #expect(effects == [.attempt(id)])
    #expect(desk.end(id, answer) == [.end(id, .answered(.ok, reply: [1]), attempts: 1)])
    #expect(desk.end(id, answer).isEmpty && desk.cancel(id).isEmpty)
    #expect(desk.desk.count == 0 && desk.desk.peerCount == 0 && desk.desk.nextDeadline == nil)
  }

  @Test func anAttemptThatNeverReachedThePeerIsMadeAgainWhateverTheCall() throws {
    var desk = try Desk()
    let (id, _) = desk.begin()
    #expect(desk.end(id, .unprocessed("no")) == [.retry(id)])
    #expect(desk.wait() == [.attempt(id)])
    #expect(desk.end(id, answer) == [.end(id, .answered(.ok, reply: [1]), attempts: 2)])
  }

  @Test func whatThePeerMayHaveActedOnIsMadeAgainOnlyWhereThatDoesNoHarm() throws {
    var desk = try Desk()
    let (careful, _) = desk.begin()
    #expect(desk.end(careful, .lost("gone")) == [.end(careful, .unreachable("gone"), attempts: 1)])
    let (idempotent, _) = desk.begin(isIdempotent: true)
    #expect(desk.end(idempotent, .lost("gone")) == [.retry(idempotent)])
    #expect(desk.wait() == [.attempt(idempotent)])
    let unavailable = GRPCStatus.unavailable("later")
    #expect(desk.end(idempotent, .answered(unavailable, reply: [])) == [.retry(idempotent)])
    let (answered, _) = desk.begin()
    #expect(
      desk.end(answered, .answered(unavailable, reply: []))
        == [.end(answered, .answered(unavailable, reply: []), attempts: 1)])
  }

  @Test func whatThisNodeGaveUpItselfDoesNotCountAgainstThePeer() throws {
    var desk = try Desk { $0.failuresToOpen = 1 }
    for _ in 0..<3 {
      let (careful, effects) = desk.begin()
      #expect(effects == [.attempt(careful)])
      #expect(desk.end(careful, .givenUp("room")) == [.end(careful, .unreachable("room"), attempts: 1)])
    }
    let (idempotent, _) = desk.begin(isIdempotent: true)
    #expect(desk.end(idempotent, .givenUp("room")) == [.retry(idempotent)])
    #expect(desk.wait() == [.attempt(idempotent)])
    // Nor does it close the circuit of a peer that has failed.
    #expect(desk.end(idempotent, .unprocessed("no")).first == .circuit(desk.node, isOpen: true, reason: "no"))
    desk.now = desk.now + .seconds(1)
    let trial = desk.begin().id
    #expect(desk.end(trial, .givenUp("room")) == [.end(trial, .unreachable("room"), attempts: 1)])
    let (next, effects) = desk.begin()
    #expect(effects == [.attempt(next)])
  }

  @Test func refusedTrustAndOtherAnswersAreFinal() throws {
    var desk = try Desk()
    let (refused, _) = desk.begin(isIdempotent: true)
    #expect(desk.end(refused, .refused("expired")) == [.end(refused, .unreachable("expired"), attempts: 1)])
    let (failed, _) = desk.begin(isIdempotent: true)
    let status = GRPCStatus.internal("broken")
    #expect(
      desk.end(failed, .answered(status, reply: [1])) == [.end(failed, .answered(status, reply: []), attempts: 1)])
    let (crowded, _) = desk.begin(isIdempotent: true)
    #expect(desk.end(crowded, .noRoom("full")) == [.end(crowded, .busy("full"), attempts: 1)])
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func attemptsComeLaterEachTimeWithinJitterAndEnd(seed: UInt64) throws {
    var desk = try Desk(seed: seed) { $0.failuresToOpen = 100 }
    let (id, _) = desk.begin(within: .seconds(60))
    for (attempt, least) in [(1, 25), (2, 50), (3, 100)] as [(Int, Int64)] {
      let before = desk.now
      #expect(desk.end(id, .unprocessed("no")) == [.retry(id)], "attempt \(attempt)")
      #expect(desk.wait() == [.attempt(id)])
      let wait = desk.now.since(before)
      #expect(wait >= .milliseconds(least) && wait <= .milliseconds(least * 3), "waited \(wait)")
    }
    #expect(desk.end(id, .unprocessed("no")) == [.end(id, .unreachable("no"), attempts: 4)])
  }

  @Test func aCallIsNotTriedAgainWhenItsDeadlineComesFirst() throws {
    var desk = try Desk()
    let (id, _) = desk.begin(within: .milliseconds(20), isIdempotent: true)
    #expect(desk.end(id, .unprocessed("no")) == [.end(id, .unreachable("no"), attempts: 1)])
  }

  @Test func aDeadlineBreaksTheAttemptOffAndNoneIsLongerThanTheLimit() throws {
    var desk = try Desk { $0.deadlineMax = .seconds(3) }
    let (id, _) = desk.begin(within: .seconds(3_600))
    let before = desk.now
    #expect(desk.wait() == [.cancel(id, wasInVain: true), .end(id, .deadlinePassed, attempts: 1)])
    #expect(desk.now.since(before) == .seconds(3))
    let (late, effects) = desk.begin(within: .zero)
    #expect(effects == [.end(late, .deadlinePassed, attempts: 0)])
  }

  @Test func aCancelledCallIsBrokenOffAndNothingFollows() throws {
    var desk = try Desk()
    let (sent, _) = desk.begin()
    #expect(desk.cancel(sent) == [.cancel(sent, wasInVain: false), .end(sent, .cancelled, attempts: 1)])
    #expect(desk.end(sent, answer).isEmpty)
    let (waiting, _) = desk.begin(isIdempotent: true)
    _ = desk.end(waiting, .lost("gone"))
    #expect(desk.cancel(waiting) == [.end(waiting, .cancelled, attempts: 1)])
    #expect(desk.desk.nextDeadline == nil)
  }

  @Test func callsBeyondTheLimitsAreRefusedAtOnce() throws {
    var desk = try Desk { ($0.callsPerPeerMax, $0.callsMax) = (2, 3) }
    let first = desk.begin().id
    _ = desk.begin()
    #expect(isBusy(desk.begin().effects), "a third to one peer")
    _ = desk.begin(desk.other)
    #expect(isBusy(desk.begin(desk.other).effects), "a fourth in all")
    _ = desk.end(first, answer)
    let (id, effects) = desk.begin()
    #expect(effects == [.attempt(id)])
  }

  @Test func aCircuitOpensAfterFailuresInARowAndOneCallTriesItAfterAWhile() throws {
    var desk = try Desk { ($0.failuresToOpen, $0.openMin, $0.openMax) = (3, .seconds(1), .seconds(3)) }
    func failing() -> [CallEffect] { desk.end(desk.begin().id, .lost("gone")) }
    #expect(failing().count == 1)
    #expect(failing().count == 1)
    #expect(failing().first == .circuit(desk.node, isOpen: true, reason: "gone"))
    let refused = desk.begin()
    #expect(refused.effects == [.end(refused.id, .circuitOpen(retryIn: .seconds(1)), attempts: 0)])
    // Others are not concerned.
    let other = desk.begin(desk.other)
    #expect(other.effects == [.attempt(other.id)])
    for wait in [1, 2, 3, 3] as [Int64] {
      desk.now = desk.now + .seconds(wait)
      let trial = desk.begin()
      #expect(trial.effects == [.attempt(trial.id)], "after \(wait) s")
      let second = desk.begin()
      #expect(
        second.effects == [.end(second.id, .circuitOpen(retryIn: .seconds(1)), attempts: 0)], "one trial at a time")
      #expect(desk.end(trial.id, .lost("gone")).first == .circuit(desk.node, isOpen: true, reason: "gone"))
    }
    desk.now = desk.now + .seconds(3)
    let trial = desk.begin()
    #expect(desk.end(trial.id, answer).first == .circuit(desk.node, isOpen: false, reason: "it has answered"))
    let next = desk.begin()
    #expect(next.effects == [.attempt(next.id)])
  }

  @Test func aTrialThatIsGivenUpLeavesItsPlaceToAnother() throws {
    var desk = try Desk { $0.failuresToOpen = 1 }
    _ = desk.end(desk.begin().id, .lost("gone"))
    desk.now = desk.now + .seconds(1)
    let trial = desk.begin()
    #expect(desk.cancel(trial.id).last == .end(trial.id, .cancelled, attempts: 1))
    let next = desk.begin()
    #expect(next.effects == [.attempt(next.id)])
  }

  @Test func callersWithoutPatienceDontKeepTheCircuitOfAPeerThatHangsFromOpening() throws {
    var desk = try Desk { $0.failuresToOpen = 2 }
    for _ in 0..<3 { _ = desk.cancel(desk.begin().id) }
    for turn in 1...2 {
      let (id, begun) = desk.begin()
      #expect(begun == [.attempt(id)], "what was given up at once says nothing")
      desk.now = desk.now + .seconds(1)
      let effects = desk.cancel(id)
      #expect(effects.first == .cancel(id, wasInVain: true))
      #expect(effects.contains(.circuit(desk.node, isOpen: true, reason: "no answer in time")) == (turn == 2))
    }
  }

  @Test func anAnswerBetweenFailuresKeepsTheCircuitClosed() throws {
    var desk = try Desk { $0.failuresToOpen = 2 }
    for _ in 0..<10 {
      #expect(desk.end(desk.begin().id, .lost("gone")).count == 1)
      // Also one that says no: the peer lives.
      #expect(desk.end(desk.begin().id, .answered(.internal("no"), reply: [])).count == 1)
    }
  }

  @Test func whatIsRememberedOfPeersIsBounded() throws {
    var desk = try Desk { $0.peersMax = 10 }
    for number in 0..<100 {
      let node = try #require(NodeID("peer-\(number)"))
      _ = desk.end(desk.begin(node).id, .lost("gone"))
      #expect(desk.desk.peerCount <= 10)
    }
    #expect(desk.desk.count == 0)
  }

  @Test func aStopEndsAll() throws {
    var desk = try Desk()
    let (first, second) = (desk.begin().id, desk.begin(isIdempotent: true).id)
    _ = desk.end(second, .lost("gone"))
    var effects: [CallEffect] = []
    desk.desk.stop(into: &effects)
    #expect(effects == [.end(first, .stopped, attempts: 1), .end(second, .stopped, attempts: 1)])
    #expect(desk.desk.nextDeadline == nil && desk.desk.count == 0)
  }

  /// Whatever happens in whatever order, each call ends once, at its deadline at the latest, and nothing is left.
  @Test(arguments: 1...50 as ClosedRange<UInt64>)
  func eachCallEndsOnceWhateverHappens(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var desk = try Desk(seed: seed) { ($0.callsMax, $0.callsPerPeerMax, $0.peersMax) = (20, 6, 4) }
    let peers = try ["a", "b", "c", "d", "e", "f"].map { try #require(NodeID($0)) }
    var begun: Set<CallID> = []
    var attempts: [CallID] = []
    var ends: [CallID: Int] = [:]
    func note(_ effects: [CallEffect]) {
      for effect in effects {
        switch effect {
        case .attempt(let id): attempts.append(id)
        case .cancel(let id, _): attempts.removeAll { $0 == id }
        case .end(let id, _, _): ends[id, default: 0] += 1
        case .retry, .circuit: break
        }
      }
    }
    let results: [CallAttemptEnd] = [
      answer, .answered(.unavailable("u"), reply: []), .unprocessed("p"), .lost("l"), .refused("r"), .noRoom("n"),
      .givenUp("g"),
    ]
    for _ in 0..<2_000 {
      desk.now = desk.now + .milliseconds(Int64(random.below(100)))
      switch random.below(4) {
      case 0:
        let made = desk.begin(
          peers[Int(random.below(6))], within: .milliseconds(Int64(random.below(3_000))),
          isIdempotent: random.chance(1, in: 2))
        begun.insert(made.id)
        note(made.effects)
      case 1 where !attempts.isEmpty:
        let id = attempts.remove(at: Int(random.below(UInt64(attempts.count))))
        note(desk.end(id, results[Int(random.below(7))]))
      case 2 where random.chance(1, in: 10):
        note(desk.cancel(CallID(rawValue: random.below(UInt64(begun.count) + 1))))
      default:
        var effects: [CallEffect] = []
        desk.desk.expire(desk.now, into: &effects)
        note(effects)
      }
    }
    while desk.desk.nextDeadline != nil { note(desk.wait()) }
    #expect(ends.values.allSatisfy { $0 == 1 } && Set(ends.keys) == begun && desk.desk.count == 0)
  }
}
