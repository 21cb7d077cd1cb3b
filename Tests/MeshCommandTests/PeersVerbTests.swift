import Foundation
import Testing

@testable import MeshCommand

@Suite struct PeersVerbTests {
  @Test(arguments: [
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080"), ("HTTP://mesh-a:1/base/path?q", "http://mesh-a:1"),
    ("http://[::1]:8080/", "http://[::1]:8080"),
  ])
  func onlySchemeAndAuthorityOfTheAddressCount(url: String, address: String) throws {
    #expect(try PeersVerb.address(url) == address)
  }

  @Test(arguments: [
    "", "127.0.0.1:8080", "https://a:1", "http://", "http:///x", "http://a b", "http://u:p@a", "ftp://a",
  ])
  func otherAddressesAreRefusedWithWhatIsAllowed(url: String) {
    let run = Collected.running("mesh", "peers", "list", "--url=\(url)")
    #expect(run.exitCode == .error)
    #expect(run.complaints.contains("allowed: http://HOST[:PORT]"))
  }

  @Test func anUnknownFormatIsNamed() {
    let run = Collected.running("mesh", "peers", "list", "--format", "yaml")
    #expect(run.complaints == "meshkit mesh peers list: --format 'yaml' is unknown; allowed: table, json\n")
    #expect(run.exitCode == .error)
  }

  @Test func aRefusedConnectionIsOneClearLine() {
    let run = Collected.running("mesh", "peers", "list", "--url", "http://127.0.0.1:1", "--timeout", "5s")
    #expect(run.exitCode == .error)
    #expect(run.complaints.hasPrefix("Mesh peers request failed: "))
    #expect(run.complaints.contains("127.0.0.1:1"))
    #expect(run.results.isEmpty)
  }

  @Test func anAnswerThatDoesNotComeIsATimeout() throws {
    let server = try #require(SilentServer())
    let run = Collected.running("mesh", "peers", "list", "--url", server.url, "--timeout", "100ms")
    #expect(run.exitCode == .timeout)
    #expect(run.complaints.hasPrefix("Mesh peers request failed: "))
    #expect(run.results.isEmpty)
  }

  @Test(arguments: [
    ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "Mesh peers request failed: 404 Not Found\n"),
    ("HTTP/1.1 503 Nope\r\nContent-Length: 2\r\n\r\nno", "Mesh peers request failed: 503 Service Unavailable\n"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "Mesh peers response was empty: "),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", "can't be read: "),
  ])
  func anAnswerThatIsNoPeersDocumentIsAnError(answer: String, message: String) throws {
    let server = try #require(SilentServer(answering: answer))
    let run = Collected.running("mesh", "peers", "list", "--url", server.url, "--timeout", "10s")
    #expect(run.exitCode == .error)
    #expect(run.complaints.contains(message))
    #expect(run.results.isEmpty)
  }
}

/// Listens on loopback; accepts, sends one prepared answer if it has any, and says no more.
private final class SilentServer: @unchecked Sendable {
  let url: String
  private let listener: Int32

  init?(answering answer: String? = nil) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    listener = descriptor
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 4) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    guard isBound else { return nil }
    if let answer {
      Thread.detachNewThread {
        let connection = accept(descriptor, nil, nil)
        var request = [UInt8](repeating: 0, count: 4096)
        _ = read(connection, &request, request.count)
        _ = write(connection, answer, answer.utf8.count)
        close(connection)
      }
    }
  }

  deinit { close(listener) }
}
