import MeshBasics
import MeshEngine
import MeshGossipV1
import MeshMembership
import MeshTransport
import MeshWire

/// The `engine` thread: feeds the engine what happens, does what it says, and makes each turn visible. It decides
/// nothing about the protocol.
final class EngineLoop {
  private let core: NodeCore
  private var engine: Engine
  private var effects = EngineEffects()
  private var changes: [MembershipEvent] = []
  private var broadcasts: [BroadcastMessage] = []
  private var book: AddressBook<DialID>
  /// Questions that wait for the addresses of a name.
  private var questions: [CallID: PeerQuestion] = [:]
  private var guests = GuestBook()
  /// Members that the thread of OmniRelay's gossip had no room to be told of yet.
  private var untold: [(node: NodeID, member: MemberView?)] = []
  private var publishedRevision: UInt64?
  private var snapshotRevision: UInt64 = 0
  /// The picture that readers have; each turn changes what changed.
  private var snapshot: MembersSnapshot

  private var nextToken: UInt64 = 0
  private var commands: [CommandToken: Completion] = [:]
  /// Completions of this turn, told after its picture is out: a host that heard of one sees what it did.
  private var finished: [(completion: Completion, error: MeshError?)] = []
  private var stops: [Completion] = []
  private var hasStarted = false
  private var isLeaving = false
  private var isAbandoned = false
  /// Why the loop ends; nil while it goes on.
  private var end: EndReason?

  private enum EndReason {
    case left
    case abandoned
    case failed(MeshError)
  }

  init(core: NodeCore, engine: Engine) {
    self.core = core
    self.engine = engine
    book = AddressBook(bindAddress: core.configuration.bindAddress)
    snapshot = core.snapshots.current
  }

  /// The body of the thread; returns once the node has left, was abandoned or is poisoned.
  func run() {
    core.observe(
      .listening(
        address: core.configuration.bindAddress, port: core.link.port, fanout: core.configuration.fanout))
    feed(.started(unixMilliseconds: WallClock.unixMilliseconds()))
    publish()
    var messages: [EngineMessage] = []
    var handled = 0
    while end == nil {
      core.inbox.wait(timeout: look { $0.nextDeadline }.map { $0.since(MonotonicClock.now()) })
      messages.removeAll(keepingCapacity: true)
      // Asked before the mailbox is emptied: a stop that came before the host forgot the node is then inside.
      isAbandoned = isAbandoned || core.isAbandoned
      core.inbox.drain(into: &messages)
      handled = 0
      while end == nil, handled < messages.count {
        handle(messages[handled])
        handled &+= 1
      }
      if isAbandoned, !isLeaving { end = end ?? .abandoned }
      if end == nil, let deadline = look({ $0.nextDeadline }), deadline <= MonotonicClock.now() {
        core.observe(.engineLate(MonotonicClock.now().since(deadline)))
        feed(.deadlineReached)
      }
      publish()
    }
    conclude(unhandled: Array(messages.dropFirst(handled)))
  }

  /// Asks the engine where it stands. To ask a property of a class copies all of it, with every reference inside.
  private func look<Answer>(_ question: (inout Engine) -> Answer) -> Answer { question(&engine) }

  private func handle(_ message: EngineMessage) {
    switch message {
    // The answer may have come before the word that it is waited for.
    case .input(.lookupStarted(let link)) where !book.isWaiting(.link(link)): break
    case .input(let input):
      noteDial(input)
      feed(input)
    case .lookedUp(let host, let result): lookedUp(host, result)
    case .message(let link, let message):
      feed(decode(message.bytes, from: link))
      message.taken()
    case .call(let request, let message):
      feed(.pingCalled(request, message.bytes))
      message.taken()
    case .ask(let id, let question): ask(id, question)
    case .guestsChanged(let events):
      for event in events { take(event) }
      countMembers()
    case .guestsHeard(let list): guests.note(heard: list)
    case .command(let command, let completion):
      core.tookOver(command)
      if isLeaving {
        completion.finish(EngineLoop.shuttingDown)
      } else {
        feed(.command(token(for: completion), command))
      }
    case .stop(let completion):
      if completion.stream != nil { stops.append(completion) }
      if !isLeaving {
        isLeaving = true
        core.advance(to: .leaving)
        core.gossipV1?.leave()
        feed(.command(token(for: Completion(stream: nil, token: 0)), .leave))
      }
    case .abandon: isAbandoned = true
    }
  }

