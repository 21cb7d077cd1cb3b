import MeshRuntime

/// `meshkit mesh peers list --watch`: a line for each member and for each change of one.
enum PeersWatch {
  static func watch(_ values: OptionValues, _ output: Output, form: OutputForm) -> StreamWatch {
    StreamWatch(
      values: values, output: output, form: form, path: "/v1/members?watch=true", failing: "Mesh peers watch failed",
      header: PeersReport.header, lines: lines)
  }

  private static func lines(_ name: String, _ data: JSONValue) throws(WireError) -> [String] {
    switch name {
    case "members.snapshot":
      guard case .array(let members)? = data.member("members") else { throw WireError("members is missing") }
      var lines: [String] = []
      for (index, member) in members.enumerated() { lines.append(row(try PeersReport.peer(member, index: index))) }
      return lines
    case "members.change":
      guard let member = data.member("member") else { throw WireError("member is missing") }
      return [row(try PeersReport.peer(member, index: 0))]
    case "members.removal": return ["\(Column.left(printable(data.member("nodeId")?.text ?? ""), 24)) gone"]
    case "members.resync": return ["all members anew: \(printable(data.member("reason")?.text ?? ""))"]
    // Of a later version.
    default: return []
    }
  }

  private static func row(_ peer: PeersReport.Peer) -> String {
    PeersReport.row(peer) + (peer.isDraining ? " draining" : "") + (peer.hasFallenBack ? " over HTTP/2" : "")
  }
}
