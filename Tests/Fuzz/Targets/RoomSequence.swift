import MeshBasics
import MeshWire

@testable import MeshMembership

/// Reads `bytes` as inputs to one membership and the times between them: links, messages of peers that mean harm, the
/// host's wishes. After each its tables, limits and messages are checked. Returns what is broken.
func brokenRoomSequence(_ bytes: [UInt8]) -> String? {
  guard let node = NodeID("m") else { return nil }
  var script = ByteScript(bytes, names: ["a", "b", "c", "d", "e", "f", "m"])
  var configuration = MembershipConfiguration(nodeID: node, metadata: NodeMetadata())
  configuration.fanout = 1 + script.count(4)
  var room = Membership(configuration: configuration, seed: UInt64(script.next()))
  var effects = MembershipEffects()
  var now = Instant.origin + .seconds(100)
  var input = MembershipInput.started(epoch: 1_000, unixMilliseconds: 1_000)
  while true {
    effects.removeAll()
    let hadLeft = room.phase == .left
    room.handle(input, now: now, into: &effects)
    if let problem = brokenInvariant(of: room, now: now) { return "\(problem), after \(input)" }
    if hadLeft && !effects.list.isEmpty { return "spoke after its end" }
    for effect in effects.list {
      if case .poison(let reason) = effect { return "poison: \(reason)" }
      if case .send(let nodes, let message) = effect, let problem = brokenMessage(message, to: nodes, of: room) {
        return "\(problem), after \(input)"
      }
    }
    guard !script.isEmpty else { return nil }
    now = now + .milliseconds(script.pick([0, 0, 1, 10, 100, 300, 1_000, 5_000, 60_000, 90_000_000]))
    input = nextInput(&script, room)
  }
}

private func nextInput(_ script: inout ByteScript, _ room: Membership) -> MembershipInput {
  guard let node = NodeID(script.name()) else { return .deadlineReached }
  switch script.next() % 16 {
  case 0, 1:
    var record = script.record()
    record.nodeID = node.name
    record.state = .alive
    record.accuser = ""
    record.accusers = []
    record.metadata = script.metadata()
    return .peerConnected(node, record, version: UInt32(script.next() % 4 == 0 ? 1 : 2))
  case 2: return .peerDisconnected(node)
  case 3: return .linkDoubted(node)
  case 4: return .dialFailed(node, refused: script.next() % 2 == 0)
  case 5: return .labelsSet([Label(key: node.name, value: String(repeating: "v", count: Int(script.next()) * 3))])
  case 6:
    switch script.next() % 8 {
    case 0: return .drainingSet(script.next() % 2 == 0)
    case 1: return .memberRemoved(node)
    case 2: return .broadcast(topic: "t", payload: [UInt8](repeating: 0, count: Int(script.next()) * 257))
    case 3: return script.next() % 4 == 0 ? .leaveRequested : .deadlineReached
    case 4: return .epochRaised(script.number())
    case 5:
      var posture = SecurityPosture()
      posture.certificateExpiresAt = Int64(script.next())
      return .securityChanged(posture)
    default: return .late
    }
  case 7:
    // The answer that this node waits for.
    var ack = Ack()
    ack.sequence = room.probes[node]?.sequence ?? 0
    ack.digest = script.next() % 2 == 0 ? room.digest : 7
    return .received(node, .ack(ack))
  case 8: return .deadlineReached
  default: return .received(node, script.message())
  }
}
