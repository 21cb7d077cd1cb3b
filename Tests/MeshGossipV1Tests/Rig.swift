import MeshBasics
import MeshWire
import Testing

@testable import MeshGossipV1

/// 2025-11-24T10:00:00Z in 100 ns.
let noon: Int64 = 17_639_784_000_000_000

/// A v1 side driven by hand. The node is "kit", in the cluster "local".
struct Rig {
  var room: GossipV1
  var now = Instant.origin + .seconds(100)
  var effects = GossipV1Effects()
  private var requests: UInt64 = 0

  init(seed: UInt64 = 7, change: (inout GossipV1Configuration) -> Void = { _ in }) throws {
    var metadata = NodeMetadata()
    metadata.metadataVersion = noon / 10_000
    metadata.labels = [Label(key: "zone", value: "z1")]
    var configuration = GossipV1Configuration(
      nodeID: try id("kit"), endpoint: try endpoint("kit"), metadata: metadata)
    change(&configuration)
    room = GossipV1(configuration: configuration, seed: seed)
    send(.started)
  }

  /// The wall clock of this node.
  var unixTicks: Int64 { noon + Int64(now.since(.origin + .seconds(100)).nanoseconds / 100) }

  mutating func send(_ input: GossipV1Input) {
    effects.removeAll()
    room.handle(input, now: now, unixTicks: unixTicks, into: &effects)
  }

  /// A v1 node asks this one; answers what it is told.
  @discardableResult
  mutating func ask(_ envelope: V1Envelope, identity: PeerIdentity? = nil) throws -> V1Answer {
    try ask(V1Call(.envelope(envelope)), identity: identity)
  }

  @discardableResult
  mutating func ask(_ call: V1Call, identity: PeerIdentity? = nil) throws -> V1Answer {
    requests += 1
    let request = RequestID(rawValue: requests)
    send(.called(request, call, identity: identity))
    let answers = effects.list.compactMap { effect in
      if case .answer(request, let answer) = effect { answer } else { nil }
    }
    try #require(answers.count == 1)
    return answers[0]
  }

  /// Lets time pass up to each deadline in turn; `react` sees each turn.
  mutating func run(_ span: Duration, react: (inout Rig) throws -> Void = { _ in }) throws {
    let end = now + span
    while let next = room.nextDeadline, next <= end {
      now = max(now, next)
      send(.deadlineReached)
      try react(&self)
    }
    now = end
  }

  /// Lets time pass while these v1 nodes answer what they are posted, and nobody else does.
  mutating func run(_ span: Duration, answering names: [String], gathering: (GossipV1Effect) -> Void = { _ in }) throws
  {
    try run(span) { rig in
      rig.effects.list.forEach(gathering)
      for post in rig.posts {
        guard let name = names.first(where: { post.endpoint.host == $0 }) else { continue }
        switch post.message {
        case .envelope: try rig.reply(post.id, v1Envelope(name))
        case .shuffle:
          let answer = V1Message.shuffle(V1Shuffle(sender: "\(name):17421", endpoints: []))
          rig.send(.replied(post.id, .message(answer), identity: nil))
        }
        rig.effects.list.forEach(gathering)
      }
    }
  }

  mutating func reply(_ exchange: ExchangeID, _ envelope: V1Envelope, identity: PeerIdentity? = nil) {
    send(.replied(exchange, .message(.envelope(envelope)), identity: identity))
  }

  var posts: [(id: ExchangeID, endpoint: Endpoint, message: V1Message)] {
    effects.list.compactMap {
      if case .post(let id, let endpoint, let message) = $0 { (id, endpoint, message) } else { nil }
    }
  }

  /// Envelopes posted to `name` in the last turn.
  func envelopes(to name: String) -> [V1Envelope] {
    posts.compactMap { post in
      if post.endpoint.host == name, case .envelope(let envelope) = post.message { envelope } else { nil }
    }
  }

  var events: [GuestEvent] { effects.list.compactMap { if case .notify(let event) = $0 { event } else { nil } } }
  var kinds: [GuestEvent.Kind] { events.map(\.kind) }
  var observations: [Observation] {
    effects.list.compactMap { if case .observe(let observation) = $0 { observation } else { nil } }
  }

  func guest(_ name: String) -> GuestView? { NodeID(name).flatMap { room.guestView(of: $0) } }
}

func id(_ name: String) throws -> NodeID { try #require(NodeID(name)) }

func endpoint(_ name: String) throws -> Endpoint { try #require(Endpoint(host: name, port: 17_421)) }

func identity(_ names: String..., cluster: String? = nil) -> PeerIdentity {
  PeerIdentity(nodeNames: names, clusterID: cluster, keyFingerprint: "")
}

/// What a v1 node says of itself.
func profile(_ name: String, version: Int64 = 1, change: (inout NodeMetadata) -> Void = { _ in }) throws -> V1Profile {
  var metadata = NodeMetadata()
  metadata.metadataVersion = version
  metadata.endpoint = "\(name):17421"
  change(&metadata)
  return V1Profile(nodeID: try id(name), metadata: metadata, endpoint: Endpoint(parsing: metadata.endpoint))
}

/// What a v1 node sends: itself first, then `others`.
func v1Envelope(_ name: String, _ others: V1Member..., change: (inout NodeMetadata) -> Void = { _ in }) throws
  -> V1Envelope
{
  let sender = try profile(name, change: change)
  var envelope = V1Envelope(sender: sender)
  envelope.members = [V1Member(profile: sender, status: .alive, lastSeenUnixTicks: noon)] + others
  return envelope
}

func member(
  _ name: String, _ status: V1Status = .alive, version: Int64 = 1, change: (inout NodeMetadata) -> Void = { _ in }
)
  throws -> V1Member
{
  V1Member(profile: try profile(name, version: version, change: change), status: status, lastSeenUnixTicks: noon)
}

func resident(_ name: String, _ state: MemberState = .alive, version: Int64 = 5) throws -> Resident {
  var metadata = NodeMetadata()
  metadata.metadataVersion = version
  return Resident(nodeID: try id(name), state: state, metadata: metadata, endpoint: try endpoint(name))
}

extension V1Answer {
  var envelope: V1Envelope? { if case .message(.envelope(let envelope)) = self { envelope } else { nil } }
}

extension V1Envelope {
  func member(_ name: String) -> V1Member? { members.first { $0.profile.nodeID.name == name } }
  var names: [String] { members.map(\.profile.nodeID.name) }
}
