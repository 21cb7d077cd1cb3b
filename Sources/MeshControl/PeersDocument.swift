import MeshBasics
import MeshMembership
import MeshWire

/// The document of `/control/peers`, byte for byte as OmniRelay's diagnostics host writes it (contracts: http §1, §2):
/// nulls are left out, arrays and maps never.
enum PeersDocument {
  static func bytes(of view: NodeView) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.name("schemaVersion")
    json.string("v1")
    json.name("generatedAt")
    json.string(DotNetTime.text(unixTicks: view.clock.unixTicks))
    json.name("localNodeId")
    json.string(view.localNodeID.name)
    json.name("peers")
    json.beginArray()
    for member in ordered(view.members) { MemberDocument.write(member, at: view.clock, view.texts, to: &json) }
    json.endArray()
    json.endObject()
    return json.bytes
  }

  /// Snapshots come in this order, and to sort costs more than to look.
  private static func ordered(_ members: [MemberView]) -> [MemberView] {
    zip(members, members.dropFirst()).allSatisfy(precedes) ? members : members.sorted(by: precedes)
  }

  /// The local node first, then by id.
  private static func precedes(_ left: MemberView, _ right: MemberView) -> Bool {
    left.isLocal == right.isLocal ? left.nodeID < right.nodeID : left.isLocal
  }
}
