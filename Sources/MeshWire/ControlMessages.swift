// The messages of `meshkit.control.v1.Members`. Numbers and names are those of
// `proto/meshkit/control/v1/members.proto`.

/// A member's status as callers see it.
public enum MemberStatusCode {
  /// The numbers of `MemberStatus`.
  public static let (unspecified, alive, suspect, left): (UInt32, UInt32, UInt32, UInt32) = (0, 1, 2, 3)
}

/// One member.
public struct MemberMessage: Equatable, Sendable {
  /// Its name.
  public var nodeID = ""
  /// A number of `MemberStatusCode`.
  public var status: UInt32 = 0
  /// When it was heard last, in milliseconds of Unix time; 0 when never.
  public var lastSeenUnixMilliseconds: Int64 = 0
  /// The last round trip in microseconds; 0 while none was measured.
  public var roundTripMicroseconds: UInt64 = 0
  /// What it says of itself.
  public var metadata = NodeMetadata()
  /// What carries its link to the node, `http3` or `http2`; empty without a link.
  public var linkTransport = ""

  /// A member without a name.
  public init() {}
}

/// Which members a caller wants; what is empty filters nothing.
public struct MemberFilterMessage: Equatable, Sendable {
  /// In any case.
  public var role = ""
  /// In any case.
  public var cluster = ""
  /// In any case.
  public var region = ""
  /// In any case.
  public var version = ""
  /// A number of `MemberStatusCode`.
  public var status: UInt32 = 0
  /// `KEY` or `KEY=VALUE`, exactly.
  public var labels: [String] = []

  /// All members.
  public init() {}
}

/// Asks for one page.
public struct ListMembersRequest: Equatable, Sendable {
  /// Which members.
  public var filter = MemberFilterMessage()
  /// The most members of the page; 0 for the usual.
  public var pageSize: UInt32 = 0
  /// Where the page before ended.
  public var cursor = ""

  /// The first page of all.
  public init() {}

  /// The request in `bytes`.
  public static func decode(_ bytes: [UInt8]) throws(WireError) -> ListMembersRequest {
    try ProtobufReader.read(ListMembersRequest.self, bytes, "request", max: WireLimits.controlRequestBytes)
  }
}

/// One page.
public struct ListMembersResponse: Equatable, Sendable {
  /// The node that answers.
  public var localNodeID = ""
  /// The state that the page tells.
  public var token = ""
  /// The members.
  public var members: [MemberMessage] = []
  /// Where the next page begins; empty with the last.
  public var nextCursor = ""

  /// An empty page.
  public init() {}

  /// The page as protobuf.
  public func encoded() -> [UInt8] { ProtobufBytes.of(self) }
}

/// Begins a watch.
public struct WatchMembersRequest: Equatable, Sendable {
  /// Which members.
  public var filter = MemberFilterMessage()
  /// Where the watch before broke off.
  public var after = ""

  /// A watch of all from the beginning.
  public init() {}

  /// The request in `bytes`.
  public static func decode(_ bytes: [UInt8]) throws(WireError) -> WatchMembersRequest {
    try ProtobufReader.read(WatchMembersRequest.self, bytes, "request", max: WireLimits.controlRequestBytes)
  }
}

/// One event of a watch.
public struct MembersEvent: Equatable, Sendable {
  /// How far the caller knows all with it.
  public var token = ""
  /// Some members of a snapshot.
  public var snapshot: MembersSnapshotMessage?
  /// What a member is now.
  public var change: MemberMessage?
  /// A member that is gone.
  public var removal = ""
  /// Why the caller begins anew.
  public var resync = ""

  /// A sign of life.
  public init() {}

  /// The event as protobuf.
  public func encoded() -> [UInt8] { ProtobufBytes.of(self) }
}

/// Some members of a snapshot.
public struct MembersSnapshotMessage: Equatable, Sendable {
  /// The node that answers.
  public var localNodeID = ""
  /// They replace all that the caller knows.
  public var isFirst = false
  /// They are the last.
  public var isComplete = false
  /// The members.
  public var members: [MemberMessage] = []

  /// None.
  public init() {}
}

extension MemberMessage: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "nodeId", &nodeID, .nodeID)
    try visitor.uint32(2, "status", &status)
    try visitor.int64(3, "lastSeenUnixMilliseconds", &lastSeenUnixMilliseconds)
    try visitor.uint64(4, "roundTripMicroseconds", &roundTripMicroseconds)
    try visitor.embedded(5, "metadata", &metadata)
    try visitor.text(6, "linkTransport", &linkTransport, .text)
  }
}

extension MemberFilterMessage: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "role", &role, .text)
    try visitor.text(2, "cluster", &cluster, .text)
    try visitor.text(3, "region", &region, .text)
    try visitor.text(4, "version", &version, .text)
    try visitor.uint32(5, "status", &status, max: MemberStatusCode.left)
    try visitor.texts(6, "labels", &labels, .labelValue, max: WireLimits.labelFilters)
  }
}

extension ListMembersRequest: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.embedded(1, "filter", &filter)
    try visitor.uint32(2, "pageSize", &pageSize)
    try visitor.text(3, "cursor", &cursor, .text)
  }
}

extension ListMembersResponse: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "localNodeId", &localNodeID, .nodeID)
    try visitor.text(2, "token", &token, .text)
    try visitor.repeated(3, "members", &members, max: WireLimits.recordsPerFrame)
    try visitor.text(4, "nextCursor", &nextCursor, .text)
  }
}

extension WatchMembersRequest: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.embedded(1, "filter", &filter)
    try visitor.text(2, "after", &after, .text)
  }
}

extension MembersEvent: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "token", &token, .text)
    try visitor.optional(2, "snapshot", &snapshot, max: WireLimits.frameBytes)
    try visitor.optional(3, "change", &change, max: WireLimits.frameBytes)
    try visitor.text(4, "removal", &removal, .nodeIDOrEmpty)
    try visitor.text(5, "resync", &resync, .text)
  }
}

extension MembersSnapshotMessage: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "localNodeId", &localNodeID, .nodeID)
    try visitor.bool(2, "first", &isFirst)
    try visitor.bool(3, "complete", &isComplete)
    try visitor.repeated(4, "members", &members, max: WireLimits.recordsPerFrame)
  }
}
