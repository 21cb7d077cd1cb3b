import COpenSSL
import Glibc
import MeshBasics
import Testing

@testable import MeshSecurity

@Suite struct LoadingTests {
  let directory: TemporaryDirectory
  let authority: TestAuthority
  let password = "correct horse"

  init() throws {
    OpenSSL.start()
    directory = try TemporaryDirectory()
    authority = try TestAuthority()
    try directory.write(Certificate.pem([authority.certificate]) ?? [], "ca.pem")
  }

  /// Options that name the files of a node, written from `leaf`.
  func options(_ leaf: Leaf) throws -> SecurityOptions {
    var options = SecurityOptions()
    options.certificatePath = try directory.write(leaf.pem, "node.pem")
    options.keyPath = try directory.write(leaf.keyPEM, "node-key.pem")
    options.trustBundlePath = directory.file("ca.pem")
    return options
  }

  func refusal(_ options: SecurityOptions) -> String { errorText { _ = try NodeSecurity(options: options) } }

  // MARK: PEM

  @Test func loadsPEMWithTheKeyBeside() throws {
    let leaf = try authority.leaf()
    let security = try NodeSecurity(options: options(leaf))
    #expect(security.credential.generation == 1)
    #expect(security.credential.identity.nodeNames == ["node-a"])
    #expect(security.credential.chainPEM == leaf.pem)
    #expect(security.credential.keyPEM == leaf.keyPEM)
    #expect(security.credential.withKeyPEM { Array($0) } == leaf.keyPEM)
    #expect(security.credential.notAfter == leaf.certificate.notAfter.seconds)
    #expect(!security.checksRevocation)
    #expect(security.judge(chain: [leaf.der], peerIsClient: true).reason == nil)
  }

  @Test func loadsPEMWithTheKeyInIt() throws {
    let leaf = try authority.leaf()
    for bytes in [leaf.pem + leaf.keyPEM, leaf.keyPEM + leaf.pem] {
      var options = try options(leaf)
      options.keyPath = nil
      options.certificatePath = try directory.write(bytes, "both.pem")
      #expect(try NodeSecurity(options: options).credential.keyPEM == leaf.keyPEM)
    }
  }

  @Test func sendsIntermediatesInOrderAndNeverTheRoot() throws {
    let middle = try TestAuthority("Middle", issuer: authority)
    let lower = try TestAuthority("Lower", issuer: middle)
    let leaf = try lower.leaf()
    var options = try options(leaf)
    let all = [leaf.certificate, authority.certificate, middle.certificate, lower.certificate]
    options.certificatePath = try directory.write(Certificate.pem(all) ?? [], "chain.pem")
    let expected = Certificate.pem([leaf.certificate, lower.certificate, middle.certificate])
    #expect(try NodeSecurity(options: options).credential.chainPEM == expected)
    options.trustBundlePath = nil
    let security = try NodeSecurity(options: options)
    let chain = [leaf.der, lower.certificate.der, middle.certificate.der]
    #expect(security.judge(chain: chain, peerIsClient: false).reason == nil)
  }

  @Test func namesEveryMissingOrEmptyFile() throws {
    let right = try options(authority.leaf())
    let empty = try directory.write([], "empty")
    let wrong: [(WritableKeyPath<SecurityOptions, String?>, String)] = [
      (\.keyPath, "key"), (\.trustBundlePath, "trust bundle"), (\.revocationListPath, "revocation list"),
    ]
    for (field, role) in wrong {
      for path in ["/nonexistent/file", empty, directory.path] {
        var options = right
        options[keyPath: field] = path
        let text = refusal(options)
        #expect(text.contains(path) && text.contains(role), "\(text)")
      }
    }
    for path in ["/nonexistent/file", empty, directory.path] {
      var options = right
      options.certificatePath = path
      #expect(refusal(options).contains(path))
    }
    #expect(refusal(SecurityOptions()).contains("certificatePath"))
  }

  @Test func refusesAFileLargerThanItsLimitAndReadsOneOfThatSize() throws {
    let leaf = try authority.leaf()
    var options = try options(leaf)
    let room = FileLimits.certificateFileMax - leaf.pem.count
    let padded = leaf.pem + [UInt8](repeating: UInt8(ascii: "\n"), count: room)
    options.certificatePath = try directory.write(padded, "node.pem")
    #expect(refusal(options) == "")
    try directory.write(padded + [UInt8(ascii: "\n")], "node.pem")
    #expect(refusal(options).contains("larger than"))
  }

