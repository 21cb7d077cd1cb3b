import Foundation
import MeshRuntime
import Testing

@testable import MeshCommand

@Suite struct CertificateVerbTests {
  @Test func aSubjectIsANodeWithAnOptionalRole() throws {
    #expect(try CertificateVerb.subject("mesh-a").role == "worker")
    #expect(try CertificateVerb.subject("mesh-a:gateway").role == "gateway")
    #expect(try CertificateVerb.subject("mesh-a:gateway").node.name == "mesh-a")
  }

  @Test(arguments: ["", ":", ":gateway", "mesh-a:", "mesh a", "../a", "a/b", "mesh-a:x:y", ".."])
  func otherSubjectsAreRefused(text: String) {
    #expect(throws: CommandError.self) { try CertificateVerb.subject(text) }
  }

  @Test(arguments: ["0", "3651", "-1", "x", "", "1.5"])
  func daysOutsideTheRangeAreRefused(text: String) {
    #expect(throws: CommandError.self) { try CertificateVerb.days(text) }
  }

  @Test(arguments: [1, 3650])
  func daysAtTheLimitsAreAllowed(days: Int) throws { #expect(try CertificateVerb.days("\(days)") == days) }
}

@Suite struct CertificateFilesTests {
  @Test func anAuthorityIssuesAndRevokes() throws {
    try inTemporaryDirectory { directory in
      let made = Collected.running(
        "cert", "dev", "--out", directory, "--cluster", "demo", "--node", "mesh-a:gateway", "--node", "mesh-b")
      #expect(made.exitCode == .ok, Comment(rawValue: made.complaints))
      #expect(made.results.contains("spiffe://omnirelay.mesh/mesh/demo/gateway/mesh-a"))
      for name in ["ca.pem", "crl.pem", "mesh-a.pfx", "mesh-a.pem", "mesh-a-key.pem", "mesh-b.pfx"] {
        #expect(!(try SystemFiles.read("\(directory)/\(name)")).isEmpty)
      }
      let authority = try SystemFiles.read("\(directory)/ca.pem")
      let list = try SystemFiles.read("\(directory)/crl.pem")
      let revoked = Collected.running("cert", "dev", "--out", directory, "--cluster", "demo", "--revoke", "mesh-b")
      #expect(revoked.exitCode == .ok, Comment(rawValue: revoked.complaints))
      #expect(try SystemFiles.read("\(directory)/crl.pem") != list)
      #expect(try SystemFiles.read("\(directory)/ca.pem") == authority)
    }
  }

  @Test func jsonIsOneDocumentWithAllPaths() throws {
    try inTemporaryDirectory { directory in
      let run = Collected.running("cert", "dev", "--out", directory, "--node", "mesh-a:gateway", "-o", "json")
      let document = try JSONValue.parse(Array(run.results.utf8))
      guard case .object(let members) = document, case .array(let nodes)? = document["nodes"] else {
        Issue.record("no document: \(run.results)")
        return
      }
      #expect(members.map(\.name) == CertificateVerb.json.members.map(\.name))
      #expect(nodes.first?["nodeId"] == .string("mesh-a") && nodes.count == 1)
      #expect(nodes.first?["identity"] == .string("spiffe://omnirelay.mesh/mesh/local/gateway/mesh-a"))
      for name in ["pkcs12", "certificate", "key"] {
        #expect(!(try SystemFiles.read(nodes.first?[name]?.text ?? "")).isEmpty)
      }
      let revoked = Collected.running("cert", "dev", "--out", directory, "--revoke", "mesh-a", "-o", "json")
      #expect(revoked.results.contains(#""revoked":["mesh-a"],"nodes":[]}"#), "\(revoked.results)")
    }
  }

  /// Whoever replaces a stolen certificate wants the stolen one revoked, not the new one.
  @Test func aNodeThatIsRevokedAndIssuedAnewKeepsItsNewCertificate() throws {
    try inTemporaryDirectory { directory in
      #expect(Collected.running("cert", "dev", "--out", directory, "--node", "mesh-a").exitCode == .ok)
      let stolen = try serial(of: "\(directory)/mesh-a.pem")
      let run = Collected.running("cert", "dev", "--out", directory, "--revoke", "mesh-a", "--node", "mesh-a")
      #expect(run.exitCode == .ok, Comment(rawValue: run.complaints))
      let list = try openssl("crl", "-noout", "-text", "-in", "\(directory)/crl.pem")
      #expect(list.contains(stolen))
      #expect(!list.contains(try serial(of: "\(directory)/mesh-a.pem")))
    }
  }

  @Test func theContainersPasswordComesFromTheFirstLineOfAFile() throws {
    try inTemporaryDirectory { directory in
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      let file = "\(directory)/password"
      try Data("two words \r\nmore\n".utf8).write(to: URL(fileURLWithPath: file))
      let made = Collected.running("cert", "dev", "--out", directory, "--node", "mesh-a", "--password-file", file)
      #expect(made.exitCode == .ok, Comment(rawValue: made.complaints))
      let subject = try openssl("pkcs12", "-in", "\(directory)/mesh-a.pfx", "-passin", "pass:two words ", "-nokeys")
      #expect(subject.contains("mesh-a"))
      for bad in ["", "\nsecond", "\u{0}", String(repeating: "x", count: 1025)] {
        try Data(bad.utf8).write(to: URL(fileURLWithPath: file))
        let run = Collected.running("cert", "dev", "--out", directory, "--node", "mesh-a", "--password-file", file)
        #expect(run.exitCode == .error)
        #expect(run.complaints.contains(file))
      }
    }
  }

  private func serial(of certificate: String) throws -> String {
    let line = try openssl("x509", "-noout", "-serial", "-in", certificate)
    return try #require(line.split(separator: "=").last).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func openssl(_ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: output, as: UTF8.self)
  }

  @Test func revokingAnUnknownNodeIsAnErrorThatNamesItsFile() throws {
    try inTemporaryDirectory { directory in
      #expect(Collected.running("cert", "dev", "--out", directory, "--node", "mesh-a").exitCode == .ok)
      let run = Collected.running("cert", "dev", "--out", directory, "--revoke", "mesh-z")
      #expect(run.exitCode == .error)
      #expect(run.complaints.contains("mesh-z"))
    }
  }

  @Test func aDirectoryThatCannotBeMadeIsNamed() {
    let run = Collected.running("cert", "dev", "--out", "/proc/none/here", "--node", "mesh-a")
    #expect(run.exitCode == .error)
    #expect(run.complaints.contains("/proc/none"))
  }

  private func inTemporaryDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-\(UUID())")
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory.path)
  }
}
