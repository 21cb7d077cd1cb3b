import MeshBasics
import MeshMembership
import MeshWire

/// Which members `GET /v1/members` is asked for, out of the query of its target.
struct MembersQuery: Equatable, Sendable {
  typealias Failure = Query.Failure

  /// The members of one answer, unless another number is asked for; what is more than the most is cut to it, as
  /// OmniRelay's lists do.
  static let pageSizeDefault = 100
  static let pageSizeMax = 500
  /// How many labels may be asked for.
  static let labelsMax = 4
  static let parameters = [
    "pageSize", "cursor", "role", "cluster", "region", "version", "status", "label", "watch", "after",
  ]
  /// Before the name in a cursor. Callers must not look into cursors, which may change.
  private static let cursorMark = "v1."

  /// The most members of one answer.
  private(set) var pageSize = pageSizeDefault
  /// The last member of the answer before.
  private(set) var previous: NodeID?
  /// A stream of events is wanted in place of a page.
  private(set) var isWatch = false
  /// Where the stream before broke off.
  private(set) var after: String?
  private(set) var role: String?
  private(set) var cluster: String?
  private(set) var region: String?
  private(set) var version: String?
  private(set) var status: MemberStatus?
  /// All of them must be there, with the value if one is given.
  private(set) var labels: [LabelFilter] = []

  /// One label that must be there.
  struct LabelFilter: Equatable, Sendable {
    let key: String
    /// Nil for any.
    let value: String?
  }

  init(target: String) throws(Failure) {
    let given = try Query.parameters(in: target, allowed: MembersQuery.parameters, repeated: "label")
    for (name, value) in given {
      // An empty value filters nothing, as in OmniRelay's own questions (contracts: grpc); `label=` names no label.
      if !value.isEmpty || name == "pageSize" || name == "label" { try take(name, value) }
    }
    if isWatch, previous != nil || given.contains(where: { $0.name == "pageSize" }) {
      throw Failure(detail: "pageSize and cursor are for pages; a watch has none.")
    }
    if !isWatch, after != nil { throw Failure(detail: "after is for watch=true.") }
  }

  /// The same question as a message; what is empty filters nothing.
  init(_ filter: MemberFilterMessage, pageSize: Int, cursor: String) throws(Failure) {
    (role, cluster) = (filter.role.isEmpty ? nil : filter.role, filter.cluster.isEmpty ? nil : filter.cluster)
    (region, version) = (filter.region.isEmpty ? nil : filter.region, filter.version.isEmpty ? nil : filter.version)
    switch filter.status {
    case MemberStatusCode.unspecified: break
    case MemberStatusCode.alive: status = .alive
    case MemberStatusCode.suspect: status = .suspect
    case MemberStatusCode.left: status = .left
    default: throw Failure(detail: "status \(filter.status) is no MemberStatus.")
    }
    for label in filter.labels { try take("label", label) }
    if !cursor.isEmpty { try take("cursor", cursor) }
    self.pageSize = pageSize == 0 ? MembersQuery.pageSizeDefault : min(pageSize, MembersQuery.pageSizeMax)
  }

  private mutating func take(_ name: String, _ value: String) throws(Failure) {
    switch name {
    case "pageSize":
      guard let count = Int(value) else { throw Failure(detail: "pageSize is not a number.") }
      pageSize = count <= 0 ? MembersQuery.pageSizeDefault : min(count, MembersQuery.pageSizeMax)
    case "cursor":
      let name = String(value.dropFirst(MembersQuery.cursorMark.count))
      guard value.hasPrefix(MembersQuery.cursorMark), let node = NodeID(name) else {
        throw Failure(detail: "cursor is not the nextCursor of an answer.")
      }
      previous = node
    case "watch": isWatch = try Query.flag(name, value)
    case "after": after = value
    case "status":
      let named = MemberStatus.allCases.first { ASCII.equalIgnoringCase($0.rawValue.utf8, value.utf8) }
      guard let named else {
        throw Failure(
          detail: "status is one of \(MemberStatus.allCases.map(\.rawValue).joined(separator: ", ")), in any case.")
      }
      status = named
    case "label":
      let key = value.utf8.prefix { $0 != UInt8(ascii: "=") }
      guard !key.isEmpty, labels.count < MembersQuery.labelsMax else {
        throw Failure(detail: "label is KEY or KEY=VALUE, \(MembersQuery.labelsMax) times at most.")
      }
      let rest = value.utf8.dropFirst(key.count)
      labels.append(
        LabelFilter(key: String(Substring(key)), value: rest.isEmpty ? nil : String(Substring(rest.dropFirst()))))
    case "role": role = value
    case "cluster": cluster = value
    case "region": region = value
    default: version = value
    }
  }

  /// Tells these filters from others, whatever else is asked for.
  var filterHash: UInt32 {
    var hash = StableHash()
    for text in [role, cluster, region, version, status?.rawValue] {
      hash.combine(UInt64(text?.utf8.count ?? 0))
      hash.combine((text ?? "").utf8.map(ASCII.lowercased))
    }
    for label in labels.map({ $0.key + ($0.value.map { "=" + $0 } ?? "") }).sorted() { hash.combine(label) }
    return UInt32(truncatingIfNeeded: hash.value)
  }

  /// The members of one answer, in the order of their ids, and the cursor of the next answer if there are more.
  func page(of members: [MemberView]) -> (members: [MemberView], nextCursor: String?) {
    let rest = members.filter { member in previous.map { $0 < member.nodeID } ?? true && matches(member) }
      .sorted { $0.nodeID < $1.nodeID }
    let page = Array(rest.prefix(pageSize))
    return (page, rest.count > pageSize ? page.last.map { MembersQuery.cursorMark + $0.nodeID.name } : nil)
  }

  /// Whether the member is among those that are asked for.
  func matches(_ member: MemberView) -> Bool {
    // Asked of each event of each caller who watches, and most of them want all.
    if role == nil, cluster == nil, region == nil, version == nil, status == nil, labels.isEmpty { return true }
    let metadata = member.metadata
    return MembersQuery.isWanted(role, metadata.role) && MembersQuery.isWanted(cluster, metadata.clusterID)
      && MembersQuery.isWanted(region, metadata.region) && MembersQuery.isWanted(version, metadata.meshVersion)
      && (status == nil || status == member.status)
      && labels.allSatisfy { wanted in
        metadata.labels.contains { label in
          label.key.utf8.elementsEqual(wanted.key.utf8)
            && wanted.value.map { label.value.utf8.elementsEqual($0.utf8) } ?? true
        }
      }
  }

  /// In any case, as OmniRelay compares what nodes are (contracts: agent_watch).
  private static func isWanted(_ wanted: String?, _ value: String) -> Bool {
    wanted.map { ASCII.equalIgnoringCase($0.utf8, value.utf8) } ?? true
  }
}
