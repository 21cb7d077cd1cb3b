// MeshKit's own members, and this node itself, as v1 nodes are told of them.
import MeshBasics
import MeshWire

/// A resident in the form in which v1 nodes are told of it.
struct ToldResident: Equatable, Sendable {
  let state: MemberState
  let profile: V1Profile

  init(_ resident: Resident) {
    state = resident.state
    profile = V1Profile.marked(resident.nodeID, resident.metadata, at: resident.endpoint)
  }

  /// Where it serves v1.
  var endpoint: Endpoint? { profile.endpoint }
  /// Whether its name is taken: a suspect may still answer.
  var isLiving: Bool { state < .dead }
}

extension V1Profile {
  /// What v1 nodes are told of a MeshKit node: its metadata as far as v1 has a place for it, and the mark. Keys that
  /// differ in case only, of which v1 takes one, are told once.
  static func marked(_ node: NodeID, _ metadata: NodeMetadata, at endpoint: Endpoint?) -> V1Profile {
    var told = NodeMetadata()
    told.role = metadata.role
    told.clusterID = metadata.clusterID
    told.region = metadata.region
    told.meshVersion = metadata.meshVersion
    told.http3Support = metadata.http3Support
    told.metadataVersion = metadata.metadataVersion
    told.labels = ([V1Mark.member] + metadata.labels).withoutTwins.sorted {
      $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }
    return V1Profile(nodeID: node, metadata: told, endpoint: endpoint)
  }
}

extension GossipV1 {
  /// Every change gets a greater version, so that v1 nodes take it.
  mutating func changeMetadata(_ metadata: NodeMetadata) {
    let version = own.metadata.metadataVersion
    own = V1Profile.marked(nodeID, metadata, at: configuration.endpoint)
    own.metadata.metadataVersion = max(metadata.metadataVersion, version == .max ? version : version &+ 1)
  }

  /// Somebody tells `member` of this node. Where v1 nodes would take that for newer than what it says itself, it goes
  /// above it: an honest version is a time of day, and one that lies a day ahead can't be outbid for ever.
  mutating func defendOwn(against member: V1Member, from peer: NodeID, into effects: inout GossipV1Effects) {
    let told = member.profile.metadata
    let version = own.metadata.metadataVersion
    guard told.metadataVersion > version || (told.metadataVersion == version && told != own.metadata) else { return }
    let greatest = (unixTicks / 10_000).addingReportingOverflow(GossipV1Limits.versionFollowedMilliseconds)
    guard !greatest.overflow, told.metadataVersion < greatest.partialValue else {
      effects.append(.observe(.limitReached("v1 metadata version told of this node", peer: peer.name)))
      return
    }
    own.metadata.metadataVersion = told.metadataVersion &+ 1
  }

  mutating func residentChanged(_ resident: Resident, now: Instant, into effects: inout GossipV1Effects) {
    let node = resident.nodeID
    guard node != nodeID else { return }
    let new = ToldResident(resident)
    if let old = residents[node] {
      if old.endpoint != new.endpoint { disown(old.endpoint, node) }
      if !new.isLiving && old.isLiving { end(node, at: now) }
    }
    residents[node] = new
    if new.isLiving {
      migrate(node, into: &effects)
      ends.removeValue(forKey: node)
      if let endpoint = new.endpoint { own(endpoint, node) }
    } else {
      disown(new.endpoint, node)
    }
    refreshAnnouncement(of: node)
  }

  mutating func residentForgotten(_ node: NodeID) {
    if let old = residents.removeValue(forKey: node) { disown(old.endpoint, node) }
    refreshAnnouncement(of: node)
  }

  /// A guest that has become a resident.
  private mutating func migrate(_ node: NodeID, into effects: inout GossipV1Effects) {
    guard let guest = guests.removeValue(forKey: node) else { return }
    disown(guest.endpoint, node)
    withdrawTimers(of: node)
    notify(.migrated, node, guest, into: &effects)
  }

  /// Whether `node` is one of MeshKit's, so that v1 has no say about it.
  func isResident(_ node: NodeID) -> Bool { residents.read(node) { $0.isLiving } ?? false }

  // MARK: Endpoints

  mutating func own(_ endpoint: Endpoint, _ node: NodeID) { owners[endpoint] = node }

  mutating func disown(_ endpoint: Endpoint?, _ node: NodeID) {
    if let endpoint, owners[endpoint] == node { owners.removeValue(forKey: endpoint) }
  }
}
