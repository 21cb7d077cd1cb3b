import MeshRuntime

/// The answer of `GET /control/peers`, read as OmniRelay's CLI reads it: names in any case, a status as name or number,
/// unknown members ignored by the table (contract: configuration and CLI, part B).
struct PeersReport {
  /// One member of the mesh.
  struct Peer {
    let nodeID, status, role, clusterID, region, meshVersion: String
    let http3Support: Bool
    let isDraining: Bool
    /// What carries its link; nil where the node doesn't say.
    let linkTransport: String?
    let roundTripMilliseconds: Double?

    /// Its link is on HTTP/2, since UDP is blocked.
    var hasFallenBack: Bool { linkTransport == "http2" }
  }

  let generatedAt: String
  let localNodeID: String
  let peers: [Peer]
  /// The same document with every status as a name, compact.
  let json: String

  init(parsing body: [UInt8]) throws(WireError) {
    let document = try JSONValue.parse(body, bytesMax: 64 << 20)
    guard case .object = document else { throw WireError("a JSON object is expected") }
    guard let time = RoundTripTime.format(document.member("generatedAt")?.text ?? "") else {
      throw WireError("generatedAt is no ISO 8601 time")
    }
    guard case .array(let items)? = document.member("peers") else { throw WireError("peers is missing") }
    generatedAt = time
    localNodeID = document.member("localNodeId")?.text ?? ""
    var peers: [Peer] = []
    for (index, item) in items.enumerated() { peers.append(try PeersReport.peer(item, index: index)) }
    self.peers = peers
    json = PeersReport.rewritten(document, statuses: peers.map(\.status))
  }

  /// The member that `item` is, the `index`th of its list.
  static func peer(_ item: JSONValue, index: Int) throws(WireError) -> Peer {
    guard let metadata = item.member("metadata"), case .object = metadata else {
      throw WireError("peers[\(index)].metadata is missing")
    }
    guard let status = status(item.member("status")) else {
      throw WireError("peers[\(index)].status is unknown; allowed: Alive, Suspect, Left")
    }
    return Peer(
      nodeID: item.member("nodeId")?.text ?? "", status: status, role: metadata.member("role")?.text ?? "",
      clusterID: metadata.member("clusterId")?.text ?? "", region: metadata.member("region")?.text ?? "",
      meshVersion: metadata.member("meshVersion")?.text ?? "",
      http3Support: metadata.member("http3Support") == .bool(true),
      isDraining: item.member("draining") == .bool(true),
      linkTransport: item.member("link")?.member("transport")?.text, roundTripMilliseconds: item.member("rttMs")?.number
    )
  }

  /// A status as its name, given in any case or as OmniRelay's number.
  private static func status(_ value: JSONValue?) -> String? {
    let names = MemberStatus.allCases.map(\.rawValue)
    switch value {
    case .string(let text): return names.first { $0.lowercased() == text.lowercased() }
    case .number(let text): return Int(text).flatMap { names.indices.contains($0) ? names[$0] : nil }
    default: return nil
    }
  }

  /// `document` with its peers' statuses replaced.
  private static func rewritten(_ document: JSONValue, statuses: [String]) -> String {
    guard case .object(let members) = document else { return "" }
    let changed = members.map { member in
      guard member.isNamed("peers"), case .array(let items) = member.value else { return member }
      let peers = zip(items, statuses).map { $0.replacing("status", with: .string($1)) }
      return JSONMember(member.name, .array(peers))
    }
    return JSONText.compact(.object(changed))
  }
}
