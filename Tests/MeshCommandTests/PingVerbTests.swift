import Foundation
import Testing

@testable import MeshCommand

@Suite struct PingVerbTests {
  private func server(_ status: String, _ body: String) throws -> PreparedServer {
    try #require(
      PreparedServer(answering: "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"))
  }

  private func document(_ status: String) -> String {
    #"{"nodeId":"mesh-b","status":"\#(status)","transport":"http2","roundTripMs":1.234,"attempts":1}"#
  }

  @Test func itSaysHowTheMemberIsAndHowItWasAsked() throws {
    let server = try server("200 OK", document("SERVING"))
    let run = Collected.running(["mesh", "peers", "ping", "mesh-b", "--url", server.url])
    #expect(run.results == "mesh-b: SERVING in 1.23 ms over HTTP/2\n" && run.exitCode == .ok)
    #expect(server.request.hasPrefix("GET /v1/members/mesh-b/health HTTP/1.1\r\n"))
  }

  @Test func aMemberThatDoesNotServeFailsTheCommand() throws {
    let server = try server("200 OK", document("NOT_SERVING"))
    let run = Collected.running(["mesh", "peers", "ping", "mesh-b", "--url", server.url, "--output", "json"])
    #expect(run.results == document("NOT_SERVING") + "\n" && run.exitCode == .error)
  }

  @Test func whyAMemberCouldNotBeAskedIsSaid() throws {
    for (status, code) in [("504 Gateway Timeout", ExitCode.timeout), ("502 Bad Gateway", .error)] {
      let server = try server(status, #"{"detail":"it is so"}"#)
      let run = Collected.running(["mesh", "peers", "ping", "mesh-b", "--url", server.url])
      #expect(run.complaints.contains("\(status): it is so") && run.exitCode == code && run.results.isEmpty)
    }
    let run = Collected.running(["mesh", "peers", "ping", "no name"])
    #expect(run.complaints.contains("'no name' is no node id") && run.exitCode == .error)
  }
}
