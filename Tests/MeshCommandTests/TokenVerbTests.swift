import Foundation
import MeshRuntime
import Testing

@testable import MeshCommand

@Suite struct TokenVerbTests {
  private static let answer = "HTTP/1.1 202 Accepted\r\nContent-Length: 14\r\n\r\n{\"nodeId\":\"a\"}"
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "meshkit-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func made(_ name: String, _ words: String...) -> Collected {
    Collected.running(["token", "new", "--name", name, "--out", "\(folder)/\(name)"] + words)
  }

  @Test func aNewTokenIsInItsFileAndItsEntryIsOneThatNodesTake() throws {
    let run = made("anna", "--scope", "mesh.read", "--scope", "MESH.OPERATE")
    #expect(run.exitCode == .ok && run.complaints.isEmpty, "\(run.complaints)")
    #expect(run.results.hasPrefix(#"{"name":"anna","scopes":["mesh.read","mesh.operate"],"tokenSha256":[""#))
    #expect(PrincipalsCheck.mistake(in: #"{"principals":[\#(run.results)]}"#) == nil)
    let token = try String(contentsOfFile: "\(folder)/anna", encoding: .utf8)
    #expect(token.hasPrefix("mkt_") && !run.results.contains(token.dropLast()))
    let mode = try FileManager.default.attributesOfItem(atPath: "\(folder)/anna")[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let again = made("anna", "--scope", "mesh.read")
    #expect(again.exitCode == .error && again.complaints.contains("exists already"))
    #expect(try String(contentsOfFile: "\(folder)/anna", encoding: .utf8) == token)
  }

  @Test func whatANodeWouldRefuseIsRefusedBeforeAFileIsMade() {
    for (name, scope, part) in [("a b", "mesh.read", "name: allowed"), ("a", "mesh.write", "scopes[0]: is no scope")] {
      let run = made(name, "--scope", scope)
      #expect(run.exitCode == .error && run.complaints.contains(part), "\(run.complaints)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/\(name)"))
    }
  }

  @Test func theTokenOfAFileIsShownByEveryVerbThatAsks() throws {
    try "mkt_abc\nmore\n".write(toFile: "\(folder)/token", atomically: true, encoding: .utf8)
    for words in [
      ["mesh", "drain"], ["mesh", "peers", "list"], ["mesh", "peers", "remove", "b"], ["mesh", "leave"],
    ] {
      let server = try #require(PreparedServer(answering: Self.answer))
      _ = Collected.running(words + ["--url", server.url, "--token-file", "\(folder)/token"])
      #expect(server.request.contains("\r\nAuthorization: Bearer mkt_abc\r\n"), "\(words)")
    }
    let plain = try #require(PreparedServer(answering: Self.answer))
    _ = Collected.running("mesh", "drain", "--url", plain.url)
    #expect(!plain.request.contains("Authorization"))
  }

  @Test func theEnvironmentNamesAFileUnlessAnOptionDoes() throws {
    let verb = try #require(Verb.all.first { $0.words == ["mesh", "drain"] })
    for name in ["one", "two"] { try name.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8) }
    let variable = [(name: ControlAddress.tokenVariable, value: "\(folder)/one")]
    func token(_ words: [String], _ environment: [(name: String, value: String)]) throws -> String? {
      try ControlAddress.token(OptionValues(parsing: words, for: verb), environment: environment)
    }
    #expect(try token([], []) == nil && token([], [(ControlAddress.tokenVariable, "")]) == nil)
    #expect(try token([], variable) == "one")
    #expect(try token(["--token-file", "\(folder)/two"], variable) == "two")
  }

  @Test func aFileWithoutATokenIsNamedAndNotShown() throws {
    for text in ["", "two words\n", "caf\u{E9}", String(repeating: "x", count: 513)] {
      try text.write(toFile: "\(folder)/token", atomically: true, encoding: .utf8)
      let run = Collected.running("mesh", "drain", "--token-file", "\(folder)/token")
      #expect(
        run.exitCode == .error && run.complaints.contains("the first line of \(folder)/token, which --token-file"))
      #expect(run.complaints.contains("is no token; allowed: 1 to 512") && !run.complaints.contains("words"))
    }
  }

  @Test func aTokenGoesInClearOnlyToThisHost() throws {
    try "mkt_abc".write(toFile: "\(folder)/token", atomically: true, encoding: .utf8)
    // Nobody is there: were it tried, the end would be a timeout.
    let run = Collected.running(
      "mesh", "drain", "--url", "http://192.0.2.1", "--timeout", "2s", "--token-file", "\(folder)/token")
    #expect(run.exitCode == .error && run.complaints.contains("a token is sent over https, or to this host, only"))
    #expect(!run.complaints.contains("mkt_abc"))
  }
}
