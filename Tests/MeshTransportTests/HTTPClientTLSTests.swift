import Foundation
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

extension TLSEdge {
  fileprivate var trust: TLSClientOptions {
    var options = TLSClientOptions()
    options.authorityPath = mesh.authority.authorityPath
    return options
  }
}

private func get(_ url: String, _ tls: TLSClientOptions) throws -> HTTPResponse {
  try HTTPClient.get(url: url, timeout: .seconds(20), tls: tls)
}

/// What is said of a request that fails.
private func failure(_ url: String, _ tls: TLSClientOptions) -> String {
  do {
    return "answered \(try get(url, tls).status)"
  } catch {
    return "\(error)"
  }
}

@Test func theClientReadsAnswersOfAllSizesThroughTLS() throws {
  let edge = try TLSEdge()
  let answer = try get(edge.url + "/a", edge.trust)
  #expect(answer.body == Array("GET /a 0".utf8) && answer.header("X-Peer") == "nobody")
  #expect(edge.server.stop())
}

@Test func theClientShowsItsCertificateAndIsKnownByIt() throws {
  let edge = try TLSEdge(requiresClientCertificate: true)
  var options = edge.trust
  #expect(failure(edge.url, options).contains("certificate required"))
  let known = try edge.mesh.options("node-b")
  (options.certificatePath, options.keyPath) = (known.certificatePath, known.keyPath)
  #expect(try get(edge.url, options).header("X-Peer") == "node-b")
  #expect(edge.server.stop())
}

@Test func theClientSpeaksOnlyToServersThatItTrustsUnderTheNameThatItAsked() throws {
  let edge = try TLSEdge()
  let other = try TestMesh()
  _ = try other.options("node-b")
  var foreign = TLSClientOptions()
  foreign.authorityPath = other.authority.authorityPath
  #expect(failure(edge.url, foreign).hasSuffix("TLS: certificate signature failure"), "authorities of one name")
  #expect(failure(edge.url, TLSClientOptions()).contains("TLS: unable to get local issuer certificate"))
  #expect(failure("https://127.0.0.1:\(edge.server.edge.port)", edge.trust).hasSuffix("TLS: IP address mismatch"))
  #expect(failure("http://localhost:\(edge.server.edge.port)", edge.trust).contains("can't GET http://localhost"))
  #expect(edge.server.stop())
}

@Test func aTimeoutDuringTheHandshakeIsOne() throws {
  let socket = try TCPSocket.listen(on: #require(SocketAddress(literal: "127.0.0.1", port: 0)))
  defer { close(socket.descriptor) }
  let error = #expect(throws: TransportError.self) {
    try HTTPClient.get(url: "https://127.0.0.1:\(socket.address.port)", timeout: .milliseconds(200))
  }
  #expect(error?.timedOut == true)
}

@Test func filesThatTheClientCannotUseAreNamed() throws {
  let edge = try TLSEdge()
  let garbage = "\(edge.mesh.directory)/garbage.pem"
  try Data("no certificate".utf8).write(to: URL(fileURLWithPath: garbage))
  let known = try edge.mesh.options("node-b")
  var options = edge.trust
  options.authorityPath = garbage
  #expect(failure(edge.url, options).contains("'\(garbage)' holds no certificates of authorities"))
  options = edge.trust
  options.certificatePath = "/nowhere.pem"
  #expect(failure(edge.url, options).contains("'/nowhere.pem' holds no certificate"))
  options.certificatePath = known.certificatePath
  #expect(failure(edge.url, options).contains("holds no unencrypted key"))
  // The key of another node.
  options.keyPath = try edge.mesh.options("node-c").keyPath
  #expect(failure(edge.url, options).contains("holds no unencrypted key"))
  let encrypted = "\(edge.mesh.directory)/encrypted.pem"
  _ = try runTool(
    "openssl", ["pkey", "-in", known.keyPath ?? "", "-aes256", "-passout", "pass:secret", "-out", encrypted])
  options.keyPath = encrypted
  #expect(failure(edge.url, options).contains("'\(encrypted)' holds no unencrypted key"))
  #expect(edge.server.stop())
}
