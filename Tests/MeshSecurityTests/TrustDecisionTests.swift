import COpenSSL
import MeshBasics
import Testing

@testable import MeshSecurity

@Suite struct TrustDecisionTests {
  let authority: TestAuthority

  init() throws {
    OpenSSL.start()
    authority = try TestAuthority()
  }

  func reason(
    _ leaf: Leaf, lists: [UInt8]? = nil, pins: [String] = [], peerIsClient: Bool = true
  ) throws -> String? {
    try TestAuthority.judge([leaf.der], trusting: [authority], lists: lists, pins: pins, peerIsClient: peerIsClient)
      .reason
  }

  // MARK: accepted

  @Test func acceptsAGoodLeafOnBothSidesAndReadsItsSPIFFEID() throws {
    let leaf = try authority.leaf()
    for side in [true, false] {
      let identity = try TestAuthority.judge([leaf.der], trusting: [authority], peerIsClient: side).get()
      #expect(identity.nodeNames == ["node-a"])
      #expect(identity.clusterID == "demo")
      #expect(identity.keyFingerprint == leaf.certificate.keyFingerprint)
      #expect(identity.keyFingerprint.count == 64)
    }
  }

  @Test func acceptsALeafWithoutExtendedKeyUsage() throws {
    #expect(try reason(authority.leaf(purposes: nil)) == nil)
  }

  @Test func readsDNSNamesWhenThereIsNoURI() throws {
    let leaf = try authority.leaf(names: "DNS:node-a,DNS:*.mesh,DNS:node-b,IP:10.0.0.1")
    let identity = try TestAuthority.judge([leaf.der], trusting: [authority]).get()
    #expect(identity.nodeNames == ["node-a", "node-b"])
    #expect(identity.clusterID == nil)
  }

  @Test func aURIOutweighsDNSNames() throws {
    let leaf = try authority.leaf(names: "DNS:node-z,URI:\(TestAuthority.identity)")
    #expect(try TestAuthority.judge([leaf.der], trusting: [authority]).get().nodeNames == ["node-a"])
  }

  @Test func acceptsAnIntermediateThatThePeerSends() throws {
    let middle = try TestAuthority("Middle", issuer: authority)
    let leaf = try middle.leaf()
    let judged = try TestAuthority.judge([leaf.der, middle.certificate.der], trusting: [authority])
    #expect(judged.reason == nil)
    let alone = try TestAuthority.judge([leaf.der], trusting: [authority])
    #expect(alone.reason == "untrusted-issuer")
  }

  @Test func acceptsLeavesOfEachOfSeveralRoots() throws {
    let other = try TestAuthority("Other CA")
    for root in [authority, other] {
      #expect(try TestAuthority.judge([root.leaf().der], trusting: [authority, other]).reason == nil)
    }
  }

  // MARK: refused

  @Test func refusesAnEmptyChain() throws {
    #expect(try TestAuthority.judge([], trusting: [authority]).reason == "no-certificate")
  }

  @Test func refusesAnExpiredLeaf() throws {
    #expect(try reason(authority.leaf(from: -7200, to: -3600)) == "expired")
  }

  @Test func refusesALeafFromTheFuture() throws {
    #expect(try reason(authority.leaf(from: 3600)) == "not-yet-valid")
  }

  @Test func refusesASelfSignedLeaf() throws {
    #expect(try reason(authority.leaf(selfSigned: true)) == "self-signed")
  }

  @Test func refusesALeafOfAnotherAuthority() throws {
    let other = try TestAuthority("Other CA")
    #expect(try reason(other.leaf()) == "untrusted-issuer")
    let withRoot = try TestAuthority.judge([other.leaf().der, other.certificate.der], trusting: [authority])
    #expect(withRoot.reason == "untrusted-issuer")
  }

  @Test func refusesAnAuthorityThatOnlyBorrowsTheName() throws {
    let impostor = try TestAuthority()
    #expect(try reason(impostor.leaf()) == "bad-signature")
  }

