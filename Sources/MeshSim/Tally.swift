import MeshBasics
import MeshMembership

/// How often what happened, so that a campaign can tell what it never tried.
public struct Tally: Equatable, Sendable {
  /// What the network and the machines do beside the faults of the plan.
  enum Count: Int, CaseIterable, Sendable {
    case dialTimedOut, portClosed, lostForGood, doubted, idled, inboxOverflowed, unreadable, conflict, broadcast
    case storeFailed

    var name: String {
      switch self {
      case .dialTimedOut: "dial timed out"
      case .portClosed: "dial found the port closed"
      case .lostForGood: "message lost for good"
      case .doubted: "link doubted"
      case .idled: "connection idled out"
      case .inboxOverflowed: "inbox overflowed"
      case .unreadable: "message unreadable"
      case .conflict: "node stopped by a conflict"
      case .broadcast: "broadcast delivered"
      case .storeFailed: "node stopped by its disk"
      }
    }
  }

  private var counts = Array(repeating: 0, count: Count.allCases.count)
  private var faults = Array(repeating: 0, count: FaultKind.allCases.count)
  private var events = Array(repeating: 0, count: MembershipEvent.Kind.allCases.count)
  /// In how many lives of processes each rare turn was taken.
  private var marks = Array(repeating: 0, count: Marks.names.count)
  private var observations = OrderedMap<String, Int>()

  mutating func add(_ count: Count) { counts[count.rawValue] &+= 1 }
  mutating func add(_ fault: FaultKind) { faults[fault.rawValue] &+= 1 }
  mutating func add(_ kind: MembershipEvent.Kind) { events[kind.position] &+= 1 }
  mutating func add(observation name: String) { observations[name] = (observations[name] ?? 0) &+ 1 }

  mutating func add(_ taken: Marks) {
    for index in marks.indices where taken.rawValue & (1 << UInt64(index)) != 0 { marks[index] &+= 1 }
  }

  /// Adds all of another run.
  mutating func add(_ other: Tally) {
    for index in counts.indices { counts[index] &+= other.counts[index] }
    for index in faults.indices { faults[index] &+= other.faults[index] }
    for index in marks.indices { marks[index] &+= other.marks[index] }
    for index in events.indices { events[index] &+= other.events[index] }
    for (name, count) in other.observations { observations[name] = (observations[name] ?? 0) &+ count }
  }

  /// All by name; 0 for what never happened.
  public var entries: [(name: String, count: Int)] {
    FaultKind.allCases.map { ("fault \($0.name)", faults[$0.rawValue]) }
      + MembershipEvent.Kind.allCases.map { ("event \($0)", events[$0.position]) }
      + Count.allCases.map { ($0.name, counts[$0.rawValue]) }
      + Marks.names.enumerated().map { ("turn \($0.element)", marks[$0.offset]) }
      + observations.map { ("observed \($0.0)", $0.1) }
  }

  /// The names of what never happened.
  var unhit: [String] { entries.filter { $0.count == 0 }.map(\.name) }

  /// How often what `name` stands for happened.
  public func count(_ name: String) -> Int { entries.first { $0.name == name }?.count ?? 0 }
}

extension MembershipEvent.Kind {
  fileprivate var position: Int {
    switch self {
    case .joined: 0
    case .updated: 1
    case .suspect: 2
    case .recovered: 3
    case .left: 4
    }
  }
}
