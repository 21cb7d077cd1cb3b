import Foundation
import MeshRuntime
import Testing

@testable import MeshCommand

@Suite struct ConfigVerbTests {
  /// A folder with certificates of `mesh-a` and `mesh-b`, and a file that names those of the first.
  private func inFolder(_ body: (_ folder: String, _ file: String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let made = Collected.running("cert", "dev", "--out", folder, "--node", "mesh-a", "--node", "mesh-b")
    #expect(made.exitCode == .ok, Comment(rawValue: made.complaints))
    let text = """
      {"mesh": {"dataDir": "\(folder)/data", "gossip": {"nodeId": "mesh-a", "advertiseHost": "mesh-a",
        "tls": {"certificatePath": "\(folder)/mesh-a.pem", "keyPath": "\(folder)/mesh-a-key.pem",
          "trustBundlePath": "\(folder)/ca.pem", "certificatePassword": "hidden"}}}}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/mesh-a.json"))
    try body(folder, "\(folder)/mesh-a.json")
  }

  private func validate(_ words: String...) -> Collected { Collected.running(["mesh", "config", "validate"] + words) }

  @Test func whatIsReadIsListedWithItsSourceAndNothingIsMade() throws {
    try inFolder { folder, file in
      let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      let run = validate("--config", file, "--set", "mesh:gossip:fanout=4", "--set", "mesh:gossip:labels:zone=a")
      #expect(run.exitCode == .ok && run.complaints.isEmpty, Comment(rawValue: run.complaints))
      let lines = run.results.split(separator: "\n").map { String($0) }
      #expect(lines.contains { $0.hasPrefix("mesh:gossip:nodeId ") && $0.hasSuffix("  mesh-a  (\(file))") })
      #expect(lines.contains { $0.hasPrefix("mesh:gossip:fanout ") && $0.hasSuffix("  4  (--set)") })
      #expect(lines.contains { $0.hasPrefix("mesh:gossip:labels ") && $0.hasSuffix("  zone=a  (--set)") })
      #expect(lines.contains { $0.hasPrefix("mesh:gossip:tls:certificatePassword ") && $0.contains("  ***  ") })
      #expect(lines.last?.hasPrefix("valid: node mesh-a in cluster local, certificate ") == true, "\(lines)")
      #expect(!run.results.contains("hidden"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
    }
  }

  @Test func aLaterFileHasTheLastWord() throws {
    try inFolder { folder, file in
      let later = "\(folder)/later.json"
      try Data(#"{"omnirelay":{"mesh":{"gossip":{"role":"gateway"}}}}"#.utf8).write(to: URL(fileURLWithPath: later))
      let run = validate("-c", file, "-c", later)
      #expect(run.results.contains("gateway  (\(later))\n"), Comment(rawValue: run.results + run.complaints))
    }
  }

  @Test func mistakesNameTheKeyTheValueAndWhatIsAllowed() throws {
    try inFolder { folder, file in
      let run = validate("--config", file, "--set", "mesh:gossip:fanout=99", "--set", "mesh:gossip:port=x")
      #expect(run.exitCode == .error && run.results.isEmpty)
      #expect(run.complaints.hasPrefix("meshkit mesh config validate: the configuration can't be used:\n"))
      #expect(run.complaints.contains("\n  mesh:gossip:fanout: '99'"), Comment(rawValue: run.complaints))
      #expect(run.complaints.contains("\n  mesh:gossip:port: 'x'"), Comment(rawValue: run.complaints))
      let missing = validate("--config", "\(folder)/none.json")
      #expect(missing.exitCode == .error && missing.complaints.hasSuffix("none.json: No such file or directory\n"))
    }
  }

  @Test func filesThatAStartWouldRefuseAreRefusedAllAtOnce() throws {
    try inFolder { folder, file in
      let tls = "mesh:gossip:tls"
      let foreign = "\(tls):keyPath=\(folder)/mesh-b-key.pem"
      for (setting, complaint) in [
        (foreign, "doesn't belong to the private key"), ("\(tls):trustBundlePath=\(folder)/no.pem", "can't be read"),
        ("mesh:gossip:nodeId=mesh-c", "can't speak for node mesh-c"),
        ("\(tls):revocationListPath=\(file)", "revocation list"),
      ] {
        let run = validate("--config", file, "--set", setting)
        #expect(run.exitCode == .error && run.complaints.contains("\n  mesh:gossip:tls: "), "\(run.complaints)")
        #expect(run.complaints.contains(complaint), Comment(rawValue: run.complaints))
      }
      let both = validate("--config", file, "--set", foreign, "--set", "mesh:dataDir=\(file)/data")
      #expect(both.complaints.contains("\n  mesh:gossip:tls: ") && both.complaints.contains("\n  mesh:dataDir: "))
      #expect(both.complaints.contains("mesh-a.json is not a folder"), Comment(rawValue: both.complaints))
      let principals = validate("--config", file, "--set", "mesh:control:principalsPath=\(file)")
      #expect(principals.exitCode == .error, Comment(rawValue: principals.results))
      let complaint = Comment(rawValue: principals.complaints)
      #expect(principals.complaints.contains("\n  mesh:control:principalsPath: "), complaint)
    }
  }

  @Test func jsonIsOneDocumentOfItsDescribedMembersAlsoOfMistakes() throws {
    try inFolder { folder, file in
      let good = validate("--config", file, "--output", "json")
      let document = try JSONValue.parse(Array(good.results.utf8))
      guard case .object(let members) = document, case .array(let settings)? = document["settings"] else {
        Issue.record("no document: \(good.results)")
        return
      }
      #expect(members.map(\.name) == ConfigVerb.json.members.map(\.name) && good.exitCode == .ok)
      #expect(document["valid"] == .bool(true) && document["nodeId"] == .string("mesh-a"))
      #expect(settings.contains { $0["key"] == .string("mesh:dataDir") && $0["source"] == .string(file) })
      let bad = validate("--config", file, "--format", "json", "--set", "mesh:gossip:fanout=99")
      let mistakes = try JSONValue.parse(Array(bad.results.utf8))
      guard case .array(let problems)? = mistakes["problems"] else {
        Issue.record("no document: \(bad.results)")
        return
      }
      #expect(bad.exitCode == .error && bad.complaints.isEmpty && mistakes["valid"] == .bool(false))
      #expect(problems.map { $0["key"] } == [.string("mesh:gossip:fanout")])
      let none = validate("--config", "\(folder)/none.json", "--output", "json")
      #expect(none.results.contains(#""valid":false"#) && none.exitCode == .error)
    }
  }
}