  @Test func refusesALeafThatPlaysAuthority() throws {
    let leaf = try authority.leaf()
    let child = try #require(
      CertificateBuilder(commonName: "child", notBefore: 0, notAfter: 4_000_000_000)
        .signed(for: TestAuthority.key(), by: .init(certificate: leaf.certificate, key: leaf.key)))
    let judged = try TestAuthority.judge([child.der, leaf.der], trusting: [authority])
    #expect(judged.reason == "invalid-chain" || judged.reason == "untrusted-issuer")
  }

  /// OpenSSL takes such certificates as roots, and did once as intermediates: by the key usage alone, or by Netscape's.
  @Test func refusesAnIntermediateThatDoesNotSayThatItIsAnAuthority() throws {
    for extensions: [TestAuthority.Extension] in [
      [(NID_key_usage, "critical,keyCertSign")], [(NID_netscape_cert_type, "sslCA,objCA")], [],
    ] {
      let middle = try TestAuthority("Middle", issuer: authority, extensions: extensions)
      let judged = try TestAuthority.judge([middle.leaf().der, middle.certificate.der], trusting: [authority])
      #expect(judged.reason == "invalid-chain")
    }
  }

  @Test func aTrustedLeafIssuesNothing() throws {
    let leaf = try authority.leaf(selfSigned: true)
    let trusted = TestAuthority(certificate: leaf.certificate, key: leaf.key)
    #expect(try TestAuthority.judge([leaf.der], trusting: [trusted]).reason == nil)
    #expect(try TestAuthority.judge([trusted.leaf().der], trusting: [trusted]).reason != nil)
  }

  @Test func refusesTheWrongPurposeOnEachSide() throws {
    let server = try authority.leaf(purposes: "serverAuth")
    let client = try authority.leaf(purposes: "clientAuth")
    #expect(try reason(server, peerIsClient: true) == "wrong-purpose")
    #expect(try reason(server, peerIsClient: false) == nil)
    #expect(try reason(client, peerIsClient: false) == "wrong-purpose")
    #expect(try reason(client, peerIsClient: true) == nil)
    #expect(try reason(authority.leaf(purposes: "emailProtection")) == "wrong-purpose")
  }

  @Test func refusesWeakKeysAndSignatures() throws {
    #expect(try reason(authority.leaf(key: TestAuthority.rsa(bits: 1024))) == "weak-key")
    #expect(try reason(authority.leaf(key: TestAuthority.rsa(bits: 2048))) == nil)
    #expect(try reason(authority.leaf(digest: EVP_sha1())) == "weak-signature")
    // There is no ECDSA with MD5.
    let old = try TestAuthority("RSA CA", key: TestAuthority.rsa(bits: 2048))
    let judged = try TestAuthority.judge([old.leaf(digest: EVP_md5()).der], trusting: [old])
    #expect(judged.reason == "weak-signature")
  }

  @Test func refusesChangedSignatureBytes() throws {
    var der = try authority.leaf().der
    der[der.count - 1] ^= 1
    #expect(try TestAuthority.judge([der], trusting: [authority]).reason == "bad-signature")
  }

  @Test func refusesGarbageAndTrailingBytes() throws {
    let leaf = try authority.leaf()
    for der in [[], [0x30], [UInt8](repeating: 0xff, count: 100), Array(leaf.der.dropLast()), leaf.der + [0]] {
      #expect(try TestAuthority.judge([der], trusting: [authority]).reason == "malformed")
      #expect(try TestAuthority.judge([leaf.der, der], trusting: [authority]).reason == "malformed")
    }
  }

  @Test func refusesNamesOutsideAnIssuersConstraints() throws {
    let middle = try TestAuthority(
      "Middle", issuer: authority,
      extensions: [
        (NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign"),
        (NID_name_constraints, "critical,permitted;DNS:node-b"),
      ])
    let judged = try TestAuthority.judge(
      [middle.leaf(names: "DNS:node-a").der, middle.certificate.der], trusting: [authority])
    #expect(judged.reason == "name-not-permitted")
  }

  // MARK: limits

  @Test func limitsTheLengthOfTheChain() throws {
    let leaf = try authority.leaf()
    func chain(_ count: Int) -> [[UInt8]] { [leaf.der] + Array(repeating: authority.certificate.der, count: count - 1) }
    #expect(try TestAuthority.judge(chain(TrustLimits.chainLengthMax), trusting: [authority]).reason == nil)
    let longer = try TestAuthority.judge(chain(TrustLimits.chainLengthMax + 1), trusting: [authority])
    #expect(longer.reason == "chain-too-long")
  }

  @Test func acceptsTheLongestChainOfRealIntermediates() throws {
    var issuers = [authority]
    for number in 1..<TrustLimits.chainLengthMax {
      issuers.append(try TestAuthority("CA \(number)", issuer: issuers[issuers.count - 1]))
    }
    let leaf = try issuers[issuers.count - 1].leaf()
    let chain = [leaf.der] + issuers.dropFirst().reversed().map(\.certificate.der)
    #expect(chain.count == TrustLimits.chainLengthMax)
    #expect(try TestAuthority.judge(chain, trusting: [authority]).reason == nil)
  }

  @Test func refusesAChainLongerThanAnIssuerAllows() throws {
    let root = try TestAuthority(
      "Short CA", extensions: [(NID_basic_constraints, "critical,CA:TRUE,pathlen:0"), (NID_key_usage, "keyCertSign")])
    let middle = try TestAuthority("Middle", issuer: root)
    let judged = try TestAuthority.judge([middle.leaf().der, middle.certificate.der], trusting: [root])
    #expect(judged.reason == "chain-too-long")
  }

  @Test func limitsTheSizeOfACertificate() throws {
    let room = TrustLimits.certificateSizeMax
    let plain = try authority.leaf(key: TestAuthority.key(), extra: [comment(room - 1024)])
    var length = room - 1024 + (room - plain.der.count)
    // ECDSA signatures differ by a byte or two in length, so the exact size takes a few tries.
    var exact: Leaf?
    for _ in 0..<200 where exact == nil {
      let leaf = try authority.leaf(key: plain.key, extra: [comment(length)])
      if leaf.der.count == room { exact = leaf } else { length += room - leaf.der.count }
    }
    let largest = try #require(exact)
    #expect(try reason(largest) == nil)
    #expect(try TestAuthority.judge([largest.der + [0]], trusting: [authority]).reason == "certificate-too-large")
  }

  private func comment(_ length: Int) -> TestAuthority.Extension {
    (NID_netscape_comment, String(repeating: "x", count: length))
  }

  // MARK: pins

  @Test func pinsRestrictAValidChain() throws {
    let leaf = try authority.leaf()
    let other = try authority.leaf()
    let sha256 = hexadecimal(sha256: leaf.der)
    let sha1 = hexadecimal(sha1: leaf.der)
    for pins in [
      [sha256], [sha256.uppercased()], [sha1], [colons(sha1.uppercased())], [hexadecimal(sha1: [1]), sha256],
    ] {
      #expect(try reason(leaf, pins: pins) == nil)
      #expect(try reason(other, pins: pins) == "not-pinned")
    }
  }

  @Test func aPinDoesNotReplaceTheChain() throws {
    let leaf = try TestAuthority("Other CA").leaf()
    #expect(try reason(leaf, pins: [hexadecimal(sha256: leaf.der)]) == "untrusted-issuer")
  }

  @Test func refusesThumbprintsOfAnImpossibleForm() {
    for text in ["", "abc", String(repeating: "g", count: 40), String(repeating: "a", count: 42), "🔑"] {
      #expect(errorText { _ = try Thumbprints(reading: [text]) }.contains("allowedThumbprints"))
    }
  }

  private func colons(_ text: String) -> String {
    stride(from: 0, to: text.count, by: 2).map { String(text.dropFirst($0).prefix(2)) }.joined(separator: ":")
  }
}
