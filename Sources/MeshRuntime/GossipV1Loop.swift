import Glibc
import MeshBasics
import MeshGossipV1
import MeshMembership
import MeshTransport
import MeshWire

/// What the `meshkit-v1` thread owns: the room of OmniRelay's gossip, the clients that it serves and the calls that it
/// makes. It decides nothing about the protocol.
final class GossipV1Loop {
  private let parts: GossipV1Parts
  private let mailbox: Mailbox<GossipV1Thread.Message>
  private let doors: NodeDoors
  private let reactor: Reactor
  private let poster: HTTPPoster
  private let names: NameResolver
  private var book: AddressBook<ExchangeID>
  /// Nil only while this object is made.
  private var clients: EdgeClients?

  /// Nil until the node takes part.
  private var room: GossipV1?
  private var effects = GossipV1Effects()
  private var lastRequest: UInt64 = 0
  /// The answer to the request at hand.
  private var answered: V1Answer?
  /// Members that were told before the node took part.
  private var early: [(node: NodeID, member: MemberView?)] = []
  /// Requests of this node on their way.
  private var posts: [ExchangeID: (endpoint: Endpoint, message: V1Message)] = [:]
  private var messages: [GossipV1Thread.Message] = []
  /// The generation of the files of trust by which the clients were judged.
  private var trustGeneration: UInt64
  /// What this node tells of itself.
  private var told: NodeMetadata?
  /// Changes that the engine wasn't told yet, and when it may be.
  private var news: [GuestEvent] = []
  private var newsAt = Instant.origin
  /// When the engine is told next when guests were heard.
  private var tellAt = Instant.distantFuture
  private var isLeaving = false
  private var hasLeft = false
  private var isStopped = false

  init(
    _ parts: GossipV1Parts, mailbox: Mailbox<GossipV1Thread.Message>, doors: NodeDoors
  ) throws(TransportError) {
    self.parts = parts
    self.mailbox = mailbox
    self.doors = doors
    trustGeneration = parts.security.generation
    reactor = try Reactor()
    poster = try HTTPPoster(reactor: reactor, security: parts.security, options: parts.posterOptions) {
      doors.core?.observe($0)
    }
    names = NameResolver { host, answer in _ = mailbox.post(.lookedUp(host: host, answer)) }
    book = AddressBook(bindAddress: parts.bindAddress)
    clients = try EdgeClients(
      reactor: reactor, options: parts.clientOptions,
      answer: { [weak self] in self?.answer($0) ?? HTTPAnswer(HTTPResponse()) },
      observe: { GossipV1Loop.observe($0, doors) })
    try reactor.register(mailbox.descriptor, for: .readable, Bell(mailbox))
  }

  // MARK: The loop

  func run() {
    var next = Instant.origin
    while !isStopped || (isLeaving && !hasLeft) {
      reactor.turn(until: next)
      mailbox.drain(into: &messages)
      for message in messages { handle(message) }
      messages.removeAll(keepingCapacity: messages.count <= 64)
      let now = MonotonicClock.now()
      judgeAnew(now)
      let clientsNext = clients?.expire(now) ?? .distantFuture
      for end in poster.takeEnds() { ended(end) }
      if let due = room?.nextDeadline, due <= now { feed(.deadlineReached) }
      tellNews(now)
      tellWhenHeard(now)
      next =
        [poster.expire(now), clientsNext, room?.nextDeadline, tellAt, news.isEmpty ? nil : newsAt]
        .compactMap { $0 }.min() ?? .distantFuture
    }
    shutDown()
  }

  /// Breaks the cycle that registering the loop itself would make; the mailbox is emptied in every turn anyway.
  private final class Bell: ReactorHandler {
    private let mailbox: Mailbox<GossipV1Thread.Message>
    init(_ mailbox: Mailbox<GossipV1Thread.Message>) { self.mailbox = mailbox }
    func ready(_ descriptor: Int32, _ readiness: Readiness) { mailbox.wasSignalled() }
  }

  private func handle(_ message: GossipV1Thread.Message) {
    switch message {
    case .came(let socket, let remote): clients?.adopt(socket, remote, MonotonicClock.now())
    case .members(let members): take(members)
    case .lookedUp(let host, let result): lookedUp(host, result)
    case .leave:
      isLeaving = true
      if room == nil { hasLeft = true } else { feed(.leaveRequested) }
    case .stop: isStopped = true
    }
  }

  /// Clients were judged when they came: where the files of trust have changed since, they are judged again.
  private func judgeAnew(_ now: Instant) {
    let generation = parts.security.generation
    guard generation != trustGeneration else { return }
    trustGeneration = generation
    clients?.renew(now)
  }

  private func shutDown() {
    mailbox.close()
    names.stop()
    var late: [GossipV1Thread.Message] = []
    mailbox.drain(into: &late)
    for case .came(let socket, _) in late { _ = Glibc.close(socket) }
    clients?.close()
    poster.close()
    reactor.remove(mailbox.descriptor)
  }

  // MARK: The room

  /// The node takes part from the moment on that it is among its own members.
  private func take(_ members: [(node: NodeID, member: MemberView?)]) {
    early += members
    if room == nil {
      guard let own = members.first(where: { $0.node == parts.nodeID })?.member else { return }
      room = parts.makeRoom(own.metadata)
      told = own.metadata
      feed(.started)
    }
    let known = early
    early = []
    for (node, member) in known { take(node, member) }
  }

  private func take(_ node: NodeID, _ member: MemberView?) {
    guard node == parts.nodeID else {
      return feed(member.map { .residentChanged(Resident($0)) } ?? .residentForgotten(node))
    }
    // The room counts each change; that a member's incarnation grew is none.
    guard let member, member.metadata != told else { return }
    told = member.metadata
    feed(.metadataChanged(member.metadata))
  }

