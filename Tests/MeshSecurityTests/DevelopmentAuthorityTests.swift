import Glibc
import MeshBasics
import Testing

@testable import MeshSecurity

@Suite struct DevelopmentAuthorityTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func authority(_ name: String = "pki/dev") throws -> DevelopmentAuthority {
    try DevelopmentAuthority(directory: directory.file(name), cluster: "demo")
  }

  func subject(_ name: String, _ role: String = "worker") throws -> DevelopmentAuthority.Subject {
    DevelopmentAuthority.Subject(node: try #require(NodeID(name)), role: role)
  }

  func mode(_ path: String) -> mode_t {
    var status = stat()
    stat(path, &status)
    return status.st_mode & 0o777
  }

  @Test func issuesFilesThatNodesLoadAndTrustEachOther() throws {
    let authority = try authority()
    let issued = try authority.issue([subject("node-a", "dispatcher"), subject("node-b", "gateway")], password: "x")
    #expect(issued.map(\.identity).last == "spiffe://omnirelay.mesh/mesh/demo/gateway/node-b")
    var pem = SecurityOptions()
    pem.certificatePath = issued[0].certificatePath
    pem.keyPath = issued[0].keyPath
    pem.trustBundlePath = authority.authorityPath
    pem.revocationListPath = authority.revocationListPath
    var container = SecurityOptions()
    container.certificatePath = issued[1].pkcs12Path
    container.certificatePassword = "x"
    let (a, b) = (try NodeSecurity(options: pem), try NodeSecurity(options: container))
    func leaf(_ security: NodeSecurity) throws -> [UInt8] {
      let bytes = security.credential.chainPEM.withUnsafeBytes { SecretBytes(copying: $0) }
      return try #require(try CertificateBundle.certificates(pem: bytes, path: "", role: "").first).der
    }
    #expect(try a.judge(chain: [leaf(b)], peerIsClient: true).get().nodeNames == ["node-b"])
    #expect(try b.judge(chain: [leaf(a)], peerIsClient: false).get().nodeNames == ["node-a"])
    #expect(mode(directory.file("pki")) == 0o700)
    for path in [authority.authorityKeyPath, issued[0].keyPath, issued[0].pkcs12Path] { #expect(mode(path) == 0o600) }
  }

  @Test func theOpensslProgramAgrees() throws {
    let authority = try authority()
    let issued = try authority.issue([subject("node-a")])[0]
    func verify() -> Int32 {
      run([
        "openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", authority.authorityPath, "-CRLfile",
        authority.revocationListPath, "-purpose", "sslserver", issued.certificatePath,
      ])
    }
    #expect(verify() == 0)
    #expect(run(["openssl", "pkcs12", "-in", issued.pkcs12Path, "-passin", "pass:", "-nodes"]) == 0)
    try authority.revoke([issued.node])
    #expect(verify() != 0)
  }

  @Test func keepsItsAuthorityAndItsRevocations() throws {
    let authority = try authority()
    _ = try authority.issue([subject("node-a"), subject("node-b")])
    let certificate = try readFile(authority.authorityPath)
    try authority.revoke([subject("node-a").node])
    _ = try authority.issue([subject("node-c")])
    try authority.revoke([subject("node-a").node, subject("node-b").node])
    #expect(try readFile(authority.authorityPath) == certificate)
    let list = try RevocationList(reading: readFile(authority.revocationListPath), name: "")
    for (name, revoked) in [("node-a", true), ("node-b", true), ("node-c", false)] {
      let pem = try readFile("\(authority.directory)/\(name).pem").withUnsafeBytes { SecretBytes(copying: $0) }
      let leaf = try #require(try CertificateBundle.certificates(pem: pem, path: "", role: "").first)
      #expect(list.names(leaf.pointer) == revoked)
    }
  }

  @Test func refusesImpossibleArguments() throws {
    let authority = try authority()
    for days in [0, -1, 3651, Int.max] {
      #expect(errorText { _ = try authority.issue([subject("node-a")], days: days) }.contains("\(days)"))
    }
    #expect(errorText { _ = try authority.issue([subject("node-a")], days: 3650) } == "")
    for name in ["ca", "crl", "ca-key", "node-a-key"] {
      #expect(errorText { _ = try authority.issue([subject(name)]) }.contains(name))
    }
    #expect(errorText { _ = try authority.issue([subject("node-a", "a,b")]) }.contains("a,b"))
    for cluster in ["", "a/b", "a,URI:x"] {
      #expect(errorText { _ = try DevelopmentAuthority(directory: "x", cluster: cluster) }.contains("cluster"))
    }
    #expect(
      errorText { _ = try DevelopmentAuthority(directory: "x", cluster: "c", trustDomain: "A") }.contains(
        "trust domain"))
    #expect(errorText { _ = try DevelopmentAuthority(directory: "", cluster: "c") }.contains("directory"))
  }

  @Test func errorsNamePaths() throws {
    let authority = try authority()
    #expect(errorText { try authority.revoke([subject("node-a").node]) }.contains(authority.authorityPath))
    _ = try authority.issue([])
    #expect(errorText { try authority.revoke([subject("node-a").node]) }.contains("node-a.pem"))
    unlink(authority.authorityKeyPath)
    let text = errorText { _ = try authority.issue([subject("node-a")]) }
    #expect(text.contains(authority.authorityPath) && text.contains(authority.authorityKeyPath))
    try directory.write([1], "file")
    let blocked = try self.authority("file/pki")
    #expect(errorText { _ = try blocked.issue([]) }.contains("file/pki"))
  }

  @Test func anIdOfTheGreatestLengthGetsACertificate() throws {
    let name = String(repeating: "n", count: NodeID.lengthMax)
    let issued = try authority().issue([subject(name)])[0]
    #expect(issued.identity.hasSuffix("/" + name))
  }
}
