import Foundation
import MeshTransport
import Testing

@testable import MeshRuntime

/// One node asks another how it is, as an operator lets it.
@Suite(.serialized) struct MemberHealthTests {
  private func health(_ node: Node, of name: String) throws -> (status: Int, text: String) {
    let url = "http://127.0.0.1:\(node.controlPort)/v1/members/\(name)/health"
    let response = try HTTPClient.request("GET", url: url, timeout: .seconds(20))
    return (response.status, String(decoding: response.body, as: UTF8.self))
  }

  private func metrics(_ node: Node) throws -> String {
    let url = "http://127.0.0.1:\(node.controlPort)/metrics"
    return String(decoding: try HTTPClient.request("GET", url: url, timeout: .seconds(20)).body, as: UTF8.self)
  }

  @Test func eitherOfTwoNodesAsksTheOtherWhoeverHasDialed() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(mesh.configuration("a"))
    let b = try Node.open(mesh.configuration("b", seeds: [a.meshPort]))
    try eventually("they know each other") { a.names(.alive) == ["a", "b"] && b.names(.alive) == ["a", "b"] }
    for (asker, name) in [(a, "b"), (b, "a"), (a, "b")] {
      let (status, text) = try health(asker, of: name)
      #expect(status == 200 && text.hasPrefix(#"{"nodeId":"\#(name)","status":"SERVING","transport":"http3","#))
    }
    #expect(try health(a, of: "a").status == 409)
    #expect(try health(a, of: "nobody").status == 404)
    #expect(
      try metrics(a).contains(
        #"mesh_peer_calls_total{method="grpc.health.v1.Health/Check",outcome="answered"} 2"#))
    try b.setDraining(true, stream: nil, token: 0)
    try eventually("b says that it drains") { try health(a, of: "b").text.contains("NOT_SERVING") }
    for node in [a, b] { try node.stopAndWait(timeout: .seconds(20)) }
  }

  @Test func aMemberThatIsGoneIsSaidToBeSo() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(mesh.configuration("a"))
    let b = try Node.open(mesh.configuration("b", seeds: [a.meshPort]))
    try eventually("they know each other") { a.names(.alive) == ["a", "b"] }
    try b.stopAndWait(timeout: .seconds(20))
    try eventually("b has left") { a.names(.left) == ["b"] }
    #expect(try health(a, of: "b").status == 409)
    try a.stopAndWait(timeout: .seconds(20))
  }

  @Test func membersAreListedWithTheirLinks() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(mesh.configuration("a"))
    let b = try Node.open(mesh.configuration("b", seeds: [a.meshPort]))
    try eventually("they know each other") { a.names(.alive) == ["a", "b"] }
    let url = "http://127.0.0.1:\(a.controlPort)"
    func get(_ path: String) throws -> String {
      String(decoding: try HTTPClient.request("GET", url: url + path, timeout: .seconds(20)).body, as: UTF8.self)
    }
    try eventually("the link is listed") { try get("/v1/members").contains(#","link":{"transport":"http3"}}"#) }
    #expect(try !get("/control/peers").contains("link"))
    for node in [a, b] { try node.stopAndWait(timeout: .seconds(20)) }
  }
}
