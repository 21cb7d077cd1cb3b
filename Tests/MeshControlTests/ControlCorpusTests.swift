import Foundation
import MeshBasics
import Testing

@testable import MeshControl

@Test func hostileControlRequestsAreAnsweredWithoutATrap() throws {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/corpus/control-request")
  let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  let view = NodeView(
    localNodeID: try #require(NodeID("a")), members: [], now: .origin, unixTicks: 0, isLeaving: false, notReady: [],
    scopes: [.read, .observe], activeRequests: 0)
  for name in names {
    let text = String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
    let lines = text.components(separatedBy: "\n") + ["", "", "", ""]
    let request = ControlRequest(
      method: lines[0], target: lines[1], host: lines[2], origin: lines[3].isEmpty ? nil : lines[3], body: [])
    let response = Control.respond(to: request, view: view, metrics: { [] }, perform: { _ in .accepted })
    #expect([200, 403, 404].contains(response.status), "\(name)")
    if name.hasPrefix("rebind") || name == "origin-null" { #expect(response.status == 403, "\(name)") }
  }
}
