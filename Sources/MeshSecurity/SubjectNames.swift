// Who a certificate speaks for: its subject alternative names, read the strict way.
//
// A name that two readers could read differently is an attack, so anything unusual is refused whole rather than
// skipped: a second URI, a NUL or other control byte in a name, userinfo, port, query, fragment or percent signs in the
// SPIFFE id.
import COpenSSL
import MeshBasics

/// The node names in a certificate.
struct SubjectNames: Equatable {
  /// The node ids that the certificate may speak for; never empty.
  let nodeNames: [String]
  /// The cluster in its SPIFFE id; nil when the names are DNS names.
  let clusterID: String?
}

extension SubjectNames {
  /// Reads the names of `certificate`.
  static func read(from certificate: Certificate) -> Result<SubjectNames, TrustRefusal> {
    var criticality: Int32 = 0
    guard let extracted = X509_get_ext_d2i(certificate.pointer, NID_subject_alt_name, &criticality, nil) else {
      OpenSSL.clearErrors()
      // OpenSSL's answers: -1 no such extension, -2 several of them, else one that can't be decoded.
      return .failure(criticality == -1 ? .noNodeIdentity : .malformed)
    }
    let names = OpaquePointer(extracted)
    defer { GENERAL_NAMES_free(names) }
    let count = OPENSSL_sk_num(names)
    guard count <= TrustLimits.namesMax else { return .failure(.tooManyNames) }
    var uris: [String] = []
    var hosts: [String] = []
    for index in 0..<max(count, 0) {
      guard let entry = OPENSSL_sk_value(names, index)?.assumingMemoryBound(to: GENERAL_NAME.self) else { continue }
      var kind: Int32 = -1
      let value = GENERAL_NAME_get0_value(entry, &kind)
      guard kind == GEN_URI || kind == GEN_DNS || kind == GEN_EMAIL else { continue }
      guard let text = text(of: value) else { return .failure(.malformed) }
      if kind == GEN_URI { uris.append(text) }
      if kind == GEN_DNS { hosts.append(text) }
    }
    return choose(uris: uris, hosts: hosts)
  }

  /// The identity that these names give: the one SPIFFE id if there is a URI at all, else the DNS names.
  static func choose(uris: [String], hosts: [String]) -> Result<SubjectNames, TrustRefusal> {
    if let uri = uris.first {
      guard uris.count == 1 else { return .failure(.ambiguousIdentity) }
      guard let identity = SubjectNames(spiffe: uri) else { return .failure(.wrongIdentityShape) }
      return .success(identity)
    }
    // A DNS name that can't be a node id, such as a wildcard, speaks for nobody.
    let nodes = hosts.filter { NodeID($0) != nil }
    return nodes.isEmpty ? .failure(.noNodeIdentity) : .success(SubjectNames(nodeNames: nodes, clusterID: nil))
  }

  /// Reads `spiffe://{trustDomain}/mesh/{cluster}/{role}/{nodeId}` (SPIFFE-ID §2); nil for any other text.
  init?(spiffe uri: String) {
    let scheme = "spiffe://"
    guard uri.hasPrefix(scheme) else { return nil }
    let parts = uri.dropFirst(scheme.count).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 5, parts[1] == "mesh", SubjectNames.isTrustDomain(parts[0]),
      NodeID(parts[2]) != nil, NodeID(parts[3]) != nil, NodeID(parts[4]) != nil
    else { return nil }
    nodeNames = [parts[4]]
    clusterID = parts[2]
  }

  /// Whether `name` may be a trust domain: lower-case letters, digits, `.`, `-`, `_` (SPIFFE-ID §2.1), so it holds
  /// neither userinfo nor a port.
  static func isTrustDomain(_ name: String) -> Bool {
    (1...255).contains(name.utf8.count)
      && name.utf8.allSatisfy { NodeID.allows($0) && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
  }

  /// The text of an IA5String out of visible ASCII; nil when it holds anything else, NUL and space included.
  private static func text(of value: UnsafeMutableRawPointer?) -> String? {
    guard let string = value?.assumingMemoryBound(to: ASN1_STRING.self) else { return nil }
    let count = Int(ASN1_STRING_length(string))
    guard count > 0, let start = ASN1_STRING_get0_data(string) else { return nil }
    let bytes = UnsafeBufferPointer(start: start, count: count)
    guard bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}
