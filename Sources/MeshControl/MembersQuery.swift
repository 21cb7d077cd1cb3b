import MeshBasics
import MeshMembership
import MeshWire

/// Which members `GET /v1/members` is asked for, out of the query of its target.
struct MembersQuery: Equatable {
  /// What is wrong with a query: the parameter, and what is allowed.
  struct Failure: Error, Equatable {
    let detail: String
  }

  static let limitMax = 1_000
  /// How many labels may be asked for.
  static let labelsMax = 8
  static let parameters = ["limit", "cursor", "role", "cluster", "region", "version", "status", "label"]
  /// Before the name in a cursor. Callers must not look into cursors, which may change.
  private static let cursorMark = "v1."

  /// The most members of one answer.
  private(set) var limit = 100
  /// The last member of the answer before.
  private(set) var after: NodeID?
  private(set) var role: String?
  private(set) var cluster: String?
  private(set) var region: String?
  private(set) var version: String?
  private(set) var status: MemberStatus?
  /// All of them must be there, with the value if one is given.
  private(set) var labels: [(key: String, value: String?)] = []

  init(target: String) throws(Failure) {
    let query = target.utf8.drop { $0 != UInt8(ascii: "?") }.dropFirst()
    var seen: [String] = []
    for pair in query.split(separator: UInt8(ascii: "&")) {
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = MembersQuery.decoded(parts[0]), MembersQuery.parameters.contains(name) else {
        throw Failure(
          detail: "The query has an unknown parameter; allowed: \(MembersQuery.parameters.joined(separator: ", ")).")
      }
      guard let value = MembersQuery.decoded(parts.dropFirst().first ?? pair.prefix(0)) else {
        throw Failure(detail: "\(name) is not percent-encoded UTF-8.")
      }
      guard name == "label" || !seen.contains(name) else { throw Failure(detail: "\(name) is given twice.") }
      seen.append(name)
      try take(name, value)
    }
  }

  private mutating func take(_ name: String, _ value: String) throws(Failure) {
    switch name {
    case "limit":
      guard let count = Int(value), (1...MembersQuery.limitMax).contains(count) else {
        throw Failure(detail: "limit is a number from 1 to \(MembersQuery.limitMax).")
      }
      limit = count
    case "cursor":
      let name = String(value.dropFirst(MembersQuery.cursorMark.count))
      guard value.hasPrefix(MembersQuery.cursorMark), let node = NodeID(name) else {
        throw Failure(detail: "cursor is not the nextCursor of an answer.")
      }
      after = node
    case "status":
      let named = MemberStatus.allCases.first { ASCII.equalIgnoringCase($0.rawValue.utf8, value.utf8) }
      guard let named else {
        throw Failure(
          detail: "status is one of \(MemberStatus.allCases.map(\.rawValue).joined(separator: ", ")), in any case.")
      }
      status = named
    case "label":
      let parts = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let key = parts.first, !key.isEmpty, labels.count < MembersQuery.labelsMax else {
        throw Failure(detail: "label is KEY or KEY=VALUE, \(MembersQuery.labelsMax) times at most.")
      }
      labels.append((key, parts.count > 1 ? parts[1] : nil))
    case "role": role = value
    case "cluster": cluster = value
    case "region": region = value
    default: version = value
    }
  }

  /// The members of one answer, in the order of their ids, and the cursor of the next answer if there are more.
  func page(of members: [MemberView]) -> (members: [MemberView], nextCursor: String?) {
    let rest = members.filter { member in after.map { $0 < member.nodeID } ?? true && matches(member) }
      .sorted { $0.nodeID < $1.nodeID }
    let page = Array(rest.prefix(limit))
    return (page, rest.count > limit ? page.last.map { MembersQuery.cursorMark + $0.nodeID.name } : nil)
  }

  private func matches(_ member: MemberView) -> Bool {
    let metadata = member.metadata
    func isWanted(_ wanted: String?, _ value: String) -> Bool { wanted == nil || wanted == value }
    return isWanted(role, metadata.role) && isWanted(cluster, metadata.clusterID) && isWanted(region, metadata.region)
      && isWanted(version, metadata.meshVersion) && (status == nil || status == member.status)
      && labels.allSatisfy { wanted in
        metadata.labels.contains { $0.key == wanted.key && isWanted(wanted.value, $0.value) }
      }
  }

  static func == (left: MembersQuery, right: MembersQuery) -> Bool {
    left.limit == right.limit && left.after == right.after && left.role == right.role
      && left.cluster == right.cluster && left.region == right.region && left.version == right.version
      && left.status == right.status && left.labels.elementsEqual(right.labels) { $0 == $1 }
  }

  /// Without percent encoding (RFC 3986 §2.1); nil when that, or the UTF-8 in it, is broken.
  private static func decoded(_ text: some Sequence<UInt8>) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
      (byte | 0x20) - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
