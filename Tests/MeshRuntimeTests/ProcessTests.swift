import MeshBasics
import Testing

@testable import MeshRuntime

/// What nodes leave behind in their host's process. Suites of this name run one after another in a process of their own
/// (`make unit`), because they count what belongs to the process as a whole.
@Suite(.serialized) struct ProcessTests {
  @Test func manyAbandonedNodesLeaveNoThreadsDescriptorsOrCores() throws {
    let mesh = try TestMesh(["a"])
    let configuration = try mesh.configuration("a")
    _ = try Node.open(configuration)
    try eventually("the first one is gone") { threads("meshkit-") == 0 }
    let descriptors = openDescriptors()
    let cores = try (0..<200).map { _ in Weak(try Node.open(configuration).core) }
    // Memory is looked at in ABITests, because the sanitizers that this runs under keep what was freed.
    try eventually("their threads have ended", within: 30) { threads("meshkit-") == 0 }
    #expect(cores.allSatisfy { $0.core == nil })
    #expect(openDescriptors() <= descriptors)
  }

  @Test func openingNamesWhatIsWrongAndLeavesNothingBehind() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a", dataDirectory: true))
    var taken = try mesh.configuration("b")
    taken.port = a.meshPort
    var controlTaken = try mesh.configuration("b")
    controlTaken.controlPort = a.controlPort
    var missing = try mesh.configuration("b")
    missing.keyPath = "\(mesh.folder)/no-such-key.pem"
    var foreign = try mesh.configuration("b")
    foreign.nodeID = try #require(NodeID("c"))
    var locked = try mesh.configuration("b")
    locked.dataDirectory = "\(mesh.folder)/data-a"
    let before = openDescriptors()
    for _ in 0..<20 {
      #expect(failure(taken) == .addressInUse)
      #expect(failure(controlTaken) == .addressInUse)
      #expect(failure(missing) == .security)
      #expect(failure(foreign) == .security)
      #expect(failure(locked) == .storage)
    }
    try eventually("the descriptors are closed") { openDescriptors() <= before }
    try a.stopAndWait(timeout: .seconds(10))
  }

  @Test func aStoppedNodeLeavesNoDescriptorsAndAnswersEveryCall() throws {
    let mesh = try TestMesh(["a"])
    let before = openDescriptors()
    for _ in 0..<20 {
      let node = try Node.open(try mesh.configuration("a", dataDirectory: true))
      let events = try EventStream(capacity: 64)
      try node.subscribe(events, topics: .node)
      for token in 1...3 { try node.stop(stream: events, token: UInt64(token)) }
      try node.stopAndWait(timeout: .seconds(10))
      try node.stop(stream: events, token: 4)
      var tokens: [UInt64] = []
      var ends = 0
      while tokens.count < 4 || ends < 1, let event = try events.next(timeout: .seconds(10)) {
        if case .completed(nil) = event.payload { tokens.append(event.token) }
        if case .nodeStopped(nil) = event.payload { ends += 1 }
      }
      #expect(tokens.sorted() == [1, 2, 3, 4])
      #expect(ends == 1)
      #expect(throws: MeshError.self) { try node.setLabels([], stream: nil, token: 0) }
      #expect(throws: MeshError.self) { try node.subscribe(events, topics: .members) }
    }
    try eventually("the descriptors are closed") { openDescriptors() <= before }
  }

  /// The status that opening fails with; nil, and the node stopped, when it doesn't.
  private func failure(_ configuration: NodeConfiguration) -> Status? {
    do throws(MeshError) {
      let node = try Node.open(configuration)
      try node.stopAndWait(timeout: .seconds(10))
      return nil
    } catch {
      return error.status
    }
  }
}

/// A node's core, as long as something else holds it.
private struct Weak {
  weak var core: NodeCore?

  init(_ core: NodeCore) { self.core = core }
}
