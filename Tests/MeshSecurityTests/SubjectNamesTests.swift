import COpenSSL
import MeshBasics
import Testing

@testable import MeshSecurity

@Suite struct SubjectNamesTests {
  let authority: TestAuthority

  init() throws {
    OpenSSL.start()
    authority = try TestAuthority()
  }

  func reason(_ names: String?, extra: [TestAuthority.Extension] = []) throws -> String? {
    try TestAuthority.judge([authority.leaf(names: names, extra: extra).der], trusting: [authority]).reason
  }

  @Test func refusesALeafWithoutNames() throws {
    #expect(try reason(nil) == "no-node-identity")
    #expect(try reason("IP:10.0.0.1") == "no-node-identity")
    #expect(try reason("DNS:*.example") == "no-node-identity")
  }

  @Test func hostsWillDoWhereTheyAreAllowedAndASPIFFEIdBindsAllTheSame() throws {
    func identity(_ names: String?) throws -> Result<PeerIdentity, TrustRefusal> {
      try TestAuthority.judge([authority.leaf(names: names).der], trusting: [authority], names: .hosts)
    }
    for names in [nil, "IP:10.0.0.1", "DNS:*.example", "DNS:node-a"] {
      let nobody = try identity(names).get()
      #expect(nobody.nodeNames.isEmpty && nobody.clusterID == nil && nobody.keyFingerprint.count == 64)
    }
    let bound = try identity("URI:\(TestAuthority.identity)").get()
    #expect(bound.nodeNames == ["node-a"] && bound.clusterID == "demo")
    #expect(try identity("DNS:node-a,URI:https://example.org/").reason == "wrong-identity-shape")
  }

  @Test func refusesTwoURIs() throws {
    #expect(try reason("URI:\(TestAuthority.identity),URI:\(TestAuthority.identity)") == "ambiguous-identity")
    #expect(try reason("URI:\(TestAuthority.identity),URI:https://example.org/") == "ambiguous-identity")
  }

  @Test func refusesURIsOfAnotherShapeEvenBesideADNSName() throws {
    let wrong = [
      "https://omnirelay.mesh/mesh/demo/worker/node-a", "spiffe://omnirelay.mesh/mesh/demo/worker",
      "spiffe://omnirelay.mesh/mesh/demo/worker/", "spiffe://omnirelay.mesh/mesh/demo/worker/node-a/",
      "spiffe://omnirelay.mesh/mesh/demo/worker/node-a/x", "spiffe://omnirelay.mesh/mesh//worker/node-a",
      "spiffe://omnirelay.mesh/other/demo/worker/node-a", "spiffe://omnirelay.mesh/mesh/demo/worker/..",
      "spiffe://user@omnirelay.mesh/mesh/demo/worker/node-a", "spiffe://omnirelay.mesh:443/mesh/demo/worker/node-a",
      "spiffe://omnirelay.mesh/mesh/demo/worker/node-a?x=1", "spiffe://omnirelay.mesh/mesh/demo/worker/node-a#x",
      "spiffe://omnirelay.mesh/mesh/demo/worker/node%2da", "spiffe://OMNIRELAY.mesh/mesh/demo/worker/node-a",
      "SPIFFE://omnirelay.mesh/mesh/demo/worker/node-a", "spiffe:///mesh/demo/worker/node-a", "spiffe://", "x",
    ]
    for uri in wrong {
      #expect(SubjectNames(spiffe: uri) == nil, "\(uri)")
      #expect(try reason("DNS:node-a,URI:\(uri)") == "wrong-identity-shape", "\(uri)")
    }
  }

  @Test func refusesControlBytesInNames() throws {
    for name in ["node-a\0.evil.org", "node a", "node-a\u{1}", "nöde"] {
      for kind in [UInt8(0x82), 0x86, 0x81] {
        #expect(try reason(nil, extra: [rawNames([(kind, Array(name.utf8))])]) == "malformed")
      }
    }
    #expect(try reason(nil, extra: [rawNames([(0x82, [])])]) == "malformed")
  }

  @Test func refusesAnUndecodableOrRepeatedExtension() throws {
    #expect(try reason(nil, extra: [(NID_subject_alt_name, "DER:30:05:82:03")]) == "malformed")
    let twice: [TestAuthority.Extension] = [(NID_subject_alt_name, "DNS:node-b")]
    #expect(try reason("DNS:node-a", extra: twice) == "malformed")
  }

  @Test func limitsTheNumberOfNames() throws {
    func names(_ count: Int) -> String { (1...count).map { "DNS:node-\($0)" }.joined(separator: ",") }
    #expect(try reason(names(TrustLimits.namesMax)) == nil)
    #expect(try reason(names(TrustLimits.namesMax + 1)) == "too-many-names")
  }

  /// A subject alternative name extension out of raw bytes, at most 127 of them.
  private func rawNames(_ names: [(kind: UInt8, bytes: [UInt8])]) -> TestAuthority.Extension {
    let body = names.flatMap { [$0.kind, UInt8($0.bytes.count)] + $0.bytes }
    let der = [0x30, UInt8(body.count)] + body
    return (NID_subject_alt_name, "DER:" + der.map { OpenSSL.hexadecimal([$0]) }.joined(separator: ":"))
  }
}
