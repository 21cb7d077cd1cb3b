// A certificate authority in a directory, for development and tests: what `meshkit cert dev` uses.
//
// Its key lies unencrypted beside the certificates (mode 0600), which is why it is for development only.
import COpenSSL
import Glibc
import MeshBasics

/// A development CA in one directory: `ca.pem`, `ca-key.pem`, `crl.pem`, and per node `ID.pem`, `ID-key.pem`, `ID.pfx`.
///
/// Every file is replaced whole by a rename, so that running nodes pick up new ones safely. Not for concurrent use of
/// one directory by several processes.
public struct DevelopmentAuthority: Sendable {
  /// A node to issue a certificate for.
  public struct Subject: Equatable, Sendable {
    /// The node's id: the last part of its SPIFFE id, and its DNS name.
    public let node: NodeID
    /// The role in its SPIFFE id, such as `worker`.
    public let role: String

    /// The node `node` in the role `role`.
    public init(node: NodeID, role: String) {
      self.node = node
      self.role = role
    }
  }

  /// What was issued to one node.
  public struct Issued: Equatable, Sendable {
    /// The node.
    public let node: NodeID
    /// Its SPIFFE id.
    public let identity: String
    /// The certificate, PEM.
    public let certificatePath: String
    /// Its private key, PEM, mode 0600.
    public let keyPath: String
    /// Key, certificate and CA as PKCS#12, mode 0600.
    public let pkcs12Path: String
    /// Unix seconds.
    public let notAfter: Int64
  }

  /// The trust domain of OmniRelay's identities.
  public static let defaultTrustDomain = "omnirelay.mesh"

  private static let authorityDays: Int64 = 3650
  private static let secondsPerDay: Int64 = 86_400

  /// Where the files are.
  public let directory: String
  /// The cluster in every SPIFFE id.
  public let cluster: String
  /// The trust domain in every SPIFFE id.
  public let trustDomain: String

  /// An authority for `cluster` in `directory`; writes nothing yet.
  /// - Throws: an error that names the impossible argument.
  public init(
    directory: String, cluster: String, trustDomain: String = DevelopmentAuthority.defaultTrustDomain
  ) throws(SecurityError) {
    OpenSSL.start()
    guard !directory.isEmpty else { throw SecurityError("no directory given for the development authority") }
    guard NodeID(cluster) != nil else { throw SecurityError("\"\(cluster)\" can't be the cluster of a SPIFFE id") }
    guard SubjectNames.isTrustDomain(trustDomain) else {
      throw SecurityError("\"\(trustDomain)\" can't be a trust domain: lower-case letters, digits, '.', '-', '_'")
    }
    self.directory = directory
    self.cluster = cluster
    self.trustDomain = trustDomain
  }

  /// The CA certificate, PEM: the trust bundle of every node.
  public var authorityPath: String { path("ca.pem") }
  /// The CA's key, PEM, mode 0600.
  public var authorityKeyPath: String { path("ca-key.pem") }
  /// The revocation list, PEM.
  public var revocationListPath: String { path("crl.pem") }

  /// Issues a new certificate and key to every one of `subjects`; makes the CA and an empty revocation list first when
  /// there is none. Earlier files of these nodes are replaced.
  /// - Parameters:
  ///   - days: how long the certificates are valid, 1 to 3650; never beyond the CA.
  ///   - password: of the PKCS#12 files; nil for none.
  /// - Throws: an error that names the file or argument.
  public func issue(
    _ subjects: [Subject], days: Int = 30, password: String? = nil
  ) throws(SecurityError) -> [Issued] {
    guard (1...Int(DevelopmentAuthority.authorityDays)).contains(days) else {
      throw SecurityError("\(days) days are refused: 1 to \(DevelopmentAuthority.authorityDays)")
    }
    for subject in subjects { try check(subject) }
    try ReplacingFile.makeDirectory(directory)
    let authority = try openAuthority()
    var issued: [Issued] = []
    for subject in subjects {
      issued.append(try issue(subject, days: Int64(days), password: password, by: authority))
    }
    return issued
  }

  /// Puts the current certificates of `nodes` on the revocation list.
  /// - Throws: an error that names the file; then the list is as it was.
  public func revoke(_ nodes: [NodeID]) throws(SecurityError) {
    let authority = try loadAuthority()
    var certificates: [Certificate] = []
    for node in nodes {
      let file = try read(path("\(node).pem"), as: "certificate")
      let found = try CertificateBundle.certificates(pem: file.content, path: file.path, role: "certificate")
      guard let leaf = found.first else { throw SecurityError("certificate file \(file.path) holds no certificate") }
      guard authority.certificate.mayHaveIssued(leaf) else {
        throw SecurityError("certificate file \(file.path) wasn't issued by \(authorityPath)")
      }
      certificates.append(leaf)
    }
    try writeRevocationList(
      revoking: certificates, by: authority, continuing: read(revocationListPath, as: "revocation list").content)
  }
}

// MARK: The authority itself

extension DevelopmentAuthority {
  private func openAuthority() throws(SecurityError) -> CertificateBuilder.Issuer {
    let hasCertificate = access(authorityPath, F_OK) == 0
    let hasKey = access(authorityKeyPath, F_OK) == 0
    guard hasCertificate == hasKey else {
      let (present, absent) = hasKey ? (authorityKeyPath, authorityPath) : (authorityPath, authorityKeyPath)
      throw SecurityError("\(present) exists and \(absent) doesn't: restore it, or remove both for a new authority")
    }
    let authority = hasKey ? try loadAuthority() : try makeAuthority()
    if !hasKey || access(revocationListPath, F_OK) != 0 {
      try writeRevocationList(revoking: [], by: authority, continuing: nil)
    }
    return authority
  }

