import COpenSSL
import Testing

@testable import MeshSecurity

@Suite struct RevocationTests {
  let authority: TestAuthority

  init() throws {
    OpenSSL.start()
    authority = try TestAuthority()
  }

  func reason(_ chain: [[UInt8]], _ lists: [UInt8]) throws -> String? {
    try TestAuthority.judge(chain, trusting: [authority], lists: lists).reason
  }

  @Test func refusesOnlyTheRevoked() throws {
    let good = try authority.leaf()
    let bad = try authority.leaf()
    let list = try authority.list(revoking: [bad.certificate])
    #expect(try reason([good.der], list) == nil)
    #expect(try reason([bad.der], list) == "revoked")
  }

  @Test func refusesWhenTheListHasExpiredOrIsNotYetValid() throws {
    let leaf = try authority.leaf()
    #expect(try reason([leaf.der], authority.list(from: -7200, to: -3600)) == "revocation-unknown")
    #expect(try reason([leaf.der], authority.list(from: 3600)) == "revocation-unknown")
  }

  @Test func refusesWhenThereIsNoListOfTheIssuer() throws {
    let other = try TestAuthority("Other CA")
    #expect(try reason([authority.leaf().der], other.list()) == "revocation-unknown")
  }

  @Test func refusesAListThatSomeoneElseSigned() throws {
    let impostor = try TestAuthority()
    #expect(try reason([authority.leaf().der], impostor.list()) == "revocation-unknown")
  }

  @Test func readsSeveralListsInOnePEM() throws {
    let other = try TestAuthority("Other CA")
    let bad = try other.leaf()
    let lists = try RevocationList(reading: authority.list() + other.list(revoking: [bad.certificate]), name: "test")
    #expect(lists.count == 2)
    let both = try authority.list() + other.list(revoking: [bad.certificate])
    #expect(try TestAuthority.judge([bad.der], trusting: [authority, other], lists: both).reason == "revoked")
    #expect(try TestAuthority.judge([authority.leaf().der], trusting: [authority, other], lists: both).reason == nil)
  }

  @Test func refusesARevokedIntermediate() throws {
    let middle = try TestAuthority("Middle", issuer: authority)
    let lists = try authority.list(revoking: [middle.certificate]) + middle.list()
    #expect(try reason([middle.leaf().der, middle.certificate.der], lists) == "revoked")
  }

  /// (r, s) and (r, n - s) are both valid ECDSA signatures, so anyone can give a certificate a second fingerprint.
  @Test func aRewrittenSignatureDoesNotEscapeRevocation() throws {
    let bad = try authority.leaf()
    let twin = try rewritten(bad)
    #expect(twin != bad.der)
    #expect(try reason([twin], authority.list()) == nil)
    #expect(try reason([twin], authority.list(revoking: [bad.certificate])) == "revoked")
    let pins = [hexadecimal(sha256: bad.der)]
    #expect(try TestAuthority.judge([twin], trusting: [authority], pins: pins).reason == "not-pinned")
  }

  /// `leaf` with s replaced by n - s in its signature.
  private func rewritten(_ leaf: Leaf) throws -> [UInt8] {
    var signature: UnsafePointer<ASN1_BIT_STRING>?
    X509_get0_signature(&signature, nil, leaf.certificate.pointer)
    let bits = UnsafeMutablePointer(mutating: try #require(signature))
    var cursor: UnsafePointer<UInt8>? = UnsafePointer(bits.pointee.data)
    let pair = try #require(d2i_ECDSA_SIG(nil, &cursor, Int(bits.pointee.length)))
    defer { ECDSA_SIG_free(pair) }
    let group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)
    defer { EC_GROUP_free(group) }
    let s = BN_new()
    BN_sub(s, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(pair))
    ECDSA_SIG_set0(pair, BN_dup(ECDSA_SIG_get0_r(pair)), s)
    var encoded: UnsafeMutablePointer<UInt8>?
    let count = i2d_ECDSA_SIG(pair, &encoded)
    defer { CRYPTO_free(encoded, #file, #line) }
    let copy = Certificate(owning: try #require(X509_dup(leaf.certificate.pointer)))
    X509_get0_signature(&signature, nil, copy.pointer)
    ASN1_STRING_set(UnsafeMutablePointer(mutating: signature), encoded, count)
    return copy.der
  }

  @Test func refusesUnreadableLists() throws {
    let list = try authority.list()
    for bytes in [[], [0x30, 0x03], Array("hello".utf8), Array(list.dropLast(40)), list + Array(list.dropLast(40))] {
      #expect(errorText { _ = try RevocationList(reading: bytes, name: "/x/crl.pem") }.contains("/x/crl.pem"))
    }
  }
}
