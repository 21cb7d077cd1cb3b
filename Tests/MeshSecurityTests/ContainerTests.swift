import COpenSSL
import Glibc
import Testing

@testable import MeshSecurity

/// PKCS#12 and encrypted keys, the files made by the `openssl` program, so that they aren't ours.
@Suite struct ContainerTests {
  let directory: TemporaryDirectory
  let authority: TestAuthority
  let leaf: Leaf
  let password = "correct horse"

  init() throws {
    OpenSSL.start()
    directory = try TemporaryDirectory()
    authority = try TestAuthority()
    leaf = try authority.leaf()
    try directory.write(Certificate.pem([authority.certificate]) ?? [], "ca.pem")
    try directory.write(leaf.pem, "node.pem")
    try directory.write(leaf.keyPEM, "node-key.pem")
  }

  func refusal(_ options: SecurityOptions) -> String { errorText { _ = try NodeSecurity(options: options) } }

  /// The path of a PKCS#12 that `openssl pkcs12 -export` makes with these further arguments.
  func export(_ name: String, _ arguments: [String]) throws -> String {
    let words = ["openssl", "pkcs12", "-export", "-out", directory.file(name)]
    let status = run(
      words + ["-in", directory.file("node.pem"), "-inkey", directory.file("node-key.pem")] + arguments)
    #expect(status == 0)
    return directory.file(name)
  }

  func options(_ path: String, _ password: String?) -> SecurityOptions {
    var options = SecurityOptions()
    options.certificatePath = path
    options.certificatePassword = password
    return options
  }

  @Test func loadsAContainerWithItsAuthority() throws {
    let path = try export("a.pfx", ["-passout", "pass:\(password)", "-certfile", directory.file("ca.pem")])
    let security = try NodeSecurity(options: options(path, password))
    #expect(security.credential.keyPEM == leaf.keyPEM)
    #expect(security.credential.chainPEM == leaf.pem)
    #expect(security.judge(chain: [leaf.der], peerIsClient: true).reason == nil)
  }

  @Test func loadsAContainerFromInlineBase64() throws {
    let path = try export("a.pfx", ["-passout", "pass:\(password)", "-certfile", directory.file("ca.pem")])
    let encoded = directory.file("a.b64")
    #expect(run(["openssl", "base64", "-in", path, "-out", encoded]) == 0)
    var options = options("/nonexistent", password)
    options.certificateData = String(decoding: try readFile(encoded), as: UTF8.self)
    let security = try NodeSecurity(options: options)
    #expect(security.credential.identity.nodeNames == ["node-a"])
    #expect(try security.reloadIfChanged() == false)
    for data in ["*", "abc", "AAAA", "MAAA", String(repeating: "A", count: FileLimits.certificateFileMax + 1)] {
      options.certificateData = data
      #expect(refusal(options).contains("certificateData"))
    }
  }

  @Test func loadsAContainerWithoutPassword() throws {
    let path = try export("a.pfx", ["-passout", "pass:", "-certfile", directory.file("ca.pem")])
    #expect(refusal(options(path, nil)) == "")
    #expect(refusal(options(path, "")) == "")
    #expect(refusal(options(path, "wrong")).contains("can't be opened"))
  }

  @Test func loadsAnOlderContainerWithTripleDES() throws {
    let path = try export(
      "a.pfx",
      [
        "-passout", "pass:x", "-certfile", directory.file("ca.pem"), "-certpbe", "PBE-SHA1-3DES", "-keypbe",
        "PBE-SHA1-3DES", "-macalg", "sha1",
      ])
    #expect(refusal(options(path, "x")) == "")
  }

  @Test func saysWhyAContainerWithRC2CannotBeRead() throws {
    let path = try export("a.pfx", ["-legacy", "-passout", "pass:x", "-certfile", directory.file("ca.pem")])
    let text = refusal(options(path, "x"))
    #expect(text.contains(path) && text.contains("RC2"), "\(text)")
  }

  @Test func aWrongOrMissingPasswordIsAnErrorThatDoesNotTellIt() throws {
    let path = try export("a.pfx", ["-passout", "pass:\(password)", "-certfile", directory.file("ca.pem")])
    let wrong = refusal(options(path, "hunter2"))
    #expect(wrong.contains(path) && wrong.contains("certificatePassword") && !wrong.contains("hunter2"))
    #expect(refusal(options(path, nil)).contains("no certificatePassword is configured"))
  }

  @Test func refusesAContainerWithoutRootsKeyOrIntegrityCheck() throws {
    let rootless = try export("a.pfx", ["-passout", "pass:x"])
    #expect(refusal(options(rootless, "x")).contains("trustBundlePath"))
    let keyless = try export("b.pfx", ["-passout", "pass:x", "-nokeys"])
    #expect(refusal(options(keyless, "x")).contains("holds no private key"))
    let unchecked = try export("c.pfx", ["-passout", "pass:x", "-nomac"])
    #expect(refusal(options(unchecked, "x")).contains("no integrity check"))
  }

  @Test func limitsTheRoundsOfTheIntegrityCheck() throws {
    let path = try export(
      "a.pfx",
      [
        "-passout", "pass:x", "-iter", "\(FileLimits.passwordRoundsMax + 1)", "-certfile", directory.file("ca.pem"),
        "-certpbe", "NONE", "-keypbe", "NONE",
      ])
    #expect(refusal(options(path, "x")).contains("rounds"))
  }

  @Test func refusesDamagedContainers() throws {
    let path = try export("a.pfx", ["-passout", "pass:x", "-certfile", directory.file("ca.pem")])
    let bytes = try readFile(path)
    for damaged in [Array(bytes.dropLast(10)), Array(bytes.prefix(1)), [0x30, 0x00]] {
      #expect(refusal(options(try directory.write(damaged, "b.pfx"), "x")).contains("b.pfx"))
    }
    var flipped = bytes
    flipped[bytes.count / 2] ^= 1
    #expect(refusal(options(try directory.write(flipped, "b.pfx"), "x")).contains("b.pfx"))
  }

  @Test func readsEncryptedKeysOfBothKindsAndNeverPrompts() throws {
    let forms = [
      ["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:\(password)"],
      ["openssl", "ec", "-aes128", "-passout", "pass:\(password)"],
    ]
    for form in forms {
      let path = directory.file("secret-key.pem")
      #expect(run(form + ["-in", directory.file("node-key.pem"), "-out", path]) == 0)
      var options = options(directory.file("node.pem"), password)
      options.keyPath = path
      options.trustBundlePath = directory.file("ca.pem")
      #expect(refusal(options) == "")
      options.certificatePassword = "hunter2"
      #expect(refusal(options).contains(path) && !refusal(options).contains("hunter2"))
      options.certificatePassword = String(repeating: "x", count: 100_000)
      #expect(refusal(options).contains(path))
      options.certificatePassword = nil
      #expect(refusal(options).contains("no certificatePassword is configured"))
    }
  }
}