  @Test func refusesAKeyOfAnotherCertificate() throws {
    var options = try options(authority.leaf())
    options.keyPath = try directory.write(authority.leaf().keyPEM, "other-key.pem")
    #expect(refusal(options).contains("doesn't belong to the private key in"))
  }

  @Test func refusesAnOwnCertificateThatNoPeerWouldTake() throws {
    let expired = try refusal(options(authority.leaf(from: -7200, to: -3600)))
    #expect(expired.contains("CN=leaf") && expired.contains("expired at 20") && expired.contains("node.pem"))
    #expect(try refusal(options(authority.leaf(from: 3600))).contains("isn't valid before 20"))
    #expect(try refusal(options(authority.leaf(purposes: "serverAuth"))).contains("TLS client and TLS server"))
    #expect(try refusal(options(authority.leaf(names: nil))).contains("names no node"))
    #expect(try refusal(options(authority.leaf(purposes: nil))) == "")
  }

  /// Such a node would open, and then neither trust anybody nor say why before the first peer calls.
  @Test func refusesATrustBundleThatNoChainCanEndIn() throws {
    let middle = try TestAuthority("Middle", issuer: authority)
    let leaf = try middle.leaf()
    var options = try options(leaf)
    options.trustBundlePath = try directory.write(leaf.pem + (Certificate.pem([middle.certificate]) ?? []), "few.pem")
    let text = refusal(options)
    #expect(text.contains("few.pem holds no self-signed root") && text.contains("CN=leaf"))
  }

  @Test func tellsOfAPrivateKeyThatEveryUserMayReadOrWrite() throws {
    let options = try options(authority.leaf())
    #expect(try NodeSecurity(options: options).notices == [])
    for mode: mode_t in [0o644, 0o602] {
      chmod(directory.file("node-key.pem"), mode)
      let notices = try NodeSecurity(options: options).notices
      #expect(notices.count == 1 && notices[0].contains("node-key.pem"))
    }
    chmod(directory.file("node-key.pem"), 0o640)
    chmod(directory.file("node.pem"), 0o644)
    #expect(try NodeSecurity(options: options).notices == [])
  }

  @Test func refusesDamagedPEM() throws {
    let leaf = try authority.leaf()
    for bytes in [Array(leaf.pem.dropLast(30)), Array("hello".utf8), leaf.pem + Array(leaf.pem.dropLast(30))] {
      var options = try options(leaf)
      options.certificatePath = try directory.write(bytes, "damaged.pem")
      #expect(refusal(options).contains("damaged.pem"))
      options = try self.options(leaf)
      options.trustBundlePath = try directory.write(bytes, "damaged.pem")
      #expect(refusal(options).contains("damaged.pem"))
    }
    var options = try options(leaf)
    options.keyPath = try directory.write(leaf.pem, "no-key.pem")
    #expect(refusal(options).contains("no-key.pem holds no readable private key"))
  }

  // MARK: binding

  @Test func bindsOnlyToTheNodeInItsCertificate() throws {
    let security = try NodeSecurity(options: options(authority.leaf()))
    let node = try #require(NodeID("node-a"))
    let other = try #require(NodeID("node-b"))
    #expect(errorText { try security.bind(to: node, cluster: "demo") } == "")
    let text = errorText { try security.bind(to: other, cluster: "demo") }
    #expect(text.contains("node-b") && text.contains("node-a") && text.contains("demo"))
    #expect(errorText { try security.bind(to: node, cluster: "prod") }.contains("prod"))
  }

  // MARK: secrets

  @Test func descriptionsHoldNoSecrets() throws {
    var options = try options(authority.leaf())
    options.certificatePassword = password
    options.certificateData = "c2VjcmV0"
    var dumped = ""
    dump(options, to: &dumped)
    for text in ["\(options)", String(reflecting: options), dumped, "\(Optional(options) as Any)"] {
      #expect(!text.contains(password) && !text.contains("c2VjcmV0"))
    }
    options.certificateData = nil
    let security = try NodeSecurity(options: options)
    dumped = ""
    dump(security, to: &dumped)
    dump(security.credential, to: &dumped)
    #expect(!dumped.contains("PRIVATE KEY") && !dumped.contains(password))
  }
}
