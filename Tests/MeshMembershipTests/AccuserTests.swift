import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// Whose accusation counts, and in whose name it is told.
struct AccuserTests {
  private let others = ["c", "d", "e"]

  /// Linked to "b" and the others, all of them well.
  private func linked() throws -> Rig {
    var rig = try Rig.connected("b")
    for name in others { try rig.connect(name) }
    try rig.run(.milliseconds(200), answering: others + ["b"])
    return rig
  }

  /// The same, and this node's own probe of "b" has failed.
  private func suspecting() throws -> Rig {
    var rig = try linked()
    rig.room.suspect(try id("b"), refused: false, now: rig.now, into: &rig.effects)
    return rig
  }

  private func deadline(_ rig: Rig) throws -> Instant { try #require(rig.suspicion("b")).deadline }

  @Test func namesOfNobodyConfirmNothing() throws {
    var rig = try suspecting()
    let alone = try deadline(rig)
    var lie = claim("b", 0, .suspect, accuser: "ghost-1")
    (lie.accusers, lie.refused) = (["ghost-2", "ghost-3"], true)
    for voice in others { try rig.hear(voice, news(lie)) }
    #expect(try deadline(rig) == alone && rig.suspicion("b")?.refused == [])
  }

  /// A suspect that accuses may be the one that is cut off.
  @Test func aSuspectConfirmsNothing() throws {
    var rig = try suspecting()
    let alone = try deadline(rig)
    rig.room.suspect(try id("e"), refused: false, now: rig.now, into: &rig.effects)
    rig.room.timeSuspicion(of: try id("b"), now: rig.now)
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "e")))
    #expect(try deadline(rig) == alone)
  }

  @Test func onePeerBringsOneConfirmationHoweverManyItNames() throws {
    var rig = try suspecting()
    var word = claim("b", 0, .suspect, accuser: "c")
    word.accusers = ["d", "e"]
    try rig.hear("c", news(word))
    for accuser in others { try rig.hear("c", news(claim("b", 0, .suspect, accuser: accuser))) }
    #expect(try rig.suspicion("b")?.accusers == [id("c")])
    // Another peer brings another one.
    try rig.hear("d", news(word))
    #expect(try rig.suspicion("b")?.accusers == [id("c"), id("d")])
  }

  @Test func onePeerBringsOneRefusal() throws {
    var rig = try linked()
    for accuser in others {
      var word = claim("b", 0, .suspect, accuser: accuser)
      word.refused = true
      try rig.hear("c", news(word))
    }
    #expect(try rig.suspicion("b")?.refused == [id("c")])
  }

  /// A name that doesn't count is still whom this node has it from; it doesn't put its own name to it.
  @Test func whatOthersSayIsNotToldInThisNodesName() throws {
    var rig = try linked()
    rig.now = rig.now + .milliseconds(20)
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "stranger")))
    let record = rig.room.record(of: try id("b"), try #require(rig.member("b")), withMetadata: false)
    #expect(record.state == .suspect && record.accuser == "stranger" && record.accusers.isEmpty)
  }

  @Test func thisNodesOwnAccusationIsToldThoughManyAccuseAlready() throws {
    var rig = try linked()
    for accuser in others { try rig.hear(accuser, news(claim("b", 0, .suspect, accuser: accuser))) }
    rig.now = rig.now + .milliseconds(50)
    rig.send(.deadlineReached)
    #expect(!rig.room.news.hasFresh)
    rig.room.suspect(try id("b"), refused: false, now: rig.now, into: &rig.effects)
    #expect(try rig.room.news.hasFresh && rig.room.news[id("b")]?.record.accuser == "m")
    // It goes along the rings, not to all.
    #expect(rig.room.news[try id("b")]?.isWide == false)
  }
}
