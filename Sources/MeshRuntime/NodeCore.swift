import Glibc
import MeshBasics
import MeshConfig
import MeshEngine
import MeshMembership
import MeshSecurity
import MeshTelemetry
import MeshThreads
import MeshTransport

/// What the threads of one node share. The threads keep it alive; it ends with the last of them.
final class NodeCore: @unchecked Sendable {
  let configuration: NodeConfiguration
  let link: LinkTransport
  let edge: EdgeTransport?
  let gossipV1: GossipV1Thread?
  let work: WorkWorker
  let names: NameResolver
  let disk: DiskWorker?
  let telemetry: Telemetry
  let snapshots: SnapshotCell
  let feed: MembersFeed
  let membersList = MembersList()
  let peerCalls = PeerCallBook()
  let memberTexts = MemberTextCache()
  let queues: QueueBook
  let hub: EventHub
  let security: NodeSecurity
  let callers: CallerFinder
  private let principals: PrincipalsFile?
  let inbox: EngineInbox
  let figures = EngineFigures()
  /// Tells this life of the node from those before and after, for callers who remember how far they knew it.
  let life = UInt64.random(in: 1...UInt64(Int64.max))

  /// Where the node stands in its life. It only ever goes forward.
  enum Phase: Int, Comparable, Sendable {
    case starting, running, leaving
    /// The engine takes nothing more: calls are answered without it.
    case ended
    /// Every completion and every last event is told.
    case finished

    static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
  }

  private let lock = Lock()
  private let phaseChanged = ConditionVariable()
  private var current = Phase.starting
  /// Why the node ended by itself; nil when it was asked to, or hasn't.
  private var failure: MeshError?
  private var wasAbandoned = false
  /// The payloads of broadcasts that the engine has not taken over yet.
  private var broadcastBytesWaiting = 0
  private var joinedThreads: [LibraryThread] = []

  /// Binds everything, then starts the threads; the engine's last, so that nothing speaks before all is in place.
  static func start(_ configuration: NodeConfiguration) throws(MeshError) -> NodeCore {
    let parts = try NodeParts(configuration)
    let doors = NodeDoors()
    let core = try NodeCore(parts: parts, doors: doors)
    doors.open(to: core)
    for notice in parts.notices { core.observe(.configurationNotice(notice)) }
    for listener in core.controlListeners {
      core.observe(
        .controlListening(address: listener.address, port: listener.port, speaksTLS: listener.speaksTLS))
    }
    let engine = parts.makeEngine(meshPort: core.link.port)
    try core.startThreads(engine: engine)
    try core.waitUntilRunning()
    return core
  }

  private init(parts: NodeParts, doors: NodeDoors) throws(MeshError) {
    configuration = parts.configuration
    security = parts.security
    principals = parts.principals
    callers = CallerFinder(
      security: parts.security, principals: parts.principals, cluster: parts.configuration.clusterID,
      servesOwnHost: !parts.configuration.controlScopes.isEmpty)
    telemetry = Telemetry()
    inbox = EngineInbox()
    snapshots = SnapshotCell(
      MembersSnapshot(
        members: [], revision: 0, unixNanoseconds: WallClock.unixNanoseconds(), published: MonotonicClock.now()))
    feed = MembersFeed(snapshots: snapshots)
    hub = EventHub(snapshots: snapshots, telemetry: telemetry)
    queues = QueueBook(
      observe: { observation in doors.core?.observeOnEdge(observation) }, wake: { [feed] in feed.tell() })
    link = try parts.makeLink(
      deliver: { event in doors.core?.linkReported(event) },
      takeTLS: { socket, remote in doors.core?.gossipV1?.serve(socket, remote) ?? false })
    edge = try parts.makeEdge(
      identify: { request in doors.core?.principal(of: request) },
      answer: { request in doors.core?.answer(request) ?? HTTPAnswer(HTTPResponse()) },
      observe: { observation in doors.core?.observeOnEdge(observation) })
    gossipV1 = try parts.makeGossipV1(meshPort: link.port, doors: doors)
    feed.onNews { [weak edge] in edge?.wake() }
    work = WorkWorker(
      security: parts.security, principals: parts.principals,
      reloadInterval: parts.configuration.certificateReloadInterval
    ) { outcome in doors.core?.workReported(outcome) }
    names = NameResolver { host, answer in doors.core?.inbox.mustPost(.lookedUp(host: host, answer)) }
    disk = parts.store.map { store in
      DiskWorker(store: store) { input in doors.core?.inbox.mustPost(.input(input)) }
    }
  }

