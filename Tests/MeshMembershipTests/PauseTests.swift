import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// Time that this node lost itself: it is held against nobody.
struct PauseTests {
  /// Knows many members from "c"; linked to "c" and "d". Returns one that it neither watches nor wants a link to.
  private func knowingAStranger() throws -> (rig: Rig, stranger: String) {
    var rig = try Rig.connected("c", "d")
    try rig.hear("c", news((0..<40).map { claim("n\($0)") }))
    try rig.run(.seconds(6), answering: ["c", "d"])
    let stranger = try #require(
      try (0..<40).map { "n\($0)" }.first { name in try !rig.room.wantsLink(to: id(name)) })
    return (rig, stranger)
  }

  /// The time in which a suspect may refute doesn't run while this node can't hear it.
  @Test func aSuspectIsGivenTheTimeOfAPauseToRefute() throws {
    var (rig, name) = try knowingAStranger()
    try rig.hear("c", news(claim(name, 0, .suspect, accuser: "c")))
    let beganAt = try #require(rig.suspicion(name)).beganAt
    try rig.run(.seconds(2), answering: ["c", "d"])
    let due = try #require(rig.room.nextDeadline)
    rig.now = rig.now + .seconds(4)
    let gap = rig.now.since(due)
    try rig.hear("c", news(claim(name, 0, .dead, accuser: "c")))
    #expect(rig.room.marks.contains(.pause) && rig.status(name) == .suspect)
    #expect(try #require(rig.suspicion(name)).beganAt == beganAt + gap)
  }

  @Test func eachPauseMovesTheDeadlineOnFromWhereTheLastOnePutIt() throws {
    var (rig, name) = try knowingAStranger()
    try rig.hear("c", news(claim(name, 0, .suspect, accuser: "c")))
    for _ in 0..<2 {
      let deadline = try #require(rig.suspicion(name)).deadline
      let due = try #require(rig.room.nextDeadline)
      rig.now = due + .seconds(10)
      rig.send(.deadlineReached)
      #expect(try #require(rig.suspicion(name)).deadline == deadline + .seconds(10))
      #expect(try rig.room.timers[.suspicion(id(name))] == deadline + .seconds(10))
      try rig.run(.milliseconds(100), answering: ["c", "d"])
    }
  }

  // MARK: Looks

  /// This node looks whether a stranger is dead, as one voice has said, and its dial is under way.
  private func looking() throws -> (rig: Rig, stranger: String) {
    var (rig, name) = try knowingAStranger()
    try rig.hear("c", news(claim(name, 0, .dead, accuser: "c")))
    try rig.run(.milliseconds(400), answering: ["c", "d"])
    #expect(rig.room.hearsay[try id(name)]?.isChecking == true)
    return (rig, name)
  }

  @Test func aDialThatFailsThroughAPauseOfThisNodeProvesNothing() throws {
    for failsAtOnce in [true, false] {
      var (rig, name) = try looking()
      rig.now = rig.now + .seconds(3)
      if !failsAtOnce {
        rig.send(.deadlineReached)
        rig.now = rig.now + .milliseconds(20)
      }
      rig.send(.dialFailed(try id(name), refused: false))
      #expect(rig.room.marks.contains(.pause) && rig.status(name) == .suspect)
      // It looks again when it is well.
      try rig.run(.seconds(4), answering: ["c", "d"])
      // Its rounds are slow after the pause, and a node that hears nobody blames nobody.
      try rig.hear("c", .ping(Ping()))
      rig.send(.dialFailed(try id(name), refused: false))
      for _ in 0..<16 {
        try rig.run(.milliseconds(500), answering: ["c", "d"])
        try rig.hear("c", .ping(Ping()))
      }
      #expect(rig.status(name) == .left)
    }
  }

  @Test func aDialThatFailsWhileTimersAreLateProvesNothingUnlessTheHostRefusesIt() throws {
    for isRefused in [true, false] {
      var (rig, name) = try looking()
      rig.now = try #require(rig.room.nextDeadline) + MembershipLimits.lateness
      rig.send(.deadlineReached)
      rig.now = rig.now + .milliseconds(500)
      rig.send(.dialFailed(try id(name), refused: isRefused))
      #expect(rig.room.marks.contains(.late) && (rig.status(name) == .left) == isRefused)
    }
  }
}
