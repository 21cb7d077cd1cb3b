import Foundation
import MeshThreads
import MeshTransport
import Testing

@testable import MeshRuntime

// How nodes end, and what their hosts may do meanwhile.
extension NodeTests {
  @Test func aNodeThatIsLetGoOfWhileItStopsStillSaysGoodbye() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a"))
    do {
      let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
      try eventually("both see both") { [a, b].allSatisfy { $0.names(.alive) == ["a", "b"] } }
      try b.stop(stream: nil, token: 0)
    }
    try eventually("b is seen to leave") { a.names(.left) == ["b"] }
    #expect(a.members().members.first { $0.nodeID.name == "b" }?.isDead == false)
    try a.stopAndWait(timeout: .seconds(10))
  }

  @Test func whoWaitedForTheStopFindsEveryCompletionAndTheEndOnItsStream() throws {
    let mesh = try TestMesh(["a"])
    for _ in 0..<20 {
      let node = try Node.open(try mesh.configuration("a"))
      let events = try EventStream(capacity: 16)
      try node.subscribe(events, topics: [])
      try node.setLabels([], stream: events, token: 1)
      try node.stop(stream: events, token: 2)
      try node.stopAndWait(timeout: .seconds(10))
      var heard: [UInt64] = []
      while let event = try events.next(timeout: .zero) { heard.append(event.token) }
      #expect(heard.sorted() == [0, 1, 2])
    }
  }

  @Test func manyThreadsMayStopOneNodeAtOnce() throws {
    let mesh = try TestMesh(["a"])
    for _ in 0..<10 {
      let node = try Node.open(try mesh.configuration("a"))
      let failures = try EventStream(capacity: 64)
      let threads = try (UInt64(1)...8).map { number in
        try LibraryThread.start(name: "test-stop") {
          do throws(MeshError) {
            for _ in 0..<20 { try node.stop(stream: nil, token: number) }
          } catch {
            try? failures.reserve()
            failures.complete(.completed(error), token: number)
          }
        }
      }
      try node.stopAndWait(timeout: .seconds(10))
      threads.forEach { $0.join() }
      #expect(try failures.next(timeout: .zero) == nil)
    }
  }

  @Test func aLeavingNodeIsDrainingAndNotReady() throws {
    let mesh = try TestMesh(["a"])
    let node = try Node.open(try mesh.configuration("a"))
    var request = HTTPRequest()
    request.remote = SocketAddress(literal: "127.0.0.1", port: 1)
    request.method = "GET"
    request.target = "/readyz"
    #expect(node.core.answer(request).response.status == 200)
    node.core.advance(to: .leaving)
    #expect(node.core.answer(request).response.status == 503)
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func readersNeverWaitForAnEngineThatIsStuck() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a"))
    let stream = try EventStream(capacity: 64)
    try a.subscribe(stream, topics: [.members, .log])
    let answers = try EventStream(capacity: 16)
    let b = try stream.lock.locked { () -> Node in
      // Whatever a's engine publishes now waits for this lock, and everything of that node behind it.
      let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
      try eventually("a greets b") { b.names(.alive).contains("a") || threads("meshkit-engine") > 1 }
      usleep(300_000)
      let reader = try LibraryThread.start(name: "test-reader") {
        for _ in 0..<1_000 { _ = (a.members(), a.statisticsJSON(), a.core.answer(HTTPRequest())) }
        answers.injectUnknown()
      }
      reader.detach()
      #expect(try answers.next(timeout: .seconds(20)) != nil)
      return b
    }
    try eventually("the engine goes on") { a.names(.alive) == ["a", "b"] }
    try a.stopAndWait(timeout: .seconds(10))
    try b.stopAndWait(timeout: .seconds(10))
  }
}
