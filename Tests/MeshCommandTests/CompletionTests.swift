import Foundation
import Testing

@testable import MeshCommand

@Suite struct CompletionTests {
  /// What bash offers after `words`, the last of which is being typed.
  private func offered(_ words: [String], in folder: String = "/") throws -> [String] {
    let script = try #require(Completion.script(of: "bash", verbs: Verb.all))
    let ask = "COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _meshkit; printf '%s\\n' \"${COMPREPLY[@]}\""
    let bash = Process()
    bash.executableURL = URL(fileURLWithPath: "/bin/bash")
    bash.currentDirectoryURL = URL(fileURLWithPath: folder)
    bash.arguments = ["--norc", "-euc", "\(script)\n\(ask)", "meshkit", "meshkit"] + words
    let (results, complaints) = (Pipe(), Pipe())
    bash.standardOutput = results
    bash.standardError = complaints
    try bash.run()
    let printed = try results.fileHandleForReading.readToEnd() ?? Data()
    let said = try complaints.fileHandleForReading.readToEnd() ?? Data()
    bash.waitUntilExit()
    #expect(said.isEmpty && bash.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
    return String(decoding: printed, as: UTF8.self).split(separator: "\n").map { String($0) }
  }

  @Test(arguments: [
    ([""], ["version", "cert", "token", "node", "mesh", "queues", "completion", "--version", "--help"]),
    (["me"], ["mesh"]),
    (["mesh", ""], ["peers", "config", "drain", "resume", "leave", "--help"]), (["mesh", "peers", "re"], ["remove"]),
    (["mesh", "config", "v"], ["validate"]), (["mesh", "peers", "list", "--w"], ["--watch"]),
    (["mesh", "peers", "list", "--ou"], ["--output"]), (["mesh", "peers", "list", "--watch", "--fo"], ["--format"]),
    (["mesh", "peers", "list", "--output", ""], ["table", "json"]), (["mesh", "drain", "-o", "j"], ["json"]),
    (["mesh", "peers", "list", "--output", "="], ["table", "json"]),
    (["mesh", "peers", "list", "--output", "=", "t"], ["table"]), (["mesh", "peers", "list", "--url", ""], []),
    (["completion", ""], ["bash", "zsh", "fish", "--help"]), (["completion", "f"], ["fish"]), (["frob", ""], []),
    (["mesh", "peers", "remove", "mesh-b", "--ti"], ["--timeout"]),
  ])
  func bashOffersWhatMayFollow(words: [String], expected: [String]) throws {
    #expect(try offered(words) == expected)
  }

  @Test func bashOffersFilesAndFoldersWhereTheyAreWanted() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("mesh certs"), withIntermediateDirectories: true)
    try Data().write(to: folder.appendingPathComponent("mesh.json"))
    let files = try offered(["node", "run", "-c", "me"], in: folder.path)
    #expect(files.sorted() == ["mesh certs", "mesh.json"])
    #expect(try offered(["cert", "dev", "--out", "me"], in: folder.path) == ["mesh certs"])
  }

  @Test(arguments: Completion.shells) func everyVerbAndOptionIsInTheScript(shell: String) throws {
    let run = Collected.running("completion", shell)
    #expect(run.exitCode == .ok && run.complaints.isEmpty)
    for verb in Verb.all {
      #expect(run.results.contains(verb.words.joined(separator: " ")))
      for name in verb.options.flatMap(\.allNames) {
        let bare = String(name.drop { $0 == "-" })
        #expect(run.results.contains(shell == "fish" ? (name == "--\(bare)" ? "-l \(bare)" : "-s \(bare)") : name))
      }
    }
  }

  @Test func anotherShellIsNamedWithThoseThereAre() {
    let run = Collected.running("completion", "tcsh")
    #expect(
      run.complaints == "meshkit completion: there is no completion for 'tcsh'; allowed: bash, zsh, fish\n"
        && run.exitCode == .error && run.results.isEmpty)
  }
}
