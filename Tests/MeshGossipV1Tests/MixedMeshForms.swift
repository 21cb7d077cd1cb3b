import MeshBasics
import MeshWire

@testable import MeshGossipV1

// Between the numbers of the v1 peers' model and the room's messages.

extension MixedMesh {
  func number(_ name: String) -> Int? { name.hasPrefix("n") ? Int(name.dropFirst()) : nil }

  func envelope(_ news: PeerNews) -> V1Envelope {
    var envelope = V1Envelope(sender: profile(news.sender, news.metadata))
    envelope.members = news.members.map { member in
      V1Member(
        profile: profile(member.node, member.metadata), status: status(member.status),
        lastSeenUnixTicks: member.lastSeen)
    }
    return envelope
  }

  func news(_ envelope: V1Envelope) -> PeerNews {
    let members = envelope.members.compactMap { member in
      number(member.profile.nodeID.name).map {
        (
          node: $0, status: status(member.status), lastSeen: member.lastSeenUnixTicks,
          metadata: metadata(member.profile)
        )
      }
    }
    return PeerNews(
      sender: number(envelope.sender.nodeID.name) ?? 0, metadata: metadata(envelope.sender), members: members)
  }

  func shuffle(_ sender: Int, _ endpoints: [Int]) -> V1Shuffle {
    V1Shuffle(
      sender: "\(names[sender]):17421", endpoints: endpoints.map { self.endpoints[$0] })
  }

  private func profile(_ node: Int, _ told: PeerMetadata) -> V1Profile {
    var metadata = NodeMetadata()
    metadata.metadataVersion = told.version
    if told.isMarked { metadata.labels = [V1Mark.member] }
    return V1Profile(nodeID: names[node], metadata: metadata, endpoint: told.hasEndpoint ? endpoints[node] : nil)
  }

  private func metadata(_ profile: V1Profile) -> PeerMetadata {
    PeerMetadata(
      version: profile.metadata.metadataVersion, hasEndpoint: profile.endpoint != nil, isMarked: profile.isMarked)
  }

  private func status(_ status: PeerStatus) -> V1Status {
    switch status {
    case .alive: .alive
    case .suspect: .suspect
    case .left: .left
    }
  }

  private func status(_ status: V1Status) -> PeerStatus {
    switch status {
    case .alive: .alive
    case .suspect: .suspect
    case .left: .left
    }
  }
}

// MARK: What came of it

extension MixedMesh {
  /// The v1 peers that live and that not every living bridge sees alive.
  var notSeen: [Int] {
    peers.keys.filter { !dead.contains($0) }.sorted().filter { peer in
      living.contains { bridge in
        bridges[bridge].map { $0.guestView(of: names[peer])?.status != .alive } ?? false
      }
    }
  }

  /// What bridges told of living v1 peers, from `start` on, that wasn't so.
  func falseAlarms(since start: Instant) -> [Told] {
    let ended = Set(dead.map { names[$0].name })
    return told.filter { event in
      guard event.at >= start, !ended.contains(event.guest) else { return false }
      switch event.kind {
      case .suspect, .left, .recovered, .migrated, .forgotten: return true
      case .joined, .updated: return false
      }
    }
  }

  /// Of what v1 peers see right after a sweep: members that they know on average, and in hundredths the share of
  /// healthy v1 peers and of healthy MeshKit nodes that they don't see alive.
  func v1View(since start: Instant) -> (known: Double, wrongPeers: Double, wrongResidents: Double) {
    let late = sweeps.filter { $0.at >= start }
    func sum(_ part: (Int, Int, Int, Int)) -> Double { Double(part.0) }
    let seen = late.reduce(0) { $0 + $1.seen - $1.residents }
    let wrong = late.reduce(0) { $0 + $1.wrong - $1.wrongResidents }
    let residents = late.reduce(0) { $0 + $1.residents }
    let wrongResidents = late.reduce(0) { $0 + $1.wrongResidents }
    let known = Double(seen + residents) / Double(max(1, late.count)) + 1
    return (known, 100 * Double(wrong) / Double(max(1, seen)), 100 * Double(wrongResidents) / Double(max(1, residents)))
  }
}
