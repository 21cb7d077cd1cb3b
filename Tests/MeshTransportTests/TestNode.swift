import Glibc
import MeshBasics
import MeshThreads
import Testing

@testable import MeshSecurity
@testable import MeshTransport

/// A directory with a development CA, removed with it.
final class TestMesh {
  let directory: String
  let authority: DevelopmentAuthority

  init(cluster: String = "test") throws {
    var template = Array("/tmp/meshkit-link-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TransportError("no temporary directory") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    authority = try DevelopmentAuthority(directory: directory, cluster: cluster)
  }

  deinit {
    for name in (try? FileList(directory).names) ?? [] { unlink("\(directory)/\(name)") }
    rmdir(directory)
  }

  /// What a node named `name` is configured with; a new certificate is issued every time.
  func options(_ name: String, checksRevocation: Bool = false) throws -> SecurityOptions {
    let node = try #require(NodeID(name))
    let issued = try #require(try authority.issue([.init(node: node, role: "worker")]).first)
    var options = SecurityOptions()
    options.certificatePath = issued.certificatePath
    options.keyPath = issued.keyPath
    options.trustBundlePath = authority.authorityPath
    if checksRevocation { options.revocationListPath = authority.revocationListPath }
    return options
  }

  func security(_ name: String) throws -> NodeSecurity { try NodeSecurity(options: options(name)) }

  /// One certificate without a SPIFFE id whose DNS names are `names`, as several nodes may share it.
  func sharedOptions(_ names: [String]) throws -> SecurityOptions {
    // Makes the authority where there is none.
    var options = try options("unused")
    func read(_ path: String) throws -> SecretBytes {
      try WatchedFile(reading: path, as: "test", sizeMax: 65_536).content
    }
    func secret(_ bytes: [UInt8]) -> SecretBytes { bytes.withUnsafeBytes { SecretBytes(copying: $0) } }
    let issuers = try CertificateBundle.certificates(pem: read(authority.authorityPath), path: "ca", role: "authority")
    let issuer = try CertificateBuilder.Issuer(
      certificate: #require(issuers.first),
      key: PrivateKey.read(pem: read(authority.authorityKeyPath), password: nil, path: "ca"))
    let now = Int64(time(nil))
    var builder = CertificateBuilder(commonName: "shared", notBefore: now - 60, notAfter: now + 3_600)
    // basicConstraints, extKeyUsage and subjectAltName as OpenSSL numbers them.
    builder.extensions = [
      (87, "critical,CA:FALSE"), (126, "serverAuth,clientAuth"),
      (85, names.map { "DNS:\($0)" }.joined(separator: ",")),
    ]
    let key = try #require(PrivateKey.makeP256())
    let leaf = try #require(builder.signed(for: key, by: issuer))
    let (certificatePath, keyPath) = ("\(directory)/shared.pem", "\(directory)/shared-key.pem")
    try ReplacingFile.write(#require(key.pem), to: keyPath, mode: 0o600)
    try ReplacingFile.write(secret(#require(Certificate.pem([leaf]))), to: certificatePath, mode: 0o644)
    (options.certificatePath, options.keyPath) = (certificatePath, keyPath)
    return options
  }
}

/// The names in a directory.
struct FileList {
  let names: [String]

  init(_ path: String) throws {
    guard let stream = opendir(path) else { throw TransportError("can't list \(path)") }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    self.names = names
  }
}

/// A link transport on its own thread, on 127.0.0.1 or another loopback address, that keeps all its events. With
/// `takesMessages` false their credit comes back by `take` alone.
final class TestNode: @unchecked Sendable {
  let transport: LinkTransport
  let security: NodeSecurity
  private let lock = Lock()
  private var events: [LinkEvent] = []
  private var isRunning = true
  private var dials: UInt64 = 0
  private var calls: UInt64 = 0

  private final class Inbox: @unchecked Sendable {
    // Sendable although it has mutable state: `transport` is set before the thread starts that reads it.
    let box = Mailbox<LinkEvent>(capacity: 1_000_000)
    weak var transport: LinkTransport?
  }
  private let inbox = Inbox()

  init(
    _ security: NodeSecurity, address: String = "127.0.0.1", port: UInt16 = 0, limits: LinkLimits = LinkLimits(),
    takesMessages: Bool = true, configure: (inout LinkOptions) -> Void = { _ in },
    onEvent: @escaping @Sendable (LinkEvent) -> Void = { _ in }
  ) throws {
    self.security = security
    var options = LinkOptions()
    options.bindAddress = address
    options.port = port
    // A loaded machine must not turn tests of other things into tests of the handshake timeout.
    options.handshakeTimeout = .seconds(20)
    configure(&options)
    let inbox = inbox
    transport = try LinkTransport(options: options, limits: limits, security: security) { event in
      onEvent(event)
      switch event {
      case .received(_, let message), .called(_, _, _, let message): if takesMessages { message.taken() }
      default: break
      }
      // As nodes do, on this thread; the reply is the request.
      if case .called(let request, MeshRequest.healthMethod, _, let message) = event {
        _ = inbox.transport?.mailbox.post(.reply(request, message.bytes))
      }
      _ = inbox.box.post(event)
    }
    inbox.transport = transport
    startThread { [transport, self] in
      transport.run()
      lock.locked { isRunning = false }
      inbox.box.close()
    }
  }

  var address: SocketAddress { get throws { try #require(SocketAddress(literal: "127.0.0.1", port: transport.port)) } }

  func dial(_ address: SocketAddress, serverName: String = "peer") -> LinkID {
    dials += 1
    let link = LinkID.dialed(dials)
    #expect(transport.mailbox.post(.dial(link, address, serverName: serverName)))
    return link
  }

  /// Calls `method` of the node named `node`, with three bytes unless `message` says otherwise.
  func call(
    _ method: String, _ message: [UInt8] = [1, 2, 3], of node: String, on link: LinkID? = nil,
    at address: SocketAddress?, within span: Duration = .seconds(20), isIdempotent: Bool = false
  ) throws -> CallID {
    calls += 1
    let id = CallID(rawValue: calls)
    let target = CallTarget(node: try #require(NodeID(node)), link: link, address: address, serverName: "peer")
    post(
      .call(
        id,
        PeerCall(
          method: method, message: message, target: target, deadline: MonotonicClock.now() + span,
          isIdempotent: isIdempotent)))
    return id
  }

  /// What was said against messages of peers.
  var rejections: [String] {
    lock.locked {
      events.compactMap { if case .observed(.messageRejected(_, let reason)) = $0 { reason } else { nil } }
    }
  }

  func waitCallEnded(_ id: CallID) throws -> PeerCallEnd {
    try wait("end of \(id)") { events in
      for case .callEnded(id, let end) in events { return end }
      return nil
    }
  }

  /// The last call of `method` that a peer has made, once there were so many.
  func waitCalled(_ method: String, count: Int = 1) throws -> RequestID {
    try wait("call of \(method)") { events in
      let requests = events.compactMap { if case .called(let request, method, _, _) = $0 { request } else { nil } }
      return requests.count >= count ? requests.last : nil
    }
  }

  /// Posts `command`, waiting while the mailbox is full.
  func post(_ command: LinkCommand) {
    while !transport.mailbox.isClosed, !transport.mailbox.post(command) { sched_yield() }
  }

  /// Waits up to 30 s until `find` finds something among all events so far.
  func wait<Found>(_ what: String = "event", for find: ([LinkEvent]) -> Found?) throws -> Found {
    let deadline = MonotonicClock.now() + .seconds(30)
    while true {
      inbox.box.drain(into: &events)
      if let found = find(events) { return found }
      guard MonotonicClock.now() < deadline else { throw TransportError("no \(what) among \(events.suffix(5))") }
      inbox.box.wait(timeout: .milliseconds(100))
    }
  }

  func waitOpened(_ link: LinkID) throws -> LinkPeer {
    let ended: Result<LinkPeer, TransportError> = try wait("opening of \(link)") { events in
      for event in events {
        if case .opened(link, let peer) = event { return .success(peer) }
        if case .closed(link, let reason) = event { return .failure(TransportError("closed: \(reason)")) }
      }
      return nil
    }
    return try ended.get()
  }

  /// Waits for the end of a dial. Whether it made a link; false when nobody answered in time.
  func hasOpened(_ link: LinkID) throws -> Bool {
    let ended: Result<Bool, TransportError> = try wait("end of the dial \(link)") { events in
      for event in events {
        if case .opened(link, _) = event { return .success(true) }
        if case .closed(link, .timedOut) = event { return .success(false) }
        if case .closed(link, let reason) = event { return .failure(TransportError("closed: \(reason)")) }
      }
      return nil
    }
    return try ended.get()
  }

  /// The link that the peer opened, the `number`th.
  func waitAccepted(_ number: UInt64 = 1) throws -> LinkID {
    _ = try waitOpened(.accepted(number))
    return .accepted(number)
  }

  func waitClosed(_ link: LinkID) throws -> LinkEnd {
    try wait("end of \(link)") { events in
      for case .closed(link, let reason) in events { return reason }
      return nil
    }
  }

  func waitObserved<Found>(_ find: (Observation) -> Found?) throws -> Found {
    try wait("observation") { events in
      for case .observed(let observation) in events {
        if let found = find(observation) { return found }
      }
      return nil
    }
  }

  func waitMessages(_ count: Int, on link: LinkID) throws -> [[UInt8]] {
    try wait("\(count) messages") { events in
      let messages = events.compactMap { event -> [UInt8]? in
        if case .received(link, let message) = event { message.bytes } else { nil }
      }
      return messages.count >= count ? messages : nil
    }
  }

  /// Takes the messages of `link` that came so far, and from now on those that come while this waits for `count`.
  /// Gives all that ever came.
  func take(_ count: Int, of link: LinkID) throws -> [[UInt8]] {
    var taken = 0
    return try wait("\(count) taken messages") { events in
      let messages = events.compactMap { event in
        if case .received(link, let message) = event { message } else { nil }
      }
      for message in messages.dropFirst(taken) { message.taken() }
      taken = messages.count
      return messages.count >= count ? messages.map(\.bytes) : nil
    }
  }

  /// All events so far.
  var allEvents: [LinkEvent] {
    inbox.box.drain(into: &events)
    return events
  }

  func statistic(_ name: String) -> Int64 { transport.statistics.first { $0.name == name }?.value ?? -1 }

  /// Stops the transport and waits for the end of its thread.
  func stop() throws {
    post(.stop)
    let deadline = MonotonicClock.now() + .seconds(30)
    while lock.locked({ isRunning }) {
      guard MonotonicClock.now() < deadline else { throw TransportError("the link thread did not stop") }
      inbox.box.wait(timeout: .milliseconds(20))
    }
  }
}

/// Dials from `one` to `two`, and gives the link's name on either side.
func link(_ one: TestNode, to two: TestNode) throws -> (dialed: LinkID, accepted: LinkID) {
  let known = two.allEvents.filter { if case .opened(let link, _) = $0 { !link.isDialed } else { false } }.count
  let dialed = try one.dial(two.address)
  _ = try one.waitOpened(dialed)
  return (dialed, try two.waitAccepted(UInt64(known) + 1))
}