  private func feed(_ input: EngineInput) {
    engine.handle(input, now: MonotonicClock.now(), into: &effects)
    for effect in effects.list { perform(effect) }
    effects.removeAll()
  }

  private func perform(_ effect: EngineEffect) {
    switch effect {
    case .dial(let link, let endpoint): dial(link, endpoint)
    case .send(let links, let message): send(message, on: links)
    case .close(let link, let reason):
      book.giveUp(.link(link))
      _ = core.link.mailbox.post(.close(link, reason: reason))
    case .respond(let request, .reply(let bytes)): _ = core.link.mailbox.post(.reply(request, bytes))
    case .respond(let request, .failure(let code, let message)):
      _ = core.link.mailbox.post(.fail(request, code: code, message: message))
    case .persist(let token, let write): persist(write, token: token)
    case .notify(let change): changes.append(guests.told(change))
    case .deliver(let message): broadcasts.append(message)
    case .observe(.membersCounted(let alive, let suspect, let left)):
      guests.count(alive: alive, suspect: suspect, left: left)
      countMembers()
    // That a node of OmniRelay can't be linked is no news: it is heard by its own protocol.
    case .observe(.dialFailed(let target, let reason, let retryIn)) where guests.live(at: target):
      core.count(.dialFailed(target: target, reason: reason, retryIn: retryIn))
    case .observe(let observation): core.observe(observation)
    case .complete(let token, let outcome):
      if let completion = commands.removeValue(forKey: token) { finished.append((completion, MeshError(outcome))) }
    case .stopped: end = end ?? .left
    case .conflict(let reason):
      core.observe(.conflicted(reason))
      end = .failed(MeshError(.conflict, "node: \(reason)", isFatal: true))
    case .storageLost(let reason):
      end = .failed(MeshError(.storage, "node: stopped by its storage: \(reason)", isFatal: true))
    case .poison(let reason):
      core.observe(.poisoned(reason))
      end = .failed(MeshError(.poisoned, "node: stopped by a broken invariant: \(reason)", isFatal: true))
    }
  }

  /// Encodes once for all links. A message that finds no room is lost, as one on the wire may be.
  private func send(_ message: MeshMessage, on links: [LinkID]) {
    let bytes = message.encoded()
    let kind = message.kind
    if kind == .news { core.observe(.newsSpread(peers: links.count)) }
    for link in links {
      if core.link.mailbox.post(.send(link, bytes), keepingFree: 1_024) {
        core.observe(.messageSent(kind: kind.rawValue, bytes: bytes.count))
      } else {
        core.observe(.messageFailed(outbound: true))
        core.observe(.limitReached("link mailbox"))
      }
    }
  }

  /// Decoded here and not on the link thread: the work for a peer's messages is part of what its credit waits for.
  private func decode(_ bytes: [UInt8], from link: LinkID) -> EngineInput {
    do {
      let message = try MeshMessage.decode(bytes)
      core.observe(.messageReceived(kind: message.kind.rawValue, bytes: bytes.count))
      return .received(link, message)
    } catch {
      return .unreadable(link, reason: error.description)
    }
  }

  private func dial(_ link: LinkID, _ endpoint: Endpoint) {
    if let address = SocketAddress(literal: endpoint.host, port: endpoint.port) {
      return dial(link, address, serverName: "")
    }
    switch book.dial(.link(link), endpoint, now: MonotonicClock.now()) {
    case .dial(let address): dial(link, address, serverName: endpoint.host)
    case .wait: core.inbox.mustPost(.input(.lookupStarted(link)))
    case .lookUp:
      core.inbox.mustPost(.input(.lookupStarted(link)))
      lookUp(endpoint)
    }
  }

