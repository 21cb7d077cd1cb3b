import MeshBasics
import MeshMembership
import MeshWire

/// What a caller who watches `/v1/members` asked for.
public struct MembersWatchRequest: Equatable, Sendable {
  let query: MembersQuery
  /// Where it left off; nil for the beginning.
  let token: WatchToken?
}

/// `GET /v1/members?watch=true`: the members as a stream of events (docs/internals/control.md). A value without IO;
/// its caller writes what it gives.
public struct MembersEventStream {
  private let localNodeID: NodeID
  private let epoch: UInt64
  private var watch: Watch<MemberView>
  private var heartbeatAt: Instant?
  /// How often its reader had to begin anew because it was too slow.
  public private(set) var lags: UInt64 = 0

  /// A stream for one caller of the node `localNodeID`, in the life of it that `epoch` names.
  public init(_ request: MembersWatchRequest, localNodeID: NodeID, epoch: UInt64) {
    self.localNodeID = localNodeID
    self.epoch = epoch
    watch = Watch(epoch: epoch, from: request.token) { request.query.matches($0) }
  }

  /// What comes next. `clock` turns monotonic times into those of the day.
  public mutating func next(
    in members: some WatchedResource<MemberView>, clock: MemberClock
  ) -> EventStreamPart {
    var text = EventText()
    if heartbeatAt == nil { text.retry(after: EventStreamTimes.retry) }
    if let step = watch.next(in: members) {
      write(step, clock, to: &text)
    } else if let due = heartbeatAt, clock.now < due {
      return .nothing(until: due)
    } else {
      text.heartbeat(id: id)
    }
    heartbeatAt = clock.now + EventStreamTimes.heartbeat
    return .bytes(text.bytes)
  }

  /// The token of all that the caller knows.
  private var id: String? { watch.revision.map { WatchToken(epoch: epoch, revision: $0).text } }

  private mutating func write(_ step: Watch<MemberView>.Step, _ clock: MemberClock, to text: inout EventText) {
    switch step {
    case .items(let members, let revision, let isFirst, let isComplete):
      let document = Problem.document { json in
        json.member("schemaVersion", "v1")
        json.member("localNodeId", localNodeID.name)
        json.member("revision", "\(revision)")
        json.name("first")
        json.bool(isFirst)
        json.name("complete")
        json.bool(isComplete)
        json.name("members")
        json.beginArray()
        for member in members { MemberDocument.write(member, at: clock, to: &json) }
        json.endArray()
      }
      text.event("members.snapshot", id: isComplete ? id : nil, data: document)
    case .changes(let happenings): for happening in happenings { write(happening, clock, to: &text) }
    case .resync(let reason):
      if reason == .lagged { lags &+= 1 }
      text.event("members.resync", id: nil, data: Problem.document { $0.member("reason", reason.rawValue) })
    }
  }

  private func write(_ happening: Watch<MemberView>.Happening, _ clock: MemberClock, to text: inout EventText) {
    let id = happening.completesRevision ? WatchToken(epoch: epoch, revision: happening.revision).text : nil
    switch happening.kind {
    case .changed(let member):
      let document = Problem.document { json in
        json.member("revision", "\(happening.revision)")
        json.name("member")
        MemberDocument.write(member, at: clock, to: &json)
      }
      text.event("members.change", id: id, data: document)
    case .removed(let member):
      let document = Problem.document { json in
        json.member("revision", "\(happening.revision)")
        json.member("nodeId", member.nodeID.name)
      }
      text.event("members.removal", id: id, data: document)
    }
  }
}

/// The times of event streams.
enum EventStreamTimes {
  /// The longest silence.
  static let heartbeat = Duration.seconds(15)
  /// How long a client waits before it comes back, as OmniRelay's streams say it (contracts: http §9).
  static let retry = Duration.seconds(2)
}
