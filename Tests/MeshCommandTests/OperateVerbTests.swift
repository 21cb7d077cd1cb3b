import Foundation
import Testing

@testable import MeshCommand

@Suite struct OperateVerbTests {
  private static let options = "--url/-u, --cacert, --cert, --key, --token-file, --timeout, --output/-o, --help"
  private static let accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 14\r\n\r\n{\"nodeId\":\"a\"}"

  @Test(arguments: [
    (["mesh", "drain"], "POST /v1/node/drain HTTP/1.1\r\n", "a is asked to drain\n"),
    (["mesh", "resume"], "POST /v1/node/resume HTTP/1.1\r\n", "a is asked to take work again\n"),
    (["mesh", "leave"], "POST /v1/node/leave HTTP/1.1\r\n", "a is asked to leave the mesh\n"),
    (["mesh", "peers", "remove", "mesh-b"], "DELETE /v1/members/mesh-b HTTP/1.1\r\n", "asked to declare a gone\n"),
  ])
  func eachVerbSendsItsRequestAndSaysWhatIsAsked(words: [String], request: String, result: String) throws {
    let server = try #require(PreparedServer(answering: Self.accepted))
    let run = Collected.running(words + ["--url", server.url])
    #expect(run.results == result && run.complaints.isEmpty && run.exitCode == .ok)
    let sent = server.request
    #expect(sent.hasPrefix(request), "\(sent)")
    #expect(sent.contains("\r\nHost: 127.0.0.1:"))
    #expect(sent.contains("Content-Length: 0\r\n") == request.hasPrefix("POST"))
  }

  @Test(arguments: [
    (["mesh", "leave"], "a is leaving the mesh\n"), (["mesh", "peers", "remove", "a"], "a has left already\n"),
  ])
  func whatIsOverAlreadyIsSaidSo(words: [String], result: String) throws {
    let server = try #require(PreparedServer(answering: Self.accepted.replacing("202 Accepted", with: "200 OK")))
    let run = Collected.running(words + ["--url", server.url])
    #expect(run.results == result && run.complaints.isEmpty && run.exitCode == .ok)
  }

  @Test func jsonSaysWhatIsAskedOfWhomAndWhetherItIsDone() throws {
    for (status, isDone) in [("202 Accepted", "false"), ("200 OK", "true")] {
      let server = try #require(PreparedServer(answering: Self.accepted.replacing("202 Accepted", with: status)))
      let run = Collected.running("mesh", "leave", "--url", server.url, "--output", "json")
      #expect(run.results == #"{"action":"leave","nodeId":"a","done":\#(isDone)}"# + "\n" && run.exitCode == .ok)
    }
  }

  @Test func theMemberMayFollowTheOptions() throws {
    let server = try #require(PreparedServer(answering: Self.accepted))
    let run = Collected.running("mesh", "peers", "remove", "--url", server.url, "mesh-b", "--timeout=5s")
    #expect(run.exitCode == .ok && server.request.hasPrefix("DELETE /v1/members/mesh-b "))
  }

  @Test(arguments: [
    (
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 61\r\n\r\n"
        + #"{"status":403,"detail":"set mesh:control:loopbackScopes \u001b"}"#,
      "403 Forbidden: set mesh:control:loopbackScopes ?\n"
    ),
    ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 Not Found: this node doesn't know the request"),
    ("HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{\"detail\":\"none\"}", "404 Not Found: none\n"),
    ("HTTP/1.1 409 Conflict\r\nContent-Length: 20\r\n\r\n{\"detail\":\"leaving.\"}", "409 Conflict: leaving.\n"),
    ("HTTP/1.1 403 Forbidden\r\nContent-Length: 15\r\n\r\n{\"error\":\"host\"}", "403 Forbidden: host\n"),
    ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "500 Internal Server Error\n"),
    ("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}", "can't be read: nodeId is missing\n"),
  ])
  func aRefusalIsTheVerbTheUrlAndTheReasonOnOneLine(answer: String, reason: String) throws {
    // The length is that of the text as written here, whatever is in it.
    let parts = answer.components(separatedBy: "\r\n\r\n")
    let head = parts[0].components(separatedBy: "Content-Length: ")[0]
    let text = "\(head)Content-Length: \(parts[1].utf8.count)\r\n\r\n\(parts[1])"
    let server = try #require(PreparedServer(answering: text))
    let run = Collected.running("mesh", "peers", "remove", "mesh-b", "--url", server.url)
    #expect(run.exitCode == .error && run.results.isEmpty)
    #expect(run.complaints.hasPrefix("meshkit mesh peers remove: "))
    #expect(run.complaints.contains("\(server.url)/v1/members/mesh-b"))
    #expect(run.complaints.contains(reason), "\(run.complaints)")
  }

  @Test(arguments: [
    (["mesh", "peers", "remove"], "meshkit mesh peers remove: ID is missing: meshkit mesh peers remove ID\n"),
    (
      ["mesh", "peers", "remove", "a", "b"],
      "meshkit mesh peers remove: unexpected argument 'b'; allowed: \(OperateVerbTests.options)\n"
    ),
    (
      ["mesh", "peers", "remove", "a/b"],
      "meshkit mesh peers remove: 'a/b' is no node id; allowed: 1 to 128 letters, digits, '.', '-' and '_'\n"
    ),
    (
      ["mesh", "drain", "a"], "meshkit mesh drain: unexpected argument 'a'; allowed: \(OperateVerbTests.options)\n"
    ),
    (
      ["mesh", "leave", "--url", "ftp://a"],
      "meshkit mesh leave: --url 'ftp://a' is refused; allowed: http://HOST[:PORT], https://HOST[:PORT]\n"
    ),
  ])
  func wrongUseIsNamedWithWhatIsAllowed(words: [String], message: String) {
    let run = Collected.running(words)
    #expect(run.complaints == message && run.exitCode == .error && run.results.isEmpty)
  }

  @Test func helpSaysWhichScopeIsNeededAndShowsTheOperand() {
    for words in [["drain"], ["resume"], ["leave"], ["peers", "remove"]] {
      #expect(Collected.running(["mesh"] + words + ["--help"]).results.contains("mesh:control:loopbackScopes"))
    }
    #expect(Collected.running("mesh", "--help").results.contains("  mesh peers remove ID  "))
    let help = Collected.running("mesh", "peers", "remove", "-h").results
    #expect(help.hasPrefix("usage: meshkit mesh peers remove ID [OPTION...]\n"))
  }

  @Test func noAnswerIsATimeout() throws {
    let server = try #require(PreparedServer(answering: nil))
    let run = Collected.running("mesh", "drain", "--url", server.url, "--timeout", "100ms")
    #expect(run.exitCode == .timeout && run.complaints.hasPrefix("meshkit mesh drain: can't POST http://127.0.0.1:"))
  }
}
