import MeshBasics
import MeshMembership
import MeshWire

/// What a caller who watches `/v1/members` asked for.
public struct MembersWatchRequest: Equatable, Sendable {
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
  private var stream: WatchStream<MemberView>
  /// How often its reader had to begin anew because it was too slow.
  public var lags: UInt64 { stream.lags }

  /// A stream for one caller of the node `localNodeID`, in the life of it that `life` names.
  public init(_ request: MembersWatchRequest, localNodeID: NodeID, life: UInt64) {
    self.localNodeID = localNodeID
    stream = WatchStream(request.watch(life: life))
  }

  /// What comes next. `clock` turns monotonic times into those of the day; `texts` keeps what others are told as well.
  public mutating func next(
    in members: any WatchedResource<MemberView>, clock: MemberClock, texts: (any MemberTexts)? = nil
  ) -> WatchTextPart {
    var text = ItemsText<MemberView>(
      resource: "members", item: "member", localNodeID: localNodeID,
      write: { MemberDocument.writeWithLink($0, at: clock, texts, to: &$1) },
      writeName: { $1.member("nodeId", $0.nodeID.name) })
    if let texts {
      text.share = { happening, key, make in
        if let kept = texts.withEvents({ $0.text(key, at: clock) }) { return kept }
        let made = make()
        // The local member is heard at every moment anew.
        if !happening.item.isLocal { texts.withEvents { $0.keep(made, key, at: clock) } }
        return made
      }
    }
    return stream.next(in: members, now: clock.now) { text.write($0, of: $1, to: &$2) }
  }
}
