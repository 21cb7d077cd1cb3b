import Foundation
import MeshRuntime
import Testing

@testable import MeshCommand

@Suite struct NodeVerbTests {
  @Test func aMissingConfigurationFileIsNamed() {
    let run = Collected.running("node", "run", "--config", "no-such-file.json")
    #expect(run.complaints == "no-such-file.json: No such file or directory\n")
    #expect(run.exitCode == .error)
  }

  @Test(arguments: ["port", "=1", ""])
  func aSettingWithoutKeyOrSignIsRefused(text: String) throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-\(UUID()).json")
    try Data("{}".utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let run = Collected.running("node", "run", "--config", file.path, "--set=\(text)")
    #expect(run.complaints == "meshkit node run: --set '\(text)' is refused; allowed: KEY=VALUE\n")
    #expect(run.exitCode == .error)
  }

  @Test func theMistakesOfAllSourcesShowAtOnce() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-\(UUID()).json")
    try Data(#"{"mesh":{"gossip":{"fanout":99}}}"#.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let run = Collected.running(
      "node", "run", "--config", file.path, "--set", "mesh:gossip:port=x", "--set", "mesh:gossip:intervall=1s")
    for word in ["mesh:gossip:fanout", "mesh:gossip:port", "did you mean mesh:gossip:interval?"] {
      #expect(run.complaints.contains(word), Comment(rawValue: run.complaints))
    }
    #expect(run.exitCode == .error)
  }

  @Test func eachMistakeNamesItsFileWhereThereAreMany() throws {
    let files = try [#"{"mesh":{"gossip":{"fanout":99}}}"#, "{"].map { text in
      let file = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-\(UUID()).json")
      try Data(text.utf8).write(to: file)
      return file.path
    }
    defer { files.forEach { try? FileManager.default.removeItem(atPath: $0) } }
    let run = Collected.running("node", "run", "-c", files[0], "-c", files[1])
    #expect(run.complaints.contains("\(files[0]), \(files[1]) with their environment can't be used:\n"))
    #expect(run.complaints.contains("\n  \(files[0]): mesh:gossip:fanout: '99'"), "\(run.complaints)")
    #expect(run.complaints.contains("\n  \(files[1]): not a JSON document: "), "\(run.complaints)")
  }

  @Test func listenersReadAsTheyAreDialled() {
    #expect(NodeLines.listener("127.0.0.1", 8080) == "127.0.0.1:8080")
    #expect(NodeLines.listener("::1", 8080) == "[::1]:8080")
    #expect(NodeLines.listener("::1", 0) == nil)
  }

  @Test func filesAreReadUpToTheirLimit() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(repeating: 7, count: SystemFiles.bytesMax).write(to: file)
    #expect(try SystemFiles.read(file.path).count == SystemFiles.bytesMax)
    try Data(repeating: 7, count: SystemFiles.bytesMax + 1).write(to: file)
    #expect(throws: CommandError.self) { try SystemFiles.read(file.path) }
  }
}

@Suite struct EventLineTests {
  @Test func timesAreUniversalWithMilliseconds() {
    #expect(Clock.timestamp(unixNanoseconds: 0) == "1970-01-01T00:00:00.000Z")
    #expect(Clock.timestamp(unixNanoseconds: 1_769_903_999_123_999_999) == "2026-01-31T23:59:59.123Z")
  }

  @Test func aMemberEventIsOneLineOfNamesAndValues() throws {
    let line = EventLine.text(of: .member(MembershipEvent(kind: .suspect, member: try member(), correlation: 7)))
    #expect(
      line == "member suspect node=mesh-b status=Suspect role=gateway cluster=local region=local version=dev "
        + "endpoint=host:1 correlation=7")
  }

  @Test func eachEventIsALineOfDocumentedJSON() throws {
    let record = LogRecord(
      level: .warning, category: "Mesh", eventID: 5, eventName: "PeerSuspect", message: "silent",
      fields: [LogField("PeerId", "mesh-b")], correlation: 0)
    let origin = try #require(NodeID("mesh-b"))
    let lines: [(StreamEvent.Payload, String)] = [
      (
        .member(MembershipEvent(kind: .suspect, member: try member(), correlation: 7)),
        #"{"event":"member","kind":"suspect","member":{"nodeId":"mesh-b","status":"Suspect","role":"gateway","#
          + #""clusterId":"local","region":"local","meshVersion":"dev","endpoint":"host:1","draining":false},"#
          + #""correlation":7}"#
      ),
      (
        .log(record),
        #"{"event":"log","level":"Warning","category":"Mesh","eventId":5,"eventName":"PeerSuspect","#
          + #""message":"silent","fields":{"PeerId":"mesh-b"},"correlation":0}"#
      ),
      (
        .broadcast(BroadcastMessage(origin: origin, sequence: 2, topic: "t", payload: [1, 2, 3])),
        #"{"event":"broadcast","origin":"mesh-b","topic":"t","bytes":3,"sequence":2}"#
      ),
      (.nodeStopped(nil), #"{"event":"stopped"}"#),
      (.nodeStopped(MeshError(.poisoned, "broken")), #"{"event":"stopped","error":"Poisoned: broken"}"#),
      (.dropped(count: 3), #"{"event":"dropped","count":3}"#),
    ]
    let documented = NodeLines.json.members.map(\.name)
    for (payload, line) in lines {
      let members = EventLine.members(of: payload)
      #expect(JSONText.compact(.object(members)) == line)
      #expect(members.allSatisfy { documented.contains($0.name) })
    }
  }

  @Test func aLogRecordShowsItsFields() {
    let record = LogRecord(
      level: .warning, category: "Mesh", eventID: 5, eventName: "PeerSuspect", message: "silent",
      fields: [LogField("PeerId", "mesh-b")], correlation: 0)
    #expect(EventLine.text(of: .log(record)) == #"log warning Mesh 5 PeerSuspect "silent" PeerId=mesh-b"#)
  }

  @Test func theEndOfANodeTellsItsReason() {
    #expect(EventLine.text(of: .nodeStopped(nil)) == "stopped ok")
    #expect(EventLine.text(of: .nodeStopped(MeshError(.poisoned, "broken"))) == "stopped Poisoned: broken")
    #expect(EventLine.text(of: .dropped(count: 3)) == "dropped events=3")
  }

  private func member() throws -> MemberView {
    var metadata = NodeMetadata()
    metadata.role = "gateway"
    metadata.endpoint = "host:1"
    return MemberView(
      nodeID: try #require(NodeID("mesh-b")), status: .suspect, isDead: false, epoch: 1, incarnation: 1,
      metadata: metadata, lastHeard: nil, roundTrip: nil, isLocal: false)
  }
}
