import MeshBasics
import MeshMembership
import MeshWire

/// `meshkit.control.v1.Members`: what `/v1/members` is over HTTP.
enum MembersRPC {
  static var list: some RPCMethod {
    SingleRequestMethod { (request, world) throws(RPCStatus) -> RPCReply in
      let message = try RPCTable.reading { () throws(WireError) in try ListMembersRequest.decode(request) }
      let query = try query(message.filter, pageSize: message.pageSize, cursor: message.cursor)
      let view = world.view()
      let (members, nextCursor) = query.page(of: view.members)
      var response = ListMembersResponse()
      response.localNodeID = view.localNodeID.name
      response.token = WatchToken(life: view.life, revision: view.revision).text
      response.members = members.map { MemberMessage($0, at: world.clock) }
      response.nextCursor = nextCursor ?? ""
      return RPCReply(response.encoded())
    }
  }

  static var watch: some RPCMethod {
    SingleRequestMethod { (request, world) throws(RPCStatus) -> MembersWatchRPC in
      let message = try RPCTable.reading { () throws(WireError) in try WatchMembersRequest.decode(request) }
      let query = try query(message.filter)
      let view = world.view()
      let token = message.after.isEmpty ? nil : WatchToken.orUnknown(message.after)
      return MembersWatchRPC(
        MembersWatchRequest(query: query, token: token), localNodeID: view.localNodeID, life: view.life)
    }
  }

  private static func query(
    _ filter: MemberFilterMessage, pageSize: UInt32 = 0, cursor: String = ""
  ) throws(RPCStatus) -> MembersQuery {
    do throws(MembersQuery.Failure) {
      return try MembersQuery(filter, pageSize: Int(pageSize), cursor: cursor)
    } catch {
      throw .invalid(error.detail, reason: "INVALID_FILTER")
    }
  }
}

/// The events of one caller that watches.
struct MembersWatchRPC: RPCStream {
  private let localNodeID: NodeID
  private var watch: Watch<MemberView>
  private var waiting: [MembersEvent] = []
  private var heartbeatAt: Instant?
  private(set) var lags: UInt64 = 0

  init(_ request: MembersWatchRequest, localNodeID: NodeID, life: UInt64) {
    self.localNodeID = localNodeID
    watch = request.watch(life: life)
  }

  mutating func next(_ world: RPCWorld) -> RPCPart {
    let now = world.clock.now
    if waiting.isEmpty, let step = watch.next(in: world.members) { waiting = events(step, world.clock) }
    guard waiting.isEmpty else {
      heartbeatAt = now + WatchLimits.heartbeat
      return .message(waiting.removeFirst().encoded())
    }
    // At once where a caller that came back has missed nothing: it then knows that it is heard.
    if let due = heartbeatAt, now < due { return .nothing(until: due) }
    heartbeatAt = now + WatchLimits.heartbeat
    var sign = MembersEvent()
    sign.token = watch.token?.text ?? ""
    return .message(sign.encoded())
  }

  private mutating func events(_ step: Watch<MemberView>.Step, _ clock: MemberClock) -> [MembersEvent] {
    switch step {
    case .items(let members, let revision, let isFirst, let isComplete):
      var snapshot = MembersSnapshotMessage()
      snapshot.localNodeID = localNodeID.name
      snapshot.isFirst = isFirst
      snapshot.isComplete = isComplete
      snapshot.members = members.map { MemberMessage($0, at: clock) }
      var event = MembersEvent()
      event.snapshot = snapshot
      if isComplete { event.token = watch.token(at: revision).text }
      return [event]
    case .changes(let happenings):
      return happenings.map { happening in
        var event = MembersEvent()
        if happening.completesRevision { event.token = watch.token(at: happening.revision).text }
        if happening.isRemoval {
          event.removal = happening.item.nodeID.name
        } else {
          event.change = MemberMessage(happening.item, at: clock)
        }
        return event
      }
    case .resync(let reason):
      if reason == .lagged { lags &+= 1 }
      var event = MembersEvent()
      event.resync = reason.rawValue
      return [event]
    }
  }
}

extension MemberMessage {
  /// What callers see of `member`.
  init(_ member: MemberView, at clock: MemberClock) {
    self.init()
    nodeID = member.nodeID.name
    switch member.status {
    case .alive: status = MemberStatusCode.alive
    case .suspect: status = MemberStatusCode.suspect
    case .left: status = MemberStatusCode.left
    }
    lastSeenUnixMilliseconds = (MemberDocument.lastSeen(member, clock) ?? 0) / 10_000
    roundTripMicroseconds = UInt64(clamping: (member.roundTrip?.nanoseconds ?? 0) / 1_000)
    metadata = member.metadata
    metadata.http3Support = member.speaksHTTP3
    linkTransport = member.linkTransport ?? ""
  }
}