  /// Where the control listener is bound.
  var controlListeners: [ControlListener] {
    zip(configuration.controlListeners, edge?.ports ?? []).map {
      ControlListener(address: $0.address, port: $1, speaksTLS: $0.speaksTLS)
    }
  }

  // MARK: The host's side

  /// Hands a message with a completion to the engine, or reserves nothing and throws.
  func submit(
    stream: EventStream?, token: UInt64, _ message: (Completion) -> EngineMessage
  ) throws(MeshError) {
    guard phase < .ended else { throw NodeCore.closedError }
    try stream?.reserve()
    guard inbox.postCommand(message(Completion(stream: stream, token: token))) else {
      stream?.cancelReservation()
      throw phase < .ended ? NodeCore.busyError : NodeCore.closedError
    }
  }

  /// How much of broadcasts may wait for the engine: a host that tells more at once than that is told to wait.
  static let broadcastBytesMax = 8 << 20

  /// Submits a broadcast, which is bounded in bytes beside the places of the mailbox.
  func submitBroadcast(
    topic: String, payload: [UInt8], stream: EventStream?, token: UInt64
  ) throws(MeshError) {
    let hasRoom = lock.locked {
      guard broadcastBytesWaiting &+ payload.count <= NodeCore.broadcastBytesMax else { return false }
      broadcastBytesWaiting &+= payload.count
      return true
    }
    guard hasRoom else { throw phase < .ended ? NodeCore.busyError : NodeCore.closedError }
    do throws(MeshError) {
      try submit(stream: stream, token: token) { .command(.broadcast(topic: topic, payload: payload), $0) }
    } catch {
      tookOver(.broadcast(topic: topic, payload: payload))
      throw error
    }
  }

  /// The engine has the command now, or never will.
  func tookOver(_ command: Command) {
    guard case .broadcast(_, let payload) = command else { return }
    lock.locked { broadcastBytesWaiting = max(0, broadcastBytesWaiting &- payload.count) }
  }

  /// Asks for the end; a node that has ended already says so at once.
  func stop(stream: EventStream?, token: UInt64) throws(MeshError) {
    try stream?.reserve()
    let completion = Completion(stream: stream, token: token)
    if inbox.postCommand(.stop(completion)) { return }
    guard phase >= .ended else {
      stream?.cancelReservation()
      throw NodeCore.busyError
    }
    completion.finish(nil)
  }

  /// The host has forgotten the node. The flag counts even when the mailbox has no room for the message.
  func abandon() {
    lock.locked { wasAbandoned = true }
    inbox.mustPost(.abandon)
  }

  var isAbandoned: Bool { lock.locked { wasAbandoned } }

  func waitUntilFinished(timeout: Duration?) -> Bool {
    let deadline = timeout.map { MonotonicClock.now() + $0 }
    return lock.locked {
      while current < .finished {
        guard phaseChanged.wait(lock, until: deadline) else { return current == .finished }
      }
      return true
    }
  }

  var phase: Phase { lock.locked { current } }

  /// Goes on to `next`, unless the node is further already. `reason` is why it ended by itself.
  func advance(to next: Phase, because reason: MeshError? = nil) {
    lock.locked {
      guard next > current else { return }
      current = next
      failure = failure ?? reason
      phaseChanged.broadcast()
    }
  }

  private static let closedError = MeshError(.closed, "node: it has stopped")
  private static let busyError = MeshError(.busy, "node: its engine has no room for more commands; try again")

  /// Waits until the epoch is durable and the node takes part, so that a host's first look shows the local member and
  /// its first command is welcome. Ends with the disk's answer, good or bad.
  private func waitUntilRunning() throws(MeshError) {
    try lock.locked { () throws(MeshError) in
      while current == .starting { _ = phaseChanged.wait(lock, until: nil) }
      if current >= .ended { throw failure ?? MeshError(.internalError, "node: it stopped before it started") }
    }
  }

  // MARK: The threads' side

  /// Counts an observation and spreads its log record. Any thread.
  func observe(_ observation: Observation) {
    if let record = telemetry.record(observation) { hub.publish(record) }
  }

  /// Counts an observation that is worth no record.
  func count(_ observation: Observation) { _ = telemetry.record(observation) }

  /// The same as `observe` on threads that go on while the reader of an event stream holds everybody else up, as the
  /// edge does, which answers, and the one of queues: the record follows with the engine's next turn.
  func observeOnEdge(_ observation: Observation) {
    if let record = telemetry.record(observation) { hub.publishLater(record) }
  }

