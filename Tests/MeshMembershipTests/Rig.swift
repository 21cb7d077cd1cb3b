import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// A membership driven by hand.
struct Rig {
  var room: Membership
  var now = Instant.origin + .seconds(100)
  var effects = MembershipEffects()

  init() throws {
    InvariantPolicy.trapsOnViolation = true
    let node = try #require(NodeID("m"))
    room = Membership(configuration: MembershipConfiguration(nodeID: node, metadata: NodeMetadata()), seed: 7)
    send(.started(epoch: 1_000, unixMilliseconds: 1_000))
  }

  mutating func send(_ input: MembershipInput) {
    effects.removeAll()
    room.handle(input, now: now, into: &effects)
  }

  mutating func advance(_ span: Duration) {
    now = now + span
    send(.deadlineReached)
  }

  var events: [MembershipEvent.Kind] {
    effects.list.compactMap { if case .notify(let event) = $0 { event.kind } else { nil } }
  }

  func status(_ name: String) -> MemberStatus? { room.views.first { $0.nodeID.name == name }?.status }
}

func claim(
  _ name: String, _ incarnation: UInt32 = 0, _ state: MemberState = .alive, epoch: UInt64 = 500, accuser: String = ""
) -> MemberRecord {
  var record = MemberRecord()
  record.nodeID = name
  record.epoch = epoch
  record.incarnation = incarnation
  record.state = state
  record.accuser = accuser
  if state == .alive {
    var metadata = NodeMetadata()
    metadata.endpoint = "\(name):17421"
    metadata.metadataVersion = 1
    record.metadata = metadata
  }
  return record
}

func news(_ records: MemberRecord...) -> MeshMessage {
  var news = MeshWire.News()
  news.records = records
  return .news(news)
}

extension Rig {
  /// A rig that is linked to `names`.
  static func connected(_ names: String...) throws -> Rig {
    var rig = try Rig()
    for name in names { rig.send(.peerConnected(try #require(NodeID(name)), claim(name))) }
    return rig
  }

  var observations: [Observation] {
    effects.list.compactMap { if case .observe(let observation) = $0 { observation } else { nil } }
  }

  /// What the last input sent to `name`.
  func messages(to name: String) -> [MeshMessage] {
    effects.list.compactMap { effect in
      if case .send(let nodes, let message) = effect, nodes.contains(where: { $0.name == name }) {
        message
      } else {
        nil
      }
    }
  }
}
