import Glibc
import MeshBasics
import Testing

@testable import MeshSecurity

/// Every hostile seed, and thousands of mutations of each kind, through the decoder: none may trap.
@Suite struct CorpusTests {
  static let mutations = 10_000

  func corpus(_ name: String) throws -> [[UInt8]] {
    let tests = String(#filePath.dropLast("MeshSecurityTests/CorpusTests.swift".count))
    let path = "\(tests)Fixtures/corpus/\(name)"
    let directory = try #require(opendir(path))
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix(".") { names.append(name) }
    }
    #expect(names.count >= 5)
    return try names.sorted().map { try readFile("\(path)/\($0)") }
  }

  func forEachInput(_ name: String, _ body: ([UInt8]) -> Void) throws {
    let seeds = try corpus(name)
    seeds.forEach(body)
    var random = SeededRandom(seed: 20)
    for _ in 0..<CorpusTests.mutations {
      var bytes = seeds[Int(random.below(UInt64(seeds.count)))]
      for _ in 0...random.below(4) where !bytes.isEmpty {
        let place = Int(random.below(UInt64(bytes.count)))
        switch random.below(4) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[place] ^= 1 << UInt8(random.below(8))
        case 2: bytes.remove(at: place)
        default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        }
      }
      body(bytes)
    }
  }

  @Test func certificatesNeverTrapAndAreNeverTrusted() throws {
    OpenSSL.start()
    let decision = try TrustDecision(
      roots: [TestAuthority().certificate], revocation: nil, thumbprints: Thumbprints(reading: []))
    try forEachInput("certificate-chain") { bytes in
      if case .success(let names) = NodeSecurity.claimedNames(inLeaf: bytes) {
        #expect(names.allSatisfy { NodeID($0) != nil } && !names.isEmpty)
      }
      #expect(decision.judge(chain: [bytes, bytes], peerIsClient: true).reason != nil)
    }
  }

  @Test func revocationListsNeverTrap() throws {
    try forEachInput("revocation-list") { bytes in
      if let lists = try? RevocationList(reading: bytes, name: "corpus") { #expect(lists.count > 0) }
    }
  }

  @Test func containersNeverTrap() throws {
    OpenSSL.start()
    try forEachInput("pkcs12") { bytes in
      let secret = bytes.withUnsafeBytes { SecretBytes(copying: $0) }
      guard let bundle = try? CertificateBundle(pkcs12: secret, password: "x", name: "corpus") else { return }
      #expect(!bundle.chain.isEmpty)
    }
  }

  @Test func claimedNamesAreLimitedInSize() throws {
    let room = [UInt8](repeating: 0x30, count: TrustLimits.certificateSizeMax)
    #expect(throws: TrustRefusal.malformed) { try NodeSecurity.claimedNames(inLeaf: room).get() }
    #expect(throws: TrustRefusal.certificateTooLarge) { try NodeSecurity.claimedNames(inLeaf: room + [0]).get() }
  }
}
