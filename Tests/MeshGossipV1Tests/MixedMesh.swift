import MeshBasics
import MeshWire
import Testing

@testable import MeshGossipV1

/// A mesh of v1 peers and of MeshKit nodes with the switch on, in virtual time: all that is posted arrives a
/// millisecond later. The MeshKit nodes see each other perfectly, and see the death of one of them after 4.7 s.
final class MixedMesh {
  enum Step {
    case round(Int)
    case send(Int)
    case sweep(Int)
    case shuffle(Int)
    case wake(Int)
    case act(() throws -> Void)
  }

  struct Event {
    let at: Instant
    let order: Int
    let step: Step
  }

  /// What a bridge told its host.
  struct Told {
    let at: Instant
    let bridge: Int
    let guest: String
    let kind: GuestEvent.Kind
  }

  let names: [NodeID]
  let endpoints: [Endpoint]
  var peers: [Int: V1Peer] = [:]
  var bridges: [Int: GossipV1] = [:]
  var dead: Set<Int> = []
  /// Hosts that take connections and answer nothing.
  var silent: Set<Int> = []
  var now = Instant.origin + .seconds(1)
  var told: [Told] = []
  /// What sweeps of v1 peers found of healthy members: seen by a peer, how many, how many of them not alive, and how
  /// many MeshKit nodes among both.
  var sweeps: [(at: Instant, peer: Int, seen: Int, wrong: Int, residents: Int, wrongResidents: Int)] = []
  var posts = 0
  private var queue: [Event] = []
  private var order = 0
  private var waking: [Int: Instant] = [:]
  private var requests: UInt64 = 0
  private var effects = GossipV1Effects()
  private var codecTurn = 0

  /// `isBridge` says which of `count` members are MeshKit nodes; the first eight v1 peers are seeds of all.
  init(_ count: Int, seed: UInt64 = 1, skews: [Int: Duration] = [:], isBridge: (Int) -> Bool) throws {
    names = try (0..<count).map { try id($0 < 10 ? "n0\($0)" : "n\($0)") }
    endpoints = try names.map { try endpoint($0.name) }
    let kit = (0..<count).filter(isBridge)
    let old = (0..<count).filter { !isBridge($0) }
    let seeds = Array(old.prefix(8))
    var random = SeededRandom(seed: seed)
    for node in old {
      let skew = (skews[node] ?? .zero).nanoseconds / 100
      peers[node] = V1Peer(node, of: count, seeds: seeds, skew: skew, now: ticks, seed: random.next())
      let start = Duration.milliseconds(Int64(random.below(1_000)))
      schedule(start + .seconds(1), .round(node))
      schedule(start + .seconds(5), .sweep(node))
      schedule(start + .seconds(2), .shuffle(node))
    }
    for node in kit { try start(node, seeds: seeds, seed: random.next()) }
  }

  /// A MeshKit node starts, and all MeshKit nodes see each other.
  private func start(_ node: Int, seeds: [Int], seed: UInt64) throws {
    var configuration = GossipV1Configuration(
      nodeID: names[node], endpoint: endpoints[node], metadata: metadata(of: node))
    configuration.seeds = seeds.map { endpoints[$0] }
    let others = bridges.keys.sorted()
    bridges[node] = GossipV1(configuration: configuration, seed: seed)
    try give(node, .started)
    for other in others {
      try give(node, .residentChanged(resident(other)))
      try give(other, .residentChanged(resident(node)))
    }
  }

  /// The v1 peer stops, and comes back two seconds later as a MeshKit node of the same name and endpoint.
  func migrate(_ node: Int) {
    guard let old = peers[node] else { return }
    dead.insert(node)
    schedule(
      .seconds(2),
      .act { [unowned self] in
        peers.removeValue(forKey: node)
        dead.remove(node)
        try start(node, seeds: old.seeds, seed: UInt64(node) + 100)
      })
  }

  /// The wall clock of all that have the right time.
  var ticks: Int64 { noon + Int64(now.nanoseconds / 100) }
  var living: [Int] { names.indices.filter { !dead.contains($0) } }
  private func metadata(of node: Int) -> NodeMetadata {
    var metadata = NodeMetadata()
    metadata.metadataVersion = noon / 10_000 + Int64(node)
    return metadata
  }

