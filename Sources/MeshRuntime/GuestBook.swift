import MeshBasics
import MeshGossipV1
import MeshMembership
import MeshWire

/// The nodes of OmniRelay that this node speaks with, beside MeshKit's members: what hosts see is both in one list. A
/// name belongs to one of them at a time: to the member while it lives, else to the guest. For the engine thread alone.
struct GuestBook {
  private var guests = OrderedMap<NodeID, MemberView>()
  private var changed: [NodeID] = []
  /// MeshKit's own members by status, as the engine counted them last.
  private var counts = (alive: 0, suspect: 0, left: 0)

  /// Takes a change over. Gives the event that hosts are told; nil when that is none.
  mutating func note(_ event: GuestEvent) -> MembershipEvent? {
    let node = event.guest.nodeID
    changed.append(node)
    let isListed = guests[node].map { $0.status != .left } ?? false
    var isDead = false
    let kind: MembershipEvent.Kind
    switch event.kind {
    case .joined: kind = .joined
    // Of many changes at once the last alone may have come: hosts hear of everybody's coming first.
    case .updated: kind = isListed ? .updated : .joined
    case .suspect: kind = .suspect
    case .recovered: kind = isListed ? .recovered : .joined
    case .left(let graceful): (kind, isDead) = (.left, !graceful)
    case .migrated, .forgotten:
      guests.removeValue(forKey: node)
      return nil
    }
    let view = MemberView(event.guest, isDead: isDead)
    guests[node] = view
    return MembershipEvent(kind: kind, member: view, correlation: event.correlation)
  }

  /// Takes over when guests were heard, and how far they are.
  mutating func note(heard list: [GuestView]) {
    for guest in list {
      guard let old = guests[guest.nodeID], old.lastHeard != guest.heardAt || old.roundTrip != guest.roundTrip else {
        continue
      }
      let view = MemberView(guest, isDead: old.isDead)
      // A status has an event of its own, which is on its way.
      guard view.status == old.status else { continue }
      guests[guest.nodeID] = view
      changed.append(guest.nodeID)
    }
  }

  /// An event of MeshKit's side as hosts are told it: a node that was migrated stays a member, and doesn't join again;
  /// where it was suspected it has recovered.
  func told(_ event: MembershipEvent) -> MembershipEvent {
    guard event.kind == .joined, let guest = guests[event.member.nodeID], guest.status != .left else { return event }
    let kind = guest.status == .suspect ? MembershipEvent.Kind.recovered : .updated
    return MembershipEvent(kind: kind, member: event.member, correlation: event.correlation)
  }

  /// What hosts see of `node`, which is `member` on MeshKit's side.
  func view(of node: NodeID, member: MemberView?) -> MemberView? {
    if let member, member.status != .left { return member }
    return guests[node] ?? member
  }

  /// Whether a node of OmniRelay lives at `endpoint`, `host:port`, which then speaks nothing of MeshKit's.
  func live(at endpoint: String) -> Bool {
    guests.values.contains { $0.status != .left && $0.metadata.endpoint == endpoint }
  }

  /// The guests that have changed since this was asked last.
  mutating func takeChanges() -> [NodeID] {
    defer { changed.removeAll() }
    return changed
  }

  /// Remembers how many members MeshKit's side has.
  mutating func count(alive: Int, suspect: Int, left: Int) { counts = (alive, suspect, left) }

  /// How many there are of both, each name once. `status` is that of a name on MeshKit's side.
  func counted(status: (NodeID) -> MemberStatus?) -> Observation {
    var sum = counts
    for (node, guest) in guests {
      let member = status(node)
      if let member, member != .left { continue }
      if member == .left { sum.left -= 1 }
      switch guest.status {
      case .alive: sum.alive += 1
      case .suspect: sum.suspect += 1
      case .left: sum.left += 1
      }
    }
    return .membersCounted(alive: sum.alive, suspect: sum.suspect, left: max(0, sum.left))
  }
}

extension MemberView {
  /// A node of OmniRelay as hosts see it: it has neither epoch nor incarnation.
  fileprivate init(_ guest: GuestView, isDead: Bool) {
    let status: MemberStatus =
      switch guest.status {
      case .alive: .alive
      case .suspect: .suspect
      case .left: .left
      }
    var metadata = guest.metadata
    metadata.endpoint = guest.endpoint.description
    self.init(
      nodeID: guest.nodeID, status: status, isDead: isDead, epoch: 0, incarnation: 0, metadata: metadata,
      lastHeard: guest.heardAt, roundTrip: guest.roundTrip, isLocal: false)
  }
}