  private func feed(_ input: GossipV1Input) {
    guard room != nil else { return }
    room?.handle(input, now: MonotonicClock.now(), unixTicks: WallClock.unixTicks(), into: &effects)
    for effect in effects.list { perform(effect) }
    effects.removeAll()
  }

  private func perform(_ effect: GossipV1Effect) {
    switch effect {
    case .post(let exchange, let endpoint, let message):
      posts[exchange] = (endpoint, message)
      find(exchange, endpoint)
    case .abandon(let exchange):
      posts[exchange] = nil
      // Who didn't answer in time is tried at its name's next address.
      if !isLeaving { book.closed(exchange) }
      book.giveUp(exchange)
      poster.abandon(exchange.rawValue)
    case .answer(_, let answer): answered = answer
    case .notify(let event): news.append(event)
    case .observe(let observation): doors.core?.observe(observation)
    case .leaveFinished: hasLeft = true
    }
  }

  /// What changed goes to the engine in one message, at most every 20 ms, and only where that leaves room for what must
  /// not be lost. What waits stays in order; of one guest that changes again and again the last change is kept.
  private func tellNews(_ now: Instant) {
    guard !news.isEmpty, now >= newsAt else { return }
    newsAt = now + .milliseconds(20)
    if doors.core?.inbox.post(.guestsChanged(news)) ?? true { news = [] }
    guard news.count > GossipV1Limits.guestsMax else { return }
    var last = OrderedMap<NodeID, GuestEvent>()
    for event in news { last[event.guest.nodeID] = event }
    news = Array(last.values)
  }

  /// Hosts see when members were heard; that alone is no event.
  private func tellWhenHeard(_ now: Instant) {
    guard now >= tellAt || tellAt == .distantFuture, let room else { return }
    tellAt = now + parts.interval
    let guests = room.guestViews
    if !guests.isEmpty { _ = doors.core?.inbox.post(.guestsHeard(guests)) }
  }

  // MARK: Requests of v1 nodes

  private func answer(_ request: HTTPRequest) -> HTTPAnswer {
    let path = request.target.prefix { $0 != "?" }
    let call = V1Call(
      method: request.method, path: String(path), contentType: request.header("content-type"), body: request.body)
    lastRequest &+= 1
    answered = nil
    feed(.called(RequestID(rawValue: lastRequest), call, identity: request.peer))
    let answer = answered ?? .refusal(status: 503, reason: "The node doesn't take part yet.")
    var response = HTTPResponse()
    response.status = answer.status
    response.body = answer.body()
    if !response.body.isEmpty { response.headers = [HTTPField("Content-Type", "application/json")] }
    return HTTPAnswer(response)
  }

  /// What the listener refuses by itself is a message that came to nothing; the metrics of the control listener don't
  /// know these clients.
  private static func observe(_ observation: Observation, _ doors: NodeDoors) {
    if case .requestAnswered = observation {
      doors.core?.observe(.messageFailed(outbound: false))
    } else {
      doors.core?.observe(observation)
    }
  }

  // MARK: Requests of this node

  private func find(_ exchange: ExchangeID, _ endpoint: Endpoint) {
    if let address = SocketAddress(literal: endpoint.host, port: endpoint.port) { return post(exchange, to: address) }
    switch book.dial(exchange, endpoint, now: MonotonicClock.now()) {
    case .dial(let address): post(exchange, to: address)
    case .wait: break
    case .lookUp:
      if names.lookUp(endpoint, isSeed: parts.seeds.contains { $0.host == endpoint.host }) { return }
      let refusal = TransportError("too many names are being looked up")
      _ = mailbox.post(.lookedUp(host: endpoint.host, .failure(refusal)))
    }
  }

  private func lookedUp(_ host: String, _ result: Result<[SocketAddress], TransportError>) {
    let answer = book.answered(host, result, now: MonotonicClock.now())
    for dial in answer.dials { post(dial.id, to: dial.address) }
    for exchange in answer.lost {
      posts[exchange] = nil
      feed(.failed(exchange, reason: answer.reason))
    }
  }

  private func post(_ exchange: ExchangeID, to address: SocketAddress) {
    guard let (endpoint, message) = posts[exchange] else { return }
    poster.post(
      exchange.rawValue, to: address, host: endpoint, path: message.path, body: message.encoded(), MonotonicClock.now())
  }

  private func ended(_ end: HTTPPoster.End) {
    let exchange = ExchangeID(rawValue: end.request)
    guard let (endpoint, message) = posts.removeValue(forKey: exchange) else { return }
    switch end.outcome {
    case .success(let response):
      book.opened(exchange)
      let reply = V1Reply(status: response.status, path: message.path, body: response.body)
      feed(.replied(exchange, reply, identity: end.server))
    case .failure(let error):
      book.closed(exchange)
      if let reason = end.refusal {
        doors.core?.observe(.trustRefused(peer: endpoint.description, reason: reason, inbound: false))
      }
      feed(.failed(exchange, reason: error.description))
    }
  }
}

extension Resident {
  /// A member as MeshKit's side sees it.
  fileprivate init(_ member: MemberView) {
    let state: MemberState =
      switch member.status {
      case .alive: .alive
      case .suspect: .suspect
      case .left: member.isDead ? .dead : .left
      }
    let metadata = member.metadata
    self.init(
      nodeID: member.nodeID, state: state, metadata: metadata,
      endpoint: metadata.gossipV1 ? Endpoint(parsing: metadata.endpoint) : nil)
  }
}