  private func resident(_ node: Int, _ state: MemberState = .alive) -> Resident {
    Resident(nodeID: names[node], state: state, metadata: metadata(of: node), endpoint: endpoints[node])
  }

  // MARK: Time

  func schedule(_ span: Duration, _ step: Step) {
    order += 1
    let event = Event(at: now + span, order: order, step: step)
    // A binary heap.
    var index = queue.count
    queue.append(event)
    while index > 0 {
      let parent = (index - 1) / 2
      guard (event.at, event.order) < (queue[parent].at, queue[parent].order) else { break }
      queue.swapAt(index, parent)
      index = parent
    }
  }

  private func next() -> Event {
    queue.swapAt(0, queue.count - 1)
    let first = queue.removeLast()
    var index = 0
    while true {
      var child = 2 * index + 1
      guard child < queue.count else { return first }
      if child + 1 < queue.count,
        (queue[child + 1].at, queue[child + 1].order) < (queue[child].at, queue[child].order)
      {
        child += 1
      }
      guard (queue[child].at, queue[child].order) < (queue[index].at, queue[index].order) else { return first }
      queue.swapAt(index, child)
      index = child
    }
  }

  func run(_ span: Duration) throws {
    let end = now + span
    while let first = queue.first, first.at <= end {
      let event = next()
      now = event.at
      try take(event.step)
    }
    now = end
  }

  private func take(_ step: Step) throws {
    switch step {
    case .act(let body): try body()
    case .wake(let node):
      guard waking[node] == now else { return }
      waking[node] = nil
      try give(node, .deadlineReached)
    case .round(let node):
      guard let peer = peers[node], !dead.contains(node) else { return }
      peer.beginRound()
      try take(.send(node))
    case .send(let node): try sendNext(node)
    case .sweep(let node):
      guard let peer = peers[node], !dead.contains(node) else { return }
      peer.sweep(now: ticks)
      note(peer)
      schedule(.seconds(5), .sweep(node))
    case .shuffle(let node):
      guard let peer = peers[node], !dead.contains(node) else { return }
      schedule(.seconds(2), .shuffle(node))
      let sample = peer.shuffleSample()
      if let target = peer.shuffleTarget, !sample.isEmpty { try shuffle(from: peer, to: target, sample) }
    }
  }

  private func note(_ peer: V1Peer) {
    let healthy = living.filter { $0 != peer.node && peer.table[$0] != nil }
    let wrong = healthy.filter { peer.table[$0]?.status != .alive }
    sweeps.append(
      (
        now, peer.node, healthy.count, wrong.count, healthy.filter { bridges[$0] != nil }.count,
        wrong.filter { bridges[$0] != nil }.count
      ))
  }

  // MARK: v1 peers, which wait for each answer before they ask the next

  private func sendNext(_ node: Int) throws {
    guard let peer = peers[node], !dead.contains(node), let snapshot = peer.snapshot else { return }
    guard let target = peer.targets.popLast() else {
      schedule(.seconds(1), .round(node))
      return
    }
    if dead.contains(target) {
      schedule(silent.contains(target) ? .seconds(2) : .milliseconds(2), .send(node))
      return
    }
    schedule(
      .milliseconds(1),
      .act { [unowned self] in
        guard let answer = try exchange(snapshot, with: target) else {
          schedule(.milliseconds(1), .send(node))
          return
        }
        schedule(
          .milliseconds(1),
          .act { [unowned self] in
            if !dead.contains(node) { peer.merge(answer, now: ticks) }
            try sendNext(node)
          })
      })
  }

  /// What `target` answers to an envelope that arrives now.
  private func exchange(_ news: PeerNews, with target: Int) throws -> PeerNews? {
    if dead.contains(target) { return nil }
    if let peer = peers[target] {
      peer.merge(news, now: ticks)
      return peer.news()
    }
    guard case .message(.envelope(let envelope)) = try ask(target, .envelope(self.envelope(news))) else { return nil }
    return self.news(envelope)
  }

