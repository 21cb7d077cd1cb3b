import Glibc
import MeshBasics
import Testing

@testable import MeshSecurity

@Suite struct ReloadTests {
  let directory: TemporaryDirectory
  let development: DevelopmentAuthority
  let subject: DevelopmentAuthority.Subject

  init() throws {
    directory = try TemporaryDirectory()
    development = try DevelopmentAuthority(directory: directory.path, cluster: "demo")
    subject = DevelopmentAuthority.Subject(node: try #require(NodeID("node-a")), role: "worker")
    _ = try development.issue([subject])
  }

  var options: SecurityOptions {
    var options = SecurityOptions()
    options.certificatePath = directory.file("node-a.pem")
    options.keyPath = directory.file("node-a-key.pem")
    options.trustBundlePath = directory.file("ca.pem")
    options.revocationListPath = directory.file("crl.pem")
    return options
  }

  func leaf() throws -> [UInt8] {
    let pem = try directory.read("node-a.pem").withUnsafeBytes { SecretBytes(copying: $0) }
    let found = try CertificateBundle.certificates(pem: pem, path: "", role: "")
    return try #require(found.first).der
  }

  @Test func takesOverReplacedFilesAndCountsGenerations() throws {
    let security = try NodeSecurity(options: options)
    let first = security.credential
    #expect(try security.reloadIfChanged() == false)
    _ = try development.issue([subject])
    #expect(try security.reloadIfChanged())
    #expect(security.credential.generation == 2)
    #expect(security.credential.chainPEM != first.chainPEM)
    #expect(try security.reloadIfChanged() == false)
    #expect(first.generation == 1)
  }

  @Test func aMismatchedPairKeepsTheOldGenerationUntilItIsWhole() throws {
    let security = try NodeSecurity(options: options)
    let oldKey = try directory.read("node-a-key.pem")
    _ = try development.issue([subject])
    let newKey = try directory.read("node-a-key.pem")
    try directory.write(oldKey, "node-a-key.pem")
    for _ in 0..<2 { #expect(errorText { _ = try security.reloadIfChanged() }.contains("private key")) }
    #expect(security.credential.generation == 1)
    try directory.write(newKey, "node-a-key.pem")
    #expect(try security.reloadIfChanged())
    #expect(security.credential.generation == 2)
  }

  @Test func garbageOrAbsenceKeepsTheOldGeneration() throws {
    let security = try NodeSecurity(options: options)
    let der = try leaf()
    for name in ["node-a.pem", "node-a-key.pem", "ca.pem", "crl.pem"] {
      let right = try directory.read(name)
      for wrong in [Array("garbage".utf8), [], Array(right.prefix(right.count / 2))] {
        try directory.write(wrong, name)
        #expect(errorText { _ = try security.reloadIfChanged() }.contains(name))
      }
      unlink(directory.file(name))
      #expect(errorText { _ = try security.reloadIfChanged() }.contains(name))
      #expect(security.judge(chain: [der], peerIsClient: true).reason == nil)
      try directory.write(right, name)
      #expect(try security.reloadIfChanged())
    }
  }

  @Test func aRevocationTakesEffectWithTheReload() throws {
    let security = try NodeSecurity(options: options)
    let der = try leaf()
    #expect(security.checksRevocation)
    #expect(security.judge(chain: [der], peerIsClient: true).reason == nil)
    try development.revoke([subject.node])
    #expect(try security.reloadIfChanged())
    #expect(security.judge(chain: [der], peerIsClient: true).reason == "revoked")
  }

  @Test(arguments: ["garbage", "a key that doesn't fit", "nothing", "another node's"])
  func aRevocationDoesNotWaitForTheOwnCertificate(wrong: String) throws {
    let der = try leaf()
    // The authority revokes what lies in its own file.
    var options = options
    (options.certificatePath, options.keyPath) = (directory.file("own.pem"), directory.file("own-key.pem"))
    func own(_ certificate: String, _ key: String) throws {
      try directory.write(directory.read(certificate), "own.pem")
      try directory.write(directory.read(key), "own-key.pem")
    }
    try own("node-a.pem", "node-a-key.pem")
    let security = try NodeSecurity(options: options)
    try security.bind(to: subject.node, cluster: "demo")
    _ = try development.issue([DevelopmentAuthority.Subject(node: try #require(NodeID("node-b")), role: "worker")])
    switch wrong {
    case "garbage": try directory.write(Array("garbage".utf8), "own.pem")
    case "nothing": unlink(directory.file("own-key.pem"))
    case "a key that doesn't fit": try own("node-a.pem", "node-b-key.pem")
    default: try own("node-b.pem", "node-b-key.pem")
    }
    let problem = errorText { _ = try security.reloadIfChanged() }
    #expect(problem.contains("own") || problem.contains("node-b"), "\(problem)")
    let before = security.generation
    try development.revoke([subject.node])
    #expect(errorText { _ = try security.reloadIfChanged() } == problem, "what is wrong is told again")
    #expect(security.generation == before + 1 && security.credential.generation == 1)
    #expect(security.judge(chain: [der], peerIsClient: true).reason == "revoked")
    #expect(security.credential.identity.nodeNames == ["node-a"])
  }

  @Test func theOwnCertificateDoesNotWaitForTheTrustInOthersNorRootsAndListsForEachOther() throws {
    let security = try NodeSecurity(options: options)
    let der = try leaf()
    try directory.write(Array("garbage".utf8), "crl.pem")
    _ = try development.issue([subject])
    #expect(errorText { _ = try security.reloadIfChanged() }.contains("crl.pem"))
    #expect(security.credential.generation == 2 && security.generation == 2)
    #expect(security.judge(chain: [der], peerIsClient: true).reason == nil, "by the list of before")
    let roots = try directory.read("ca.pem")
    try directory.write(Array("garbage".utf8), "ca.pem")
    #expect(errorText { _ = try security.reloadIfChanged() }.contains("; "), "both are told")
    try directory.write(roots, "ca.pem")
  }

  @Test func aCertificateOfAnotherNodeIsNotTakenOver() throws {
    let security = try NodeSecurity(options: options)
    try security.bind(to: subject.node, cluster: "demo")
    let other = try #require(NodeID("node-b"))
    _ = try development.issue([DevelopmentAuthority.Subject(node: other, role: "worker")])
    try directory.write(directory.read("node-b.pem"), "node-a.pem")
    try directory.write(directory.read("node-b-key.pem"), "node-a-key.pem")
    #expect(errorText { _ = try security.reloadIfChanged() }.contains("node-b"))
    #expect(security.credential.identity.nodeNames == ["node-a"])
  }

  @Test func fourThreadsJudgeWhileFilesAreReplaced() throws {
    let security = try NodeSecurity(options: options)
    let der = try leaf()
    let (development, subject) = (development, subject)
    onThreads(5) { index in
      for _ in 0..<60 {
        if index == 0 {
          _ = try? development.issue([subject])
          // A reload between two of the renames may be refused; the next one mends it.
          _ = try? security.reloadIfChanged()
        } else {
          #expect(security.judge(chain: [der], peerIsClient: index == 1).reason == nil)
          #expect(!security.credential.keyPEM.isEmpty)
        }
      }
    }
    #expect(security.credential.generation == 61)
  }
}
