import Glibc
import MeshBasics
import MeshSecurity

/// A certificate as a peer may send it: its names, and the whole trust decision with it as leaf and as intermediate.
func fuzzCertificateChain(_ bytes: [UInt8]) {
  if case .success(let names) = NodeSecurity.claimedNames(inLeaf: bytes), names.isEmpty {
    found("an identity without names")
  }
  guard let security = judging else { found("no credential to judge with") }
  for chain in [[bytes], [bytes, bytes]] {
    if case .success = security.judge(chain: chain, peerIsClient: true) {
      found("trusted what no trusted authority signed")
    }
  }
}

/// A node that trusts an authority made for this run alone, so no input can be right.
private let judging: NodeSecurity? = {
  var template = Array("/tmp/meshkit-fuzz-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil, let node = NodeID("fuzz") else { return nil }
  let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  var options = SecurityOptions()
  let authority = try? DevelopmentAuthority(directory: directory, cluster: "fuzz")
  guard let issued = try? authority?.issue([DevelopmentAuthority.Subject(node: node, role: "worker")]) else {
    return nil
  }
  options.certificatePath = issued.first?.pkcs12Path ?? ""
  return try? NodeSecurity(options: options)
}()