  /// Spreads what waited, and what came too often to be told each time. Once in every turn of the engine.
  func tellRepeats() {
    hub.publishWaiting()
    for record in telemetry.summaries() { hub.publish(record) }
  }

  /// On the link thread.
  private func linkReported(_ event: LinkEvent) {
    switch event {
    case .opened(let link, let peer): inbox.mustPost(.input(.linkOpened(link, peer)))
    case .closed(let link, let end): inbox.mustPost(.input(.linkClosed(link, end)))
    case .received(let link, let message):
      // A lost message is repaired by the protocol; a link thread that waits for the engine is not.
      if !inbox.post(.message(link, message)) {
        message.taken()
        observe(.limitReached("engine mailbox"))
      }
    case .callEnded(let id, let end): peerCalls.end(id, end)
    case .called(let request, LinkTransport.healthMethod, let peer, let message):
      answerHealth(request, of: peer, message)
    case .called(let request, _, _, let message):
      if !inbox.post(.call(request, message)) {
        message.taken()
        _ = self.link.mailbox.post(.fail(request, code: Status.busy.grpcStatus, message: "the node is busy"))
      }
    // The probes find out soon enough.
    case .doubted(let link): inbox.mustPost(.input(.linkDoubted(link)))
    case .late: _ = inbox.post(.input(.linksLate))
    case .observed(let observation): observe(observation)
    }
  }

  /// On the work thread.
  private func workReported(_ outcome: WorkWorker.Outcome) {
    switch outcome {
    case .certificateReloaded:
      let credential = security.credential
      observe(.certificateReloaded(subject: credential.subject, notAfter: String(credential.notAfter)))
      _ = link.mailbox.post(.credentialChanged)
      inbox.mustPost(.input(.securityChanged(SecurityPosture(of: security))))
      // Answers that go on are asked for more, and look at whether their callers are still trusted.
      edge?.wake()
    case .certificateReloadFailed(let reason): observe(.certificateReloadFailed(reason: reason))
    case .principalsReloaded:
      observe(.principalsReloaded(count: principals?.current.list.count ?? 0))
      edge?.wake()
    case .principalsReloadFailed(let reason): observe(.principalsReloadFailed(reason: reason))
    }
  }

  // MARK: Beginning and end

  private func startThreads(engine: Engine) throws(MeshError) {
    do throws(MeshError) {
      // Before the thread that hands it sockets.
      if let gossipV1 { try startJoined("meshkit-v1") { gossipV1.run() } }
      try startJoined("meshkit-link") { [link] in link.run() }
      if let edge { try startJoined("meshkit-edge") { edge.run() } }
      if let disk { try startJoined("meshkit-disk") { disk.run() } }
      // Not joined at the end: it holds nothing that a node opened next could need.
      try LibraryThread.start(name: "meshkit-work") { [work] in work.run() }.detach()
      let box = EngineBox(engine)
      try LibraryThread.start(name: "meshkit-engine") { [self] in EngineLoop(core: self, engine: box.engine).run() }
        .detach()
    } catch {
      stopOtherThreads()
      throw error
    }
  }

  private func startJoined(_ name: String, _ body: @escaping @Sendable () -> Void) throws(MeshError) {
    let thread = try LibraryThread.start(name: name, body: body)
    lock.locked { joinedThreads.append(thread) }
  }

  /// Ends every thread but the engine's, and waits for those that hold sockets or files: they are closed when the node
  /// counts as stopped.
  func stopOtherThreads() {
    edge?.stop()
    // The word to stop must get in; a full mailbox has room again as soon as its thread takes a turn.
    if let gossipV1 { while !gossipV1.stop() { usleep(1_000) } }
    while !link.mailbox.post(.stop), !link.mailbox.isClosed { usleep(1_000) }
    if let disk { while !disk.stop() { usleep(1_000) } }
    work.stop()
    names.stop()
    let threads = lock.locked { () -> [LibraryThread] in
      defer { joinedThreads = [] }
      return joinedThreads
    }
    threads.forEach { $0.join() }
  }
}

/// Lets the parts of a node, which are made first, call the core that is made of them.
final class NodeDoors: @unchecked Sendable {
  private let lock = Lock()
  private weak var target: NodeCore?

  var core: NodeCore? { lock.locked { target } }

  func open(to core: NodeCore) { lock.locked { target = core } }
}
