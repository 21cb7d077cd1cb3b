// members: pictures of the membership, laid out once per picture and shared by all who ask.
import CMeshKit
import MeshRuntime

/// The C image of one snapshot. Immutable; every handle to it keeps it alive.
final class MembersImage: @unchecked Sendable {
  let snapshot: MembersSnapshot
  private let block: UnsafeMutableRawPointer

  init(_ snapshot: MembersSnapshot) {
    self.snapshot = snapshot
    block = Arena.build { arena in
      let places = arena.room(for: meshkit_member_t.self, count: snapshot.members.count)
      for (offset, member) in snapshot.members.enumerated() {
        let image = arena.image(member, lastSeen: snapshot.lastSeenUnixNanoseconds(member) ?? 0)
        places.map { ($0 + offset).initialize(to: image) }
      }
    }
  }

  deinit { block.deallocate() }

  var count: Int { snapshot.members.count }

  func member(_ index: Int) throws(MeshError) -> UnsafePointer<meshkit_member_t> {
    guard index >= 0, index < count else { throw MeshError(.notFound, "there is no member at that index") }
    return UnsafePointer(block.assumingMemoryBound(to: meshkit_member_t.self) + index)
  }
}

extension Arena {
  /// One member, with its text and labels in the arena.
  mutating func image(_ member: MemberView, lastSeen: Int64) -> meshkit_member_t {
    let metadata = member.metadata
    var image = meshkit_member_t()
    image.struct_size = UInt32(MemoryLayout<meshkit_member_t>.size)
    image.status = member.status.code
    image.node_id = text(member.nodeID.name)
    image.role = text(metadata.role)
    image.cluster_id = text(metadata.clusterID)
    image.region = text(metadata.region)
    image.mesh_version = text(metadata.meshVersion)
    image.endpoint = text(metadata.endpoint)
    image.metadata_version = metadata.metadataVersion
    image.epoch = member.epoch
    image.incarnation = member.incarnation
    image.is_local = member.isLocal ? 1 : 0
    image.is_dead = member.isDead ? 1 : 0
    image.http3_support = member.speaksHTTP3 ? 1 : 0
    image.last_seen_unix_ns = lastSeen
    image.rtt_ns = member.roundTrip?.nanoseconds ?? -1
    image.labels = pairs(metadata.labels) { ($0.key, $0.value) }
    image.label_count = metadata.labels.count
    image.tls_version = text(metadata.security.tlsVersion)
    image.mutual_tls = metadata.security.mutualTLS ? 1 : 0
    image.revocation_checked = metadata.security.revocationChecked ? 1 : 0
    image.certificate_expires_unix_s = metadata.security.certificateExpiresAt
    image.is_draining = member.isDraining ? 1 : 0
    return image
  }
}

extension MemberStatus {
  /// MESHKIT_MEMBER_*.
  fileprivate var code: Int32 {
    switch self {
    case .alive: MESHKIT_MEMBER_ALIVE
    case .suspect: MESHKIT_MEMBER_SUSPECT
    case .left: MESHKIT_MEMBER_LEFT
    }
  }
}

/// How many members the picture shows, the local one included.
@_cdecl("meshkit_members_count") @implementation
public func meshkit_members_count(_ members: OpaquePointer?) -> Int {
  view(Handles.members, members, none: 0) { $0.count }
}

/// A number that grows with every new picture: equal revisions of one node are equal pictures.
@_cdecl("meshkit_members_revision") @implementation
public func meshkit_members_revision(_ members: OpaquePointer?) -> UInt64 {
  view(Handles.members, members, none: 0) { $0.snapshot.revision }
}

/// One member: the local one at 0, the others in the order of their names.
@_cdecl("meshkit_members_get") @implementation
public func meshkit_members_get(
  _ members: OpaquePointer?, _ index: Int, _ out: UnsafeMutablePointer<UnsafePointer<meshkit_member_t>?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt { () throws(MeshError) in
    let image = try Handles.members.find(members)
    try required(out, "out").pointee = try image.member(index)
  }
}

/// The member of that name.
@_cdecl("meshkit_members_find") @implementation
public func meshkit_members_find(
  _ members: OpaquePointer?, _ node_id: UnsafePointer<CChar>?, _ node_id_len: Int,
  _ out: UnsafeMutablePointer<UnsafePointer<meshkit_member_t>?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt { () throws(MeshError) in
    let image = try Handles.members.find(members)
    let name = try text(node_id, node_id_len, "node_id")
    let index = NodeID(name).flatMap { image.snapshot.members.firstIndex(of: $0) }
    try required(out, "out").pointee = try image.member(index ?? -1)
  }
}

/// Releases a picture.
@_cdecl("meshkit_members_release") @implementation
public func meshkit_members_release(_ members: OpaquePointer?) { release(Handles.members, members) }
