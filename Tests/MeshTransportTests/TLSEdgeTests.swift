import Foundation
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

/// A listener with TLS for `localhost`, and certificates for its clients.
final class TLSEdge {
  let mesh: TestMesh
  let security: NodeSecurity
  let server: EdgeServer

  init(
    _ options: EdgeOptions = EdgeOptions(), requiresClientCertificate: Bool = false, checksRevocation: Bool = false,
    host: String = "127.0.0.1", further: [(host: String, speaksTLS: Bool)] = [], tls: (inout EdgeTLS) -> Void = { _ in }
  ) throws {
    mesh = try TestMesh()
    var trust = try mesh.sharedOptions(["localhost"])
    if checksRevocation { trust.revocationListPath = mesh.authority.revocationListPath }
    security = try NodeSecurity(options: trust)
    var options = options
    var spoken = EdgeTLS(security: security, requiresClientCertificate: requiresClientCertificate)
    tls(&spoken)
    options.tls = spoken
    server = try EdgeServer(options, host: host, further: further)
  }

  var url: String { "https://localhost:\(server.edge.port)" }

  func curl(_ arguments: String...) throws -> (status: Int32, output: String) {
    try MeshTransportTests.curl(["--ipv4", "--cacert", mesh.authority.authorityPath] + arguments)
  }

  /// What openssl says of a handshake, and of the answer to `request`.
  func openssl(_ arguments: String, request: String = "", then: String = "") throws -> String {
    let client = "openssl s_client -connect 127.0.0.1:\(server.edge.port) \(arguments) 2>&1"
    return try runTool("bash", ["-c", "printf '\(request)' | \(client) \(then)"]).output
  }

  func serial() throws -> String { try openssl("", then: "| openssl x509 -noout -serial") }

  var refusals: [String] {
    server.observations.compactMap { if case .trustRefused(_, let reason, true) = $0 { reason } else { nil } }
  }
}

private let hasTools = hasTool("curl") && hasTool("openssl")

@Test(.enabled(if: hasTools)) func alpnChoosesTheVersionAndNoneMeansHTTP1() throws {
  let edge = try TLSEdge()
  for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1"), ("--no-alpn", "1.1")] {
    let result = try edge.curl(flag, "-w", "|%{http_version} %header{x-version} %header{x-peer}", edge.url + "/a")
    #expect(result.status == 0 && result.output == "GET /a 0|\(version) HTTP/\(version) nobody")
  }
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTools)) func curlReusesOneConnectionWithTLSForTwoRequests() throws {
  let edge = try TLSEdge()
  for flag in ["--http2", "--http1.1"] {
    let result = try edge.curl(flag, "-w", "|%{num_connects}|", edge.url + "/1", edge.url + "/2")
    #expect(result.status == 0 && result.output == "GET /1 0|1|GET /2 0|0|")
  }
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTools)) func bigBodiesPassThroughTLSBothWays() throws {
  let edge = try TLSEdge()
  let file = "\(edge.mesh.directory)/body"
  try Data(repeating: 65, count: 1_000_000).write(to: URL(fileURLWithPath: file))
  for flag in ["--http2", "--http1.1"] {
    let sent = try edge.curl(flag, "--data-binary", "@\(file)", edge.url + "/p")
    #expect(sent.status == 0 && sent.output == "POST /p 1000000")
    let got = try edge.curl(
      flag, "-o", "/dev/null", "-w", "%{size_download}", "-H", "X-Size: 5000000", "--limit-rate", "20M", edge.url + "/")
    #expect(got.status == 0 && got.output == "5000000")
  }
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTool("h2load"))) func h2loadGetsItsAnswersOverTLS() throws {
  let edge = try TLSEdge()
  let result = try runTool(
    "h2load", ["-n", "1000", "-c", "4", "-m", "20", "https://127.0.0.1:\(edge.server.edge.port)/"])
  #expect(result.status == 0 && result.output.contains("1000 succeeded, 0 failed, 0 errored, 0 timeout"))
  #expect(result.output.contains("TLSv1.3") && result.output.contains("Application protocol: h2"))
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTools)) func olderTLSAndOtherProtocolsAreRefused() throws {
  let edge = try TLSEdge()
  #expect(try edge.curl("--tls-max", "1.2", edge.url).status == 35)
  #expect(try edge.openssl("-alpn spdy/3").contains("no application protocol"))
  #expect(try edge.openssl("-alpn spdy/3,http/1.1").contains("ALPN protocol: http/1.1"))
  #expect(try edge.openssl("-alpn http/1.1,h2").contains("ALPN protocol: h2"))
  #expect(try edge.curl(edge.url + "/").status == 0)
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTools)) func clearTextAndGarbageEndAloneOnATLSPort() throws {
  let edge = try TLSEdge()
  for text in [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}\u{5}hello", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ] {
    let client = try EdgeClient(port: edge.server.edge.port)
    client.send(text)
    let answer = client.readToEnd()
    #expect(!answer.contains("GET") && !answer.hasPrefix("HTTP"))
  }
  #expect(try edge.curl(edge.url + "/").status == 0)
  #expect(edge.server.stop())
}