  private func lookUp(_ endpoint: Endpoint) {
    let isSeed = core.configuration.seeds.contains { $0.host == endpoint.host }
    if core.names.lookUp(endpoint, isSeed: isSeed) { return }
    let refusal = TransportError("too many names are being looked up")
    core.inbox.mustPost(.lookedUp(host: endpoint.host, .failure(refusal)))
  }

  private func dial(_ link: LinkID, _ address: SocketAddress, serverName: String) {
    if core.link.mailbox.post(.dial(link, address, serverName: serverName)) { return }
    core.inbox.mustPost(.input(.linkClosed(link, .notTried("too many dials are under way"))))
  }

  private func lookedUp(_ host: String, _ result: Result<[SocketAddress], TransportError>) {
    let answer = book.answered(host, result, now: MonotonicClock.now())
    for next in answer.dials {
      switch next.id {
      case .link(let link):
        feed(.lookupEnded(link))
        dial(link, next.address, serverName: next.host)
      case .call(let id):
        if let question = questions.removeValue(forKey: id) { ask(id, question, at: next.address, next.host) }
      }
    }
    for lost in answer.lost {
      switch lost {
      case .link(let link): feed(.linkClosed(link, .notTried(answer.reason)))
      case .call(let id):
        questions[id] = nil
        core.peerCalls.end(id, PeerCallEnd(outcome: .unreachable(answer.reason)))
      }
    }
  }

  /// Finds the way to a member that is to be asked: its link where this node has dialed that, else the addresses of its
  /// endpoint.
  private func ask(_ id: CallID, _ question: PeerQuestion) {
    let (member, link) = look { ($0.member(question.node), $0.link(to: question.node)) }
    guard let member, let endpoint = Endpoint(parsing: member.metadata.endpoint) else {
      return core.peerCalls.end(id, PeerCallEnd(outcome: .unreachable("nobody knows where it is")))
    }
    if let address = SocketAddress(literal: endpoint.host, port: endpoint.port) {
      return ask(id, question, on: link, at: address, "")
    }
    if let link, link.isDialed { return ask(id, question, on: link, at: nil, endpoint.host) }
    guard questions.count < PeerCallBook.callsMax else {
      return core.peerCalls.end(id, PeerCallEnd(outcome: .busy("too many names are being looked up")))
    }
    switch book.dial(.call(id), endpoint, now: MonotonicClock.now()) {
    case .dial(let address): ask(id, question, at: address, endpoint.host)
    case .wait: questions[id] = question
    case .lookUp:
      questions[id] = question
      lookUp(endpoint)
    }
  }

  private func ask(
    _ id: CallID, _ question: PeerQuestion, on link: LinkID? = nil, at address: SocketAddress?, _ serverName: String
  ) {
    // Whether the address is a good one the next link will tell.
    book.opened(.call(id))
    guard core.peerCalls.isWaiting(id) else { return }
    let call = question.call(link: link, address: address, serverName: serverName)
    if core.link.mailbox.post(.call(id, call), keepingFree: 1_024) { return }
    core.peerCalls.end(id, PeerCallEnd(outcome: .busy("the link thread's mailbox is full")))
  }

  /// Remembers which of a name's addresses worked.
  private func noteDial(_ input: EngineInput) {
    switch input {
    case .linkOpened(let link, _): book.opened(.link(link))
    case .linkClosed(let link, _): book.closed(.link(link))
    default: break
    }
  }

  private func persist(_ write: StoreWrite, token: SyncToken) {
    guard let disk = core.disk else {
      // Without a data directory nothing outlives the process, and "durable" means "held in memory".
      core.inbox.mustPost(.input(.stored(token)))
      return
    }
    if !disk.write(write, token: token) {
      core.inbox.mustPost(.input(.storeFailed(token, reason: "too many writes are under way")))
    }
  }

  private func token(for completion: Completion) -> CommandToken {
    nextToken &+= 1
    let token = CommandToken(rawValue: nextToken)
    commands[token] = completion
    return token
  }

