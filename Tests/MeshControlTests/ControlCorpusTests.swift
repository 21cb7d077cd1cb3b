import Foundation
import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl
@testable import MeshTasks

@Test func hostileControlRequestsAreAnsweredWithoutATrapAndOnlyPlainOnesReachTheNode() throws {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/corpus/control-request")
  let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  let node = try #require(NodeID("a"))
  let other = try #require(NodeID("mesh-b"))
  let members = [node, other].map { name in
    MemberView(
      nodeID: name, status: .alive, isDead: false, epoch: 1, incarnation: 0, metadata: NodeMetadata(), lastHeard: nil,
      roundTrip: nil, isLocal: name == node)
  }
  let queues = PreparedQueues()
  queues.set(queue("jobs/1"))
  var view = NodeView(
    localNodeID: node, members: members, clock: MemberClock(now: .origin, unixTicks: 0), isLeaving: false, notReady: [],
    scopes: [.read, .observe, .operate], activeRequests: 0)
  view.queues = queues
  var asked: [String: ControlAction] = [:]
  for name in names {
    let text = String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
    let lines = text.components(separatedBy: "\n") + ["", "", "", "", ""]
    let request = ControlRequest(
      method: lines[0], target: lines[1], host: lines[2].isEmpty ? nil : lines[2],
      origin: lines[3].isEmpty ? nil : lines[3], contentType: lines[4],
      body: Array(lines[5...].joined(separator: "\n").utf8))
    let response = Control.respond(
      to: request, view: view, metrics: { [] },
      perform: {
        asked[name] = $0
        return .accepted
      })
    #expect([200, 202, 204, 400, 403, 404, 415].contains(response.status), "\(name)")
    if name.hasPrefix("rebind") || name.hasPrefix("origin-") { #expect(response.status == 403, "\(name)") }
  }
  #expect(
    asked == [
      "v1-drain": .setDraining(true), "v1-resume": .setDraining(false), "v1-leave": .leave,
      "v1-remove": .removeMember(other), "logging-set": .setMinimumLevel(.debug),
      "logging-twice": .setMinimumLevel(.critical),
      "v1-redrive": .redrive(TaskID(epoch: 7, sequence: 42), queue: "jobs/1"),
    ])
}