@Test func aSilentHandshakeIsSentAwayInTime() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(200)
  let edge = try TLSEdge(options)
  let (silent, half) = (
    try EdgeClient(port: edge.server.edge.port), try EdgeClient(port: edge.server.edge.port)
  )
  half.send("\u{16}\u{3}\u{1}")
  #expect(silent.readToEnd().isEmpty && half.readToEnd().isEmpty)
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTools)) func aClientWithACertificateIsKnownByItsNode() throws {
  let edge = try TLSEdge(requiresClientCertificate: true)
  let known = try edge.mesh.options("node-b")
  for flag in ["--http2", "--http1.1"] {
    let result = try edge.curl(
      flag, "--cert", known.certificatePath, "--key", known.keyPath ?? "", "-o", "/dev/null", "-w",
      "%header{x-peer} %header{x-chain} %header{x-remote}", edge.url)
    // curl sends its authority as well.
    #expect(result.status == 0 && result.output == "node-b 2 127.0.0.1")
  }
  #expect(try edge.curl(edge.url).status != 0, "none is shown")
  #expect(edge.server.stop() && edge.refusals.isEmpty)
}

@Test(.enabled(if: hasTools)) func strangersAndRevokedClientsAreRefusedByTheOneJudge() throws {
  let edge = try TLSEdge(checksRevocation: true)
  let strangers = try TestMesh()
  defer { withExtendedLifetime(strangers) {} }
  let foreign = try strangers.options("node-b")
  let revoked = try edge.mesh.options("node-c")
  try edge.mesh.authority.revoke([#require(NodeID("node-c"))])
  #expect(try edge.security.reloadIfChanged())
  for options in [foreign, revoked] {
    let result = try edge.curl(
      "--cert", options.certificatePath, "--key", options.keyPath ?? "", "-o", "/dev/null", edge.url)
    #expect(result.status != 0)
  }
  #expect(try edge.curl("-o", "/dev/null", edge.url).status == 0, "without a certificate it is nobody")
  #expect(edge.server.stop())
  #expect(edge.refusals == ["untrusted-issuer", "revoked"])
}

@Test(.enabled(if: hasTools)) func theNextClientSeesTheCertificateThatWasReloaded() throws {
  let edge = try TLSEdge()
  let before = try edge.serial()
  #expect(before.hasPrefix("serial="))
  _ = try edge.mesh.sharedOptions(["localhost"])
  #expect(try edge.serial() == before)
  #expect(try edge.security.reloadIfChanged())
  let after = try edge.serial()
  #expect(after.hasPrefix("serial=") && after != before)
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTools), arguments: ["0.0.0.0", "::"])
func withTLSItMayListenOnEveryAddressAndKnowsWhereItsClientsAre(host: String) throws {
  guard let edge = try? TLSEdge(host: host) else { return }
  // An IPv4 address inside IPv6 is the IPv4 address.
  let result = try edge.curl("-o", "/dev/null", "-w", "%header{x-peer} %header{x-chain} %header{x-remote}", edge.url)
  #expect(result.status == 0 && result.output == "nobody 0 127.0.0.1")
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTools)) func nothingIsResumed() throws {
  let edge = try TLSEdge()
  let said = try edge.openssl(
    "-ign_eof -msg", request: #"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"#)
  #expect(said.contains("HTTP/1.1 200") && !said.contains("NewSessionTicket"))
  #expect(edge.server.stop())
}

@Test(.enabled(if: hasTools)) func tls12IsSpokenOnlyWhereItIsAllowedAndThenWithForwardSecrecy() throws {
  for allowed in [false, true] {
    let edge = try TLSEdge { $0.allowsTLS12 = allowed }
    #expect(try edge.openssl("-tls1_2").contains("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384") == allowed)
    for weak in ["AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA384"] {
      #expect(try edge.openssl("-tls1_2 -cipher \(weak)").contains("Cipher is (NONE)"))
    }
    #expect(try edge.openssl("-tls1_1").contains("Cipher is (NONE)"))
    #expect(edge.server.stop())
  }
}

@Test func namesOfHostsAreNoNamesOfNodesWhereTheCertificateMayNameHosts() throws {
  for names in [NamesRule.nodes, .hosts] {
    let edge = try TLSEdge(requiresClientCertificate: true) { $0.names = names }
    let caller = try NodeSecurity(options: edge.mesh.sharedOptions(["host.example"]))
    let posting = try Posting(to: edge.server.edge.port, as: caller)
    _ = posting.begin("{}")
    let end = try #require(posting.ends().first)
    #expect(try end.outcome.get().header("X-Peer") == (names == .hosts ? "" : "host.example"))
    #expect(edge.server.stop())
  }
}