  /// Makes this turn visible: events and the picture that holds them, in one step.
  private func publish() {
    defer {
      tellBroadcasts()
      tellCompletions()
      announceStart()
    }
    core.tellRepeats()
    // In every turn: a node that knows nobody, or refuses all, has figures to show as well.
    core.figures.replace(with: look { $0.statistics })
    let revision = look { $0.viewRevision }
    let changedGuests = guests.takeChanges()
    guard revision != publishedRevision || !changes.isEmpty || !changedGuests.isEmpty else { return tellGossipV1([]) }
    publishedRevision = revision
    snapshotRevision &+= 1
    let members = look { engine in engine.takeChanges().map { (node: $0, member: engine.member($0)) } }
    tellGossipV1(members)
    let changed = (members + look { engine in changedGuests.map { (node: $0, member: engine.member($0)) } }).map {
      ($0.node, guests.view(of: $0.node, member: $0.member))
    }
    let content: [MemberChange]
    (snapshot, content) = snapshot.updated(
      with: changed, revision: snapshotRevision,
      unixNanoseconds: WallClock.unixNanoseconds(), published: MonotonicClock.now())
    core.feed.append(content, revision: snapshotRevision)
    core.hub.publish(changes, snapshot: snapshot)
    if !content.isEmpty { core.feed.tell() }
    changes.removeAll(keepingCapacity: true)
  }

  /// Tells OmniRelay's side what is new of MeshKit's. What finds no room is told with the next turn.
  private func tellGossipV1(_ members: [(node: NodeID, member: MemberView?)]) {
    guard let gossipV1 = core.gossipV1 else { return }
    // When members were heard changes all the time, and is nothing to tell.
    untold += members.filter { item in
      guard let member = item.member else { return true }
      return snapshot.members[item.node].map { !$0.tellsSame(as: member) } ?? true
    }
    if !untold.isEmpty, gossipV1.tell(untold) { untold = [] }
  }

  private func take(_ event: GuestEvent) {
    guard let change = guests.note(event) else { return }
    // A member that lives by now is told of by its own changes alone.
    if look({ $0.member(event.guest.nodeID) }).map({ $0.status == .left }) ?? true { changes.append(change) }
  }

  private func countMembers() {
    core.observe(guests.counted { node in look { $0.member(node)?.status } })
  }

  /// After the picture of the turn: a host knows the origin before it hears what that tells.
  private func tellBroadcasts() {
    guard !broadcasts.isEmpty else { return }
    core.hub.publish(broadcasts)
    broadcasts.removeAll()
  }

  private func tellCompletions() {
    for (completion, error) in finished { completion.finish(error) }
    finished.removeAll(keepingCapacity: true)
  }

  /// Lets `Node.open` return, once the picture with the local member is out.
  private func announceStart() {
    guard !hasStarted, look({ $0.isRunning }) else { return }
    hasStarted = true
    core.advance(to: .running)
  }

  /// Ends the other threads, then tells everybody: exactly one completion for each accepted operation. Who waits for
  /// the stop is woken last, and finds all of that on his streams.
  private func conclude(unhandled: [EngineMessage]) {
    core.stopOtherThreads()
    core.queues.end()
    var reason: MeshError?
    if case .failed(let error)? = end { reason = error }
    core.advance(to: .ended, because: reason)
    core.inbox.close()
    var late = unhandled
    core.inbox.drain(into: &late)
    for case .command(_, let completion) in late { completion.finish(EngineLoop.shuttingDown) }
    for case .stop(let completion) in late { stops.append(completion) }
    for case .ask(let id, _) in late { core.peerCalls.end(id, PeerCallEnd(outcome: .stopped)) }
    questions.keys.forEach { core.peerCalls.end($0, PeerCallEnd(outcome: .stopped)) }
    commands.values.forEach { $0.finish(EngineLoop.shuttingDown) }
    stops.forEach { $0.finish(reason) }
    core.hub.end(reason)
    core.advance(to: .finished)
  }

  private static let shuttingDown = MeshError(.shutdown, "node: it is stopping")
}

extension MeshError {
  /// How a command's end is told; nil for success.
  fileprivate init?(_ outcome: CommandOutcome) {
    switch outcome {
    case .done: return nil
    case .busy(let reason): self.init(.busy, reason)
    case .rejected(let reason): self.init(.argument, reason)
    case .shuttingDown: self.init(.shutdown, "node: it is stopping")
    }
  }
}
