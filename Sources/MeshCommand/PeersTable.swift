import MeshRuntime

extension PeersReport {
  /// The table that OmniRelay's CLI prints: the local node first, then by node id. While some member drains, or some
  /// link isn't on HTTP/3, there is one column more for that, at the end.
  var table: String {
    let head = ["Generated at: \(generatedAt)", "Local node: \(printable(localNodeID))", ""]
    var lines = [PeersReport.header] + sorted.map(PeersReport.row)
    func add(_ title: String, where isSo: (Peer) -> Bool, _ yes: String, _ no: String) {
      guard peers.contains(where: isSo) else { return }
      lines = zip(lines, [title] + sorted.map { isSo($0) ? yes : no }).map { "\($0) \($1)" }
    }
    add("Drain", where: \.isDraining, "yes", "no")
    add("Link", where: \.hasFallenBack, "HTTP/2", "-")
    return (head + lines).joined(separator: "\n")
  }

  private var sorted: [Peer] {
    peers.sorted { left, right in
      let leftIsLocal = left.nodeID == localNodeID
      let rightIsLocal = right.nodeID == localNodeID
      if leftIsLocal != rightIsLocal { return leftIsLocal }
      return left.nodeID.utf8.lexicographicallyPrecedes(right.nodeID.utf8)
    }
  }

  /// The titles of the columns.
  static let header = cells("Node", "Status", "Role", "Cluster", "Region", "Version", "HTTP/3", "rtt (ms)")

  /// One member, below `header`.
  static func row(_ peer: Peer) -> String {
    cells(
      peer.nodeID, peer.status, peer.role, peer.clusterID, peer.region, peer.meshVersion,
      peer.http3Support ? "yes" : "no", peer.roundTripMilliseconds.map(twoPlaces) ?? "-")
  }

  private static func cells(_ columns: String...) -> String {
    let widths = [24, 8, 12, 18, 18, 12, 7]
    var texts = zip(columns, widths).map { Column.left(printable($0), $1) }
    texts += columns.dropFirst(widths.count).map { Column.right($0, 8) }
    return texts.joined(separator: " ")
  }

  /// .NET's format `0.##`: at most two places, rounded half away from zero, no trailing zeros.
  static func twoPlaces(_ value: Double) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
    let hundredths = Int64((value * 100).rounded(.toNearestOrAwayFromZero))
    let fraction = hundredths.magnitude % 100
    let sign = hundredths < 0 ? "-" : ""
    let whole = "\(sign)\(hundredths.magnitude / 100)"
    switch fraction {
    case 0: return whole
    case let tenths where tenths % 10 == 0: return "\(whole).\(tenths / 10)"
    default: return fraction < 10 ? "\(whole).0\(fraction)" : "\(whole).\(fraction)"
    }
  }
}
