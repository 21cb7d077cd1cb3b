import MeshBasics
import MeshMembership
import MeshWire

/// What a caller who watches `/v1/members` asked for.
public struct MembersWatchRequest: Equatable, Sendable {
  /// What its caller must be allowed to do, for as long as it goes on.
  public static let scope = Route.Answer.members.scope

  let query: MembersQuery
  /// Where it left off; nil for the beginning.
  let token: WatchToken?

  /// A caller's way through the members, in one life of the node.
  func watch(life: UInt64) -> Watch<MemberView> {
    Watch(life: life, filter: query.filterHash, from: token) { query.matches($0) }
  }
}

/// `GET /v1/members?watch=true`: the members as a stream of events (docs/internals/control.md). A value without IO;
/// its caller writes what it gives.
public struct MembersWatchText {
  private let localNodeID: NodeID
  private var watch: Watch<MemberView>
  private var heartbeatAt: Instant?
  /// How often its reader had to begin anew because it was too slow.
  public private(set) var lags: UInt64 = 0

  /// A stream for one caller of the node `localNodeID`, in the life of it that `life` names.
  public init(_ request: MembersWatchRequest, localNodeID: NodeID, life: UInt64) {
    self.localNodeID = localNodeID
    watch = request.watch(life: life)
  }

  /// What comes next. `clock` turns monotonic times into those of the day; `texts` keeps what others are told as well.
  public mutating func next(
    in members: some WatchedResource<MemberView>, clock: MemberClock, texts: (any MemberTexts)? = nil
  ) -> WatchTextPart {
    var text = EventText()
    if heartbeatAt == nil { text.retry(after: WatchLimits.retry) }
    if let step = watch.next(in: members) {
      write(step, clock, texts, to: &text)
    } else if let due = heartbeatAt, clock.now < due {
      return .nothing(until: due)
    } else {
      text.heartbeat(id: id)
    }
    heartbeatAt = clock.now + WatchLimits.heartbeat
    return .bytes(text.bytes)
  }

  /// The token of all that the caller knows.
  private var id: String? { watch.token?.text }

  private mutating func write(
    _ step: Watch<MemberView>.Step, _ clock: MemberClock, _ texts: (any MemberTexts)?, to text: inout EventText
  ) {
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
        for member in members { MemberDocument.writeWithLink(member, at: clock, texts, to: &json) }
        json.endArray()
      }
      text.event("members.snapshot", id: isComplete ? id : nil, data: document)
    case .changes(let happenings): for happening in happenings { write(happening, clock, texts, to: &text) }
    case .resync(let reason):
      if reason == .lagged { lags &+= 1 }
      text.event("members.resync", id: nil, data: Problem.document { $0.member("reason", reason.rawValue) })
    }
  }

  private func write(
    _ happening: Watch<MemberView>.Happening, _ clock: MemberClock, _ texts: (any MemberTexts)?,
    to text: inout EventText
  ) {
    let id = happening.completesRevision ? watch.token(at: happening.revision).text : nil
    switch happening.kind {
    case .changed(let member):
      let document = Problem.document { json in
        json.member("revision", "\(happening.revision)")
        json.name("member")
        MemberDocument.writeWithLink(member, at: clock, texts, to: &json)
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
