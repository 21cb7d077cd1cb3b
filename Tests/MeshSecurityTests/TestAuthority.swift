import COpenSSL
import Glibc
import MeshBasics

@testable import MeshSecurity

/// Makes certificates that are wrong in one chosen way.
struct TestAuthority {
  typealias Extension = (nid: Int32, value: String)
  static let identity = "spiffe://omnirelay.mesh/mesh/demo/worker/node-a"
  static let day: Int64 = 86_400

  let certificate: Certificate
  let key: PrivateKey
  var issuer: CertificateBuilder.Issuer { CertificateBuilder.Issuer(certificate: certificate, key: key) }

  init(_ name: String = "Test CA", issuer: TestAuthority? = nil, extensions: [Extension]? = nil, key: PrivateKey? = nil)
    throws
  {
    let now = Int64(time(nil))
    var builder = CertificateBuilder(
      commonName: name, notBefore: now - 2 * TestAuthority.day, notAfter: now + 30 * TestAuthority.day)
    builder.extensions =
      extensions ?? [
        (NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
        (NID_subject_key_identifier, "hash"),
      ]
    self.key = try key ?? TestAuthority.key()
    certificate = try unwrap(builder.signed(for: self.key, by: issuer?.issuer))
  }

  init(certificate: Certificate, key: PrivateKey) {
    self.certificate = certificate
    self.key = key
  }

  static func key() throws -> PrivateKey { try unwrap(PrivateKey.makeP256()) }

  static func rsa(bits: Int32) throws -> PrivateKey {
    try unwrap(PrivateKey.make(EVP_PKEY_RSA) { EVP_PKEY_CTX_set_rsa_keygen_bits($0, bits) })
  }

  /// A leaf that is right except for what is given.
  func leaf(
    names: String? = "URI:\(identity)", purposes: String? = "serverAuth,clientAuth", from: Int64 = -3600,
    to: Int64 = day, key: PrivateKey? = nil, digest: OpaquePointer? = EVP_sha256(), extra: [Extension] = [],
    selfSigned: Bool = false
  ) throws -> Leaf {
    let now = Int64(time(nil))
    var builder = CertificateBuilder(commonName: "leaf", notBefore: now + from, notAfter: now + to)
    builder.extensions = [(NID_key_usage, "critical,digitalSignature")]
    if let purposes { builder.extensions.append((NID_ext_key_usage, purposes)) }
    if let names { builder.extensions.append((NID_subject_alt_name, names)) }
    builder.extensions += extra
    builder.digest = digest
    let key = try key ?? TestAuthority.key()
    let made = builder.signed(for: key, by: selfSigned ? nil : issuer)
    return Leaf(certificate: try unwrap(made), key: key)
  }

  /// A revocation list as PEM.
  func list(revoking: [Certificate] = [], from: Int64 = -3600, to: Int64 = day) throws -> [UInt8] {
    let now = Int64(time(nil))
    let builder = RevocationListBuilder(thisUpdate: now + from, nextUpdate: now + to, revoked: revoking)
    return try unwrap(builder.signed(by: issuer)).withBytes { Array($0) }
  }

  /// What a node that trusts these authorities thinks of `chain`.
  static func judge(
    _ chain: [[UInt8]], trusting authorities: [TestAuthority], lists: [UInt8]? = nil, pins: [String] = [],
    peerIsClient: Bool = true, names: NamesRule = .nodes
  ) throws -> Result<PeerIdentity, TrustRefusal> {
    let decision = try TrustDecision(
      roots: authorities.map(\.certificate),
      revocation: try lists.map { try RevocationList(reading: $0, name: "test") },
      thumbprints: try Thumbprints(reading: pins))
    return decision.judge(chain: chain, peerIsClient: peerIsClient, names: names)
  }
}

/// A certificate and its key.
struct Leaf {
  let certificate: Certificate
  let key: PrivateKey
  var der: [UInt8] { certificate.der }
  var pem: [UInt8] { Certificate.pem([certificate]) ?? [] }
  var keyPEM: [UInt8] { key.pem?.withBytes { Array($0) } ?? [] }
}

extension Certificate {
  var der: [UInt8] {
    OpenSSL.written { i2d_X509_bio($0, pointer) == 1 }?.withBytes { Array($0) } ?? []
  }
}

extension Result where Success == PeerIdentity, Failure == TrustRefusal {
  /// Why the peer was refused; nil when it wasn't.
  var reason: String? {
    if case .failure(let refusal) = self { return refusal.reason }
    return nil
  }
}

func unwrap<T>(_ value: T?, line: Int = #line) throws -> T {
  guard let value else { throw SecurityError("missing in line \(line)") }
  return value
}

/// The text of the error that `body` throws; empty when it throws none.
func errorText(_ body: () throws -> Void) -> String {
  do { try body() } catch { return "\(error)" }
  return ""
}

func hexadecimal(sha256 bytes: [UInt8]) -> String {
  OpenSSL.hexadecimal(bytes.withUnsafeBytes { OpenSSL.digest(EVP_sha256(), of: $0) })
}

func hexadecimal(sha1 bytes: [UInt8]) -> String {
  OpenSSL.hexadecimal(bytes.withUnsafeBytes { OpenSSL.digest(EVP_sha1(), of: $0) })
}