  private func shuffle(from peer: V1Peer, to target: Int, _ sample: [Int]) throws {
    if dead.contains(target) { return }
    if let other = peers[target] {
      let answer = other.shuffleSample()
      other.take(shuffle: sample)
      peer.take(shuffle: answer)
    } else if case .message(.shuffle(let answer)) = try ask(target, .shuffle(self.shuffle(peer.node, sample))) {
      peer.take(shuffle: answer.endpoints.compactMap { number($0.host) })
    }
  }

  // MARK: Bridges

  private func ask(_ node: Int, _ message: V1Message) throws -> V1Answer? {
    requests += 1
    let request = RequestID(rawValue: requests)
    var call = V1Call(message)
    codecTurn += 1
    if codecTurn % 50 == 0 {
      call = V1Call(
        method: "POST", path: message.path, contentType: "application/json; charset=utf-8", body: message.encoded())
      #expect(call.content == .message(message))
    }
    return try give(node, .called(request, call, identity: nil))
  }

  @discardableResult
  func give(_ node: Int, _ input: GossipV1Input) throws -> V1Answer? {
    guard bridges[node] != nil, !dead.contains(node) else { return nil }
    effects.removeAll()
    bridges[node]?.handle(input, now: now, unixTicks: ticks, into: &effects)
    var answer: V1Answer?
    for effect in effects.list {
      switch effect {
      case .post(let exchange, let endpoint, let message): post(exchange, from: node, to: endpoint, message)
      case .answer(_, let given): answer = given
      case .notify(let event):
        told.append(Told(at: now, bridge: node, guest: event.guest.nodeID.name, kind: event.kind))
      case .abandon, .observe, .leaveFinished: break
      }
    }
    let due = bridges[node]?.nextDeadline
    if let due, due != waking[node] {
      waking[node] = due
      schedule(due.since(now), .wake(node))
    }
    return answer
  }

  private func post(_ exchange: ExchangeID, from node: Int, to endpoint: Endpoint, _ message: V1Message) {
    posts += 1
    guard let target = number(endpoint.host) else { return }
    if dead.contains(target) {
      // A silent host never answers: the room has a deadline of its own.
      if !silent.contains(target) {
        schedule(.milliseconds(2), .act { [unowned self] in try give(node, .failed(exchange, reason: "refused")) })
      }
      return
    }
    schedule(
      .milliseconds(1),
      .act { [unowned self] in
        guard !dead.contains(target), let answer = try answer(to: message, at: target) else {
          try give(node, .failed(exchange, reason: "refused"))
          return
        }
        schedule(
          .milliseconds(1),
          .act { [unowned self] in
            try give(node, .replied(exchange, .message(answer), identity: nil))
          })
      })
  }

  private func answer(to message: V1Message, at target: Int) throws -> V1Message? {
    guard let peer = peers[target] else {
      if case .message(let answer) = try ask(target, message) { return answer }
      return nil
    }
    switch message {
    case .envelope(let envelope):
      peer.merge(news(envelope), now: ticks)
      return .envelope(self.envelope(peer.news()))
    case .shuffle(let shuffle):
      let answer = peer.shuffleSample()
      peer.take(shuffle: shuffle.endpoints.compactMap { number($0.host) })
      return .shuffle(self.shuffle(target, answer))
    }
  }

  /// A v1 peer starts again, knowing nobody but the seeds.
  func revive(_ node: Int) {
    guard let old = peers[node] else { return }
    dead.remove(node)
    peers[node] = V1Peer(node, of: names.count, seeds: old.seeds, skew: old.skew, now: ticks, seed: 99)
    schedule(.seconds(1), .round(node))
    schedule(.seconds(5), .sweep(node))
    schedule(.seconds(2), .shuffle(node))
  }

  /// The process of a member ends without a word; its host refuses connections, or takes them and is `silent`.
  func kill(_ node: Int, silent isSilent: Bool = false) {
    dead.insert(node)
    if isSilent { silent.insert(node) }
    guard bridges[node] != nil else { return }
    schedule(
      .milliseconds(4_700),
      .act { [unowned self] in
        for other in living where bridges[other] != nil { try give(other, .residentChanged(resident(node, .dead))) }
      })
  }
}
