import Foundation
import MeshSecurity
import Testing

@testable import MeshKit
@testable import MeshRuntime

/// A node of its own mesh on loopback, as an application opens one.
private func openNode() throws -> MeshNode {
  let folder = NSTemporaryDirectory() + "meshkit-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let authority = try DevelopmentAuthority(directory: folder, cluster: "local")
  let subject = DevelopmentAuthority.Subject(node: try #require(NodeID("a")), role: "worker")
  _ = try authority.issue([subject], days: 1, password: nil)
  var configuration = Configuration()
  for (key, value) in [
    ("nodeId", "a"), ("bindAddress", "127.0.0.1"), ("advertiseHost", "127.0.0.1"), ("port", "0"),
    ("tls:certificatePath", "\(folder)/a.pem"), ("tls:keyPath", "\(folder)/a-key.pem"),
    ("tls:trustBundlePath", authority.authorityPath),
  ] { try configuration.set("mesh:gossip:\(key)", value) }
  try configuration.set("mesh:control:port", "0")
  return try MeshNode.open(configuration)
}

@Test func theSequenceOfEventsEndsWithTheNode() async throws {
  let node = try openNode()
  #expect(node.members.members.map(\.nodeID.name) == ["a"])
  let events = try node.events(of: .log)
  try await node.leave()
  var last: StreamEvent.Payload?
  for await event in events { last = event.payload }
  guard case .nodeStopped(nil)? = last else {
    Issue.record("the last event is \(String(describing: last))")
    return
  }
  try await node.leave()
  #expect(throws: MeshError.self) { _ = try node.events(of: .log) }
}

@Test func aRefusedLabelIsThrownAndNamed() async throws {
  let node = try openNode()
  try await node.setLabels(["zone": "z1"])
  do {
    try await node.setLabels(["": "empty"])
    Issue.record("an empty key was taken")
  } catch let error as MeshError {
    #expect(error.status == .argument && error.message.contains("key of 0 bytes"))
  }
  try await node.leave()
  await #expect(throws: MeshError.self) { try await node.setLabels([:]) }
}

@Test func drainAndBroadcastsAwaitTheirEndAndThrowWhatIsRefused() async throws {
  let node = try openNode()
  try await node.setDraining(true)
  #expect(node.members.members.first?.isDraining == true)
  try await node.setDraining(false)
  #expect(node.members.members.first?.isDraining == false)
  try await node.broadcast("topic", [1, 2, 3])
  for (topic, count) in [("", 0), (String(repeating: "t", count: 129), 0), ("t", 65_537)] {
    await #expect(throws: MeshError.self) { try await node.broadcast(topic, [UInt8](repeating: 0, count: count)) }
  }
  do {
    try await node.removeMember(try #require(NodeID("nobody")))
    Issue.record("a stranger was removed")
  } catch let error as MeshError {
    #expect(error.status == .notFound)
  }
  try await node.leave()
  await #expect(throws: MeshError.self) { try await node.setDraining(true) }
}

@Test func aSlowReaderHearsHowMuchItLostAndTheEnd() async throws {
  let stream = try EventStream(capacity: 16)
  let reader = try EventReader(stream)
  for _ in 0..<100 { stream.injectUnknown() }
  try stream.reserve()
  stream.complete(.nodeStopped(nil), token: 0)
  var heard: UInt64 = 0
  var ends = 0
  while let event = await reader.next() {
    switch event.payload {
    case .unknown: heard += 1
    case .dropped(let count): heard += count
    case .nodeStopped: ends += 1
    default: Issue.record("unexpected: \(event)")
    }
  }
  #expect(heard == 100 && ends == 1)
}

@Test func aCancelledReaderStopsWaiting() async throws {
  let node = try openNode()
  let events = try node.events(of: .members)
  let reader = Task { for await _ in events {} }
  reader.cancel()
  await reader.value
  try await node.leave()
}

@Test func aSequenceThatIsLetGoOfClosesItsStream() async throws {
  let stream = try EventStream(capacity: 16)
  do { _ = try EventReader(stream) }
  #expect(!stream.isOpen)
}
