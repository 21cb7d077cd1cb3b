// The links between the simulated nodes: streams that delay, lose, repeat and reorder messages, break, or fall silent.
import MeshBasics
import MeshEngine

/// One end of a connection.
struct LinkEndpoint: Equatable, Comparable {
  let node: Int
  let life: Int
  let link: LinkID

  static func < (left: LinkEndpoint, right: LinkEndpoint) -> Bool {
    (left.node, left.life, left.link) < (right.node, right.life, right.link)
  }
}

/// What the network does to messages now.
struct Weather {
  var latencyMin = Duration.microseconds(200)
  var latencyMax = Duration.milliseconds(2)
  /// Chances in a thousand.
  var loss: UInt64 = 0
  var duplication: UInt64 = 0
  var reordering: UInt64 = 0
  var dialFailure: UInt64 = 0
  /// Nodes on the other side of a partition; empty without one.
  var island: [Bool] = []

  func separates(_ first: Int, _ second: Int) -> Bool { !island.isEmpty && island[first] != island[second] }
}

struct Network {
  var weather = Weather()
  /// The other end of each open end.
  private(set) var peers = OrderedMap<LinkEndpoint, LinkEndpoint>()
  /// When the last message to an end arrives, for the order of the stream.
  private var lastArrivals = OrderedMap<LinkEndpoint, Instant>()
  private var accepted: UInt64 = 0
  /// Messages that were let overtake others.
  private(set) var reordered = 0

  mutating func connect(_ dialer: LinkEndpoint, to node: Int, life: Int) -> LinkEndpoint {
    accepted &+= 1
    let other = LinkEndpoint(node: node, life: life, link: .accepted(accepted))
    peers[dialer] = other
    peers[other] = dialer
    return other
  }

  /// Takes a connection down; returns the other end, if it was open.
  mutating func disconnect(_ end: LinkEndpoint) -> LinkEndpoint? {
    guard let other = peers.removeValue(forKey: end) else { return nil }
    peers.removeValue(forKey: other)
    lastArrivals.removeValue(forKey: end)
    lastArrivals.removeValue(forKey: other)
    return other
  }

  func ends(of node: Int) -> [LinkEndpoint] { peers.keys.filter { $0.node == node } }

  func latency(_ random: inout SeededRandom) -> Duration {
    let width = UInt64(clamping: (weather.latencyMax - weather.latencyMin).nanoseconds)
    return weather.latencyMin + Duration(nanoseconds: Int64(clamping: random.below(width)))
  }

  /// When a message sent now arrives at `receiver`: never, once or twice.
  mutating func arrivals(from sender: Int, at receiver: LinkEndpoint, now: Instant, _ random: inout SeededRandom)
    -> [Instant]
  {
    if weather.separates(sender, receiver.node) || random.chance(weather.loss, in: 1000) { return [] }
    var arrival = now + latency(&random)
    if random.chance(weather.reordering, in: 1000) {
      reordered &+= 1
      arrival = arrival + latency(&random).multiplied(by: 4)
    } else {
      arrival = max(arrival, lastArrivals[receiver] ?? .origin)
      lastArrivals[receiver] = arrival
    }
    guard random.chance(weather.duplication, in: 1000) else { return [arrival] }
    return [arrival, arrival + latency(&random)]
  }
}
