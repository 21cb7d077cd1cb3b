import Foundation
import MeshSecurity
import Testing

@testable import MeshRuntime

// One at a time: they start many threads.
@Suite(.serialized) struct NodeTests {
  @Test func threeNodesFindEachOtherThroughOneSeedAndSeeOneLeave() throws {
    let mesh = try TestMesh(["a", "b", "c"])
    let a = try Node.open(try mesh.configuration("a"))
    let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
    let c = try Node.open(try mesh.configuration("c", seeds: [a.meshPort]))
    try eventually("all see all") { [a, b, c].allSatisfy { $0.names(.alive) == ["a", "b", "c"] } }
    try c.stopAndWait(timeout: .seconds(10))
    try eventually("c is seen to leave") { [a, b].allSatisfy { $0.names(.left) == ["c"] } }
    #expect(a.members().members.first { $0.nodeID.name == "c" }?.isDead == false)
    try a.stopAndWait(timeout: .seconds(10))
    try b.stopAndWait(timeout: .seconds(10))
  }

  @Test func aSeedMayBeAName() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a"))
    var configuration = try mesh.configuration("b")
    configuration.seeds = [try #require(Endpoint(host: "localhost", port: a.meshPort))]
    let b = try Node.open(configuration)
    try eventually("both see both") { [a, b].allSatisfy { $0.names(.alive) == ["a", "b"] } }
    try b.stopAndWait(timeout: .seconds(10))
    try a.stopAndWait(timeout: .seconds(10))
  }

  @Test func anAbandonedNodeIsSuspectedThenLeftAndComesBackWhenRestarted() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a"))
    let events = try EventStream(capacity: 1_024)
    try a.subscribe(events, topics: .members)
    var configuration = try mesh.configuration("b", seeds: [a.meshPort], dataDirectory: true)
    let first = try Node.open(configuration)
    configuration.port = first.meshPort
    try eventually("a sees b") { a.names(.alive) == ["a", "b"] }
    first.abandon()
    try eventually("b counts as left") { a.names(.left) == ["b"] }
    #expect(a.members().members.first { $0.nodeID.name == "b" }?.isDead == true)
    var restarted: Node?
    try eventually("its port and its data folder are free") {
      if first.members().revision > 0 { restarted = try? Node.open(configuration) }
      return restarted != nil
    }
    let second = try #require(restarted)
    try eventually("b is back") { a.names(.alive) == ["a", "b"] && second.names(.alive) == ["a", "b"] }
    var kinds: [MembershipEvent.Kind] = []
    while let event = try events.next(timeout: .zero) {
      if case .member(let change) = event.payload { kinds.append(change.kind) }
    }
    #expect(kinds.filter { $0 != .updated } == [.joined, .suspect, .left, .joined])
    try a.stopAndWait(timeout: .seconds(10))
    try second.stopAndWait(timeout: .seconds(10))
  }

  @Test func labelsReachThePeersAndTheirCompletionReachesTheHost() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a"))
    let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
    try eventually("both see both") { [a, b].allSatisfy { $0.names(.alive) == ["a", "b"] } }
    let events = try EventStream(capacity: 64)
    try b.setLabels([Label(key: "zone", value: "z1")], stream: events, token: 42)
    let event = try #require(try events.next(timeout: .seconds(10)))
    #expect(event.token == 42)
    try eventually("a sees the label") {
      a.members().members.first { $0.nodeID.name == "b" }?.metadata.labels == [Label(key: "zone", value: "z1")]
    }
    try b.stopAndWait(timeout: .seconds(10))
    try a.stopAndWait(timeout: .seconds(10))
  }

  @Test func aReplacedCertificateIsUsedWithoutLosingTheMember() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a"))
    let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
    try eventually("both see both") { [a, b].allSatisfy { $0.names(.alive) == ["a", "b"] } }
    let events = try EventStream(capacity: 1_024)
    try a.subscribe(events, topics: .members)
    _ = try events.next(timeout: .seconds(5))  // the replayed join of b
    let logs = try EventStream(capacity: 1_024)
    try b.subscribe(logs, topics: .log)
    try mesh.issue(["a", "b"])
    try eventually("b reloads its certificate") {
      while let event = try logs.next(timeout: .zero) {
        if case .log(let record) = event.payload, record.eventName.contains("CertificateReloaded") { return true }
      }
      return false
    }
    usleep(500_000)  // five gossip intervals in which nothing may be lost
    while let event = try events.next(timeout: .zero) {
      if case .member(let change) = event.payload { #expect(change.kind == .updated) }
    }
    #expect(a.names(.alive) == ["a", "b"])
    try b.stopAndWait(timeout: .seconds(10))
    try a.stopAndWait(timeout: .seconds(10))
  }
}
