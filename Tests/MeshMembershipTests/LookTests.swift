import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// What comes of this node's own looks at members that others call dead or gone.
struct LookTests {
  /// Who finds an end itself tells it to all its links, as one does whose own probe failed.
  @Test func anEndThatALookFindsIsToldToAllLinksAtOnce() throws {
    let names = (0..<20).map { "n\($0)" }
    var rig = try Rig()
    for name in names { try rig.connect(name) }
    try rig.run(.seconds(2), answering: names)
    try rig.ripen(names)
    try rig.hear("n0", news(claim("x")))
    _ = rig.room.members.modify(try id("x")) { $0.endpointSince = .origin }
    try rig.hear("n0", news(claim("x", 0, .dead, accuser: "n0")))
    try rig.run(.milliseconds(400), answering: names)
    #expect(rig.room.hearsay[try id("x")]?.isChecking == true && rig.room.reachesAllInTwoHops)
    rig.send(.dialFailed(try id("x"), refused: true))
    #expect(rig.events == [.left])
    let told = names.filter { name in rig.told(name).contains { $0.nodeID == "x" && $0.state == .dead } }
    #expect(told == Array(names.dropFirst()))
  }
}