  private func loadAuthority() throws(SecurityError) -> CertificateBuilder.Issuer {
    let file = try read(authorityPath, as: "authority")
    let keyFile = try read(authorityKeyPath, as: "authority key")
    let found = try CertificateBundle.certificates(pem: file.content, path: file.path, role: "authority")
    let key = try PrivateKey.read(pem: keyFile.content, password: nil, path: keyFile.path)
    guard let certificate = found.first, certificate.isRoot, key.matches(certificate) else {
      throw SecurityError("\(authorityPath) is not the CA certificate of the key in \(authorityKeyPath)")
    }
    guard let end = certificate.notAfter.seconds, end > Int64(time(nil)) else {
      throw SecurityError("the authority in \(authorityPath) expired at \(certificate.notAfter.text)")
    }
    return CertificateBuilder.Issuer(certificate: certificate, key: key)
  }

  private func makeAuthority() throws(SecurityError) -> CertificateBuilder.Issuer {
    let now = Int64(time(nil))
    var builder = CertificateBuilder(
      commonName: "MeshKit development CA (\(cluster.prefix(24)))", notBefore: now &- 60,
      notAfter: now &+ DevelopmentAuthority.authorityDays &* DevelopmentAuthority.secondsPerDay)
    builder.extensions = [
      (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
      (NID_subject_key_identifier, "hash"),
    ]
    guard let key = PrivateKey.makeP256(), let certificate = builder.signed(for: key, by: nil),
      let keyPEM = key.pem, let certificatePEM = Certificate.pem([certificate])
    else { throw SecurityError("OpenSSL can't make the authority \(authorityPath)") }
    try ReplacingFile.write(keyPEM, to: authorityKeyPath, mode: 0o600)
    try ReplacingFile.write(secret(certificatePEM), to: authorityPath, mode: 0o644)
    return CertificateBuilder.Issuer(certificate: certificate, key: key)
  }

  private func writeRevocationList(
    revoking certificates: [Certificate], by authority: CertificateBuilder.Issuer, continuing earlier: SecretBytes?
  ) throws(SecurityError) {
    let now = Int64(time(nil))
    // A list that ended before the authority would shut every node out of a mesh that nobody looks after.
    let end = authority.certificate.notAfter.seconds ?? now
    let builder = RevocationListBuilder(thisUpdate: now &- 60, nextUpdate: end, revoked: certificates)
    guard let list = builder.signed(by: authority, continuing: earlier) else {
      throw SecurityError("OpenSSL can't make the revocation list \(revocationListPath) out of the one that is there")
    }
    try ReplacingFile.write(list, to: revocationListPath, mode: 0o644)
  }
}

// MARK: Nodes

extension DevelopmentAuthority {
  private func check(_ subject: Subject) throws(SecurityError) {
    let name = subject.node.name
    guard name != "ca", name != "crl", !name.hasSuffix("-key") else {
      throw SecurityError("node id \(name) would overwrite another file of the authority")
    }
    guard NodeID(subject.role) != nil else {
      throw SecurityError("\"\(subject.role)\" can't be the role of a SPIFFE id")
    }
  }

  private func issue(
    _ subject: Subject, days: Int64, password: String?, by authority: CertificateBuilder.Issuer
  ) throws(SecurityError) -> Issued {
    let now = Int64(time(nil))
    let end = min(now &+ days &* DevelopmentAuthority.secondsPerDay, authority.certificate.notAfter.seconds ?? now)
    let identity = "spiffe://\(trustDomain)/mesh/\(cluster)/\(subject.role)/\(subject.node)"
    // RFC 5280 limits a common name to 64 characters; the names that count are the alternative ones.
    var builder = CertificateBuilder(
      commonName: String(subject.node.name.prefix(64)), notBefore: now &- 60, notAfter: end)
    builder.extensions = [
      (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
      (NID_ext_key_usage, "serverAuth,clientAuth"),
      // The URI names the node; the others are for tools that ask the control listener over TLS.
      (NID_subject_alt_name, "URI:\(identity),DNS:\(subject.node),DNS:localhost,IP:127.0.0.1,IP:::1"),
      (NID_subject_key_identifier, "hash"), (NID_authority_key_identifier, "keyid"),
    ]
    let issued = Issued(
      node: subject.node, identity: identity, certificatePath: path("\(subject.node).pem"),
      keyPath: path("\(subject.node)-key.pem"), pkcs12Path: path("\(subject.node).pfx"), notAfter: end)
    guard let key = PrivateKey.makeP256(), let leaf = builder.signed(for: key, by: authority),
      let keyPEM = key.pem, let leafPEM = Certificate.pem([leaf]),
      let container = CertificateBundle.pkcs12(
        leaf: leaf, key: key, authority: authority.certificate, name: subject.node.name, password: password ?? "")
    else { throw SecurityError("OpenSSL can't make the certificate \(issued.certificatePath)") }
    try ReplacingFile.write(keyPEM, to: issued.keyPath, mode: 0o600)
    try ReplacingFile.write(secret(leafPEM), to: issued.certificatePath, mode: 0o644)
    try ReplacingFile.write(container, to: issued.pkcs12Path, mode: 0o600)
    return issued
  }

  private func path(_ name: String) -> String { directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)" }

  private func read(_ path: String, as role: String) throws(SecurityError) -> WatchedFile {
    try WatchedFile(reading: path, as: role, sizeMax: FileLimits.revocationFileMax)
  }

  private func secret(_ bytes: [UInt8]) -> SecretBytes { bytes.withUnsafeBytes { SecretBytes(copying: $0) } }
}
