import Foundation
import Testing

@testable import MeshCommand

@Suite struct PeersVerbTests {
  @Test(arguments: [
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080"), ("HTTP://mesh-a:1/base/path?q", "http://mesh-a:1"),
    ("http://[::1]:8080/", "http://[::1]:8080"), ("https://a:1/x", "https://a:1"),
  ])
  func onlySchemeAndAuthorityOfTheAddressCount(url: String, address: String) {
    #expect(ControlAddress.parse(url) == address)
  }

  @Test(arguments: [
    "", "127.0.0.1:8080", "httpx://a:1", "http://", "http:///x", "http://a b", "http://u:p@a", "ftp://a", "https://",
  ])
  func otherAddressesAreRefusedWithWhatIsAllowed(url: String) {
    let run = Collected.running("mesh", "peers", "list", "--url=\(url)")
    #expect(run.exitCode == .error)
    #expect(run.complaints.contains("allowed: http://HOST[:PORT], https://HOST[:PORT]"))
  }

  @Test func filesOfTLSThatCannotBeUsedAreNamed() {
    for (options, complaint) in [
      (["--cacert", "/nowhere/ca.pem"], "'/nowhere/ca.pem' holds no certificates of authorities"),
      (["--cert", "/nowhere/a.pem"], "'/nowhere/a.pem' holds no certificate"),
      (["--key", "/nowhere/key.pem"], "meshkit mesh peers list: --key needs the certificate"),
    ] {
      let run = Collected.running(["mesh", "peers", "list", "--url", "https://127.0.0.1:1"] + options)
      #expect(run.exitCode == .error && run.complaints.contains(complaint))
    }
    let clear = Collected.running("mesh", "peers", "list", "--cacert", "ca.pem", "--url", "http://127.0.0.1:1")
    #expect(clear.complaints == "meshkit mesh peers list: --cacert is for https; --url is 'http://127.0.0.1:1'\n")
  }

  @Test func anUnknownFormatIsNamed() {
    for name in ["--output", "-o", "--format"] {
      let run = Collected.running("mesh", "peers", "list", name, "yaml")
      #expect(run.complaints == "meshkit mesh peers list: --output 'yaml' is unknown; allowed: table, json\n")
      #expect(run.exitCode == .error)
    }
  }

  @Test func aRefusedConnectionIsOneClearLine() {
    let run = Collected.running("mesh", "peers", "list", "--url", "http://127.0.0.1:1", "--timeout", "5s")
    #expect(run.exitCode == .error)
    #expect(run.complaints.hasPrefix("Mesh peers request failed: "))
    #expect(run.complaints.contains("127.0.0.1:1"))
    #expect(run.results.isEmpty)
  }

  @Test func anAnswerThatDoesNotComeIsATimeout() throws {
    let server = try #require(PreparedServer(answering: nil))
    let run = Collected.running("mesh", "peers", "list", "--url", server.url, "--timeout", "100ms")
    #expect(run.exitCode == .timeout)
    #expect(run.complaints.hasPrefix("Mesh peers request failed: "))
    #expect(run.results.isEmpty)
  }

  @Test(arguments: [
    ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "/control/peers answered 404 Not Found: this node"),
    ("HTTP/1.1 503 Nope\r\nContent-Length: 2\r\n\r\nno", "/control/peers answered 503 Service Unavailable\n"),
    (
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 39\r\n\r\n{\"error\":\"The Host must be localhost.\"}\n",
      "/control/peers answered 403 Forbidden: The Host must be localhost.\n"
    ),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "Mesh peers response was empty: "),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", "can't be read: "),
  ])
  func anAnswerThatIsNoPeersDocumentIsAnError(answer: String, message: String) throws {
    let server = try #require(PreparedServer(answering: answer))
    let run = Collected.running("mesh", "peers", "list", "--url", server.url, "--timeout", "10s")
    #expect(run.exitCode == .error)
    #expect(run.complaints.contains(message))
    #expect(run.results.isEmpty)
  }
}
