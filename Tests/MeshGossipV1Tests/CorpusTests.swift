import Foundation
import MeshBasics
import Testing

@testable import MeshGossipV1

@Test func theCorpusIsTakenWithoutATrapAndWhatIsPassedOnCanBeRead() throws {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/corpus/gossip-v1")
  for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
    let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    var rig = try Rig()
    for path in [V1Message.messagesPath, V1Message.shufflePath] {
      let call = V1Call(method: "POST", path: path, contentType: "application/json", body: bytes)
      let answer = try rig.ask(call)
      #expect([200, 400, 403].contains(answer.status), "\(name)")
      guard answer.status == 200, path == V1Message.messagesPath else { continue }
      let told = try #require(try V1Envelope.read(answer.body()), "\(name)")
      #expect(told.isReadable && told.refusals.isEmpty && told.names.first == "kit", "\(name)")
    }
    try rig.run(.seconds(3))
  }
}
