import MeshBasics
import MeshTransport

/// A dial of a link, or the way to a peer that is to be called.
enum DialID: Comparable, Hashable {
  case link(LinkID)
  case call(CallID)
}

/// The addresses behind hosts' names, and the dials, each with its own `ID`, that wait to hear them. For one thread
/// alone.
///
/// Of several addresses one is dialed at a time: the first of those that this node's socket can speak to and that
/// didn't fail last. A name that can't be looked up now keeps the addresses that it had.
struct AddressBook<ID: Comparable & Hashable> {
  /// What to do about a dial.
  enum Step: Equatable {
    /// Dial this address now.
    case dial(SocketAddress)
    /// Look the name up; the dial waits for `answered`.
    case lookUp
    /// The same, and it is being looked up already.
    case wait
  }

  /// What becomes of the dials that waited for a name.
  struct Answer: Equatable {
    var dials: [Dial] = []
    /// Those that come to nothing, and why.
    var lost: [ID] = []
    var reason = ""
  }

  /// A dial that can begin.
  struct Dial: Equatable {
    let id: ID
    let host: String
    let address: SocketAddress
  }

  private struct Entry {
    var addresses: [SocketAddress]
    var failed: [SocketAddress] = []
    var answeredAt: Instant

    /// Never empty, so neither is the answer.
    var next: SocketAddress? { addresses.first { !failed.contains($0) } ?? addresses.first }
  }

  /// Names that are remembered.
  static var namesMax: Int { 1_024 }
  /// How long an answer stands before the name is looked up anew for the next dial.
  static var freshness: Duration { .seconds(5) }

  private let bound: SocketAddress?
  private var entries: [String: Entry] = [:]
  private var underWay: Set<String> = []
  private var waiting: [ID: Endpoint] = [:]
  private var dialing: [ID: (host: String, address: SocketAddress)] = [:]

  /// A book for a socket that is bound to `bindAddress`.
  init(bindAddress: String) { bound = SocketAddress(literal: bindAddress, port: 0) }

  /// Begins a dial of a name.
  mutating func dial(_ id: ID, _ endpoint: Endpoint, now: Instant) -> Step {
    let host = endpoint.host
    let isUnderWay = underWay.contains(host)
    if let entry = entries[host], isUnderWay || now.since(entry.answeredAt) < AddressBook.freshness,
      let address = begin(id, host, port: endpoint.port)
    {
      return .dial(address)
    }
    waiting[id] = endpoint
    underWay.insert(host)
    return isUnderWay ? .wait : .lookUp
  }

  /// The answer to a lookup, in the resolver's order, or why there is none.
  mutating func answered(
    _ host: String, _ result: Result<[SocketAddress], TransportError>, now: Instant
  ) -> Answer {
    underWay.remove(host)
    var answer = Answer()
    switch result {
    case .success(let addresses): answer.reason = note(addresses, of: host, now: now)
    case .failure(let error): answer.reason = error.description
    }
    for (id, endpoint) in waiting.filter({ $0.value.host == host }).sorted(by: { $0.key < $1.key }) {
      waiting[id] = nil
      if let address = begin(id, host, port: endpoint.port) {
        answer.dials.append(Dial(id: id, host: host, address: address))
      } else {
        answer.lost.append(id)
      }
    }
    return answer
  }

  /// Whether a dial still waits for an answer.
  func isWaiting(_ id: ID) -> Bool { waiting[id] != nil }

  /// The address that `id` was dialed at is a good one.
  mutating func opened(_ id: ID) { dialing[id] = nil }

  /// A link ended; if it had never opened, its name's next dial is tried elsewhere.
  mutating func closed(_ id: ID) {
    guard let (host, address) = dialing.removeValue(forKey: id), var entry = entries[host] else { return }
    let bare = address.with(port: 0)
    guard entry.addresses.contains(bare), !entry.failed.contains(bare) else { return }
    entry.failed.append(bare)
    if entry.failed.count == entry.addresses.count { entry.failed = [] }
    entries[host] = entry
  }

  /// Nobody wants the dial any more, which says nothing about its address.
  mutating func giveUp(_ id: ID) {
    waiting[id] = nil
    dialing[id] = nil
  }

  /// Takes over what a name stands for. Returns why none of it is of use.
  private mutating func note(_ addresses: [SocketAddress], of host: String, now: Instant) -> String {
    let usable = addresses.map { $0.with(port: 0) }.filter(speaks)
    guard !usable.isEmpty else {
      let family = bound?.isIPv6 == true ? "IPv6" : "IPv4"
      let found = addresses.map(\.host).joined(separator: ", ")
      return "'\(host)' has no \(family) address, only \(found), and the listener is bound to \(bound?.host ?? "?")"
    }
    if entries[host] == nil, entries.count >= AddressBook.namesMax,
      let oldest = entries.min(by: { $0.value.answeredAt < $1.value.answeredAt })?.key
    {
      entries[oldest] = nil
    }
    var failed = entries[host]?.failed.filter(usable.contains) ?? []
    if failed.count == usable.count { failed = [] }
    entries[host] = Entry(addresses: usable, failed: failed, answeredAt: now)
    return ""
  }

  /// Whether the socket can send to `address`: one bound to `::` speaks both families, any other its own.
  private func speaks(_ address: SocketAddress) -> Bool {
    guard let bound, bound.isIPv6 else { return !address.isIPv6 }
    return address.isIPv6 || bound.isUnspecified
  }

  private mutating func begin(_ id: ID, _ host: String, port: UInt16) -> SocketAddress? {
    guard let address = entries[host]?.next?.with(port: port) else { return nil }
    dialing[id] = (host, address)
    return address
  }
}
