import MeshBasics

/// A mesh connection over QUIC: HTTP/3, and the tether that stands beside its link.
final class LinkConnection: QUICUser {
  private(set) var http: HTTP3Session?
  /// What it is used for.
  private(set) lazy var conversation = LinkConversation(
    on: self, loop: loop, link: dialed?.link, serverName: dialed?.serverName ?? "", limits: limits)
  // Holds the endpoint of this connection, and outlives it.
  private unowned let loop: LinkLoop
  private let limits: LinkLimits
  /// What it was dialed for; nil when the peer dialed.
  let dialed: Dial?

  /// The TCP connection beside the link, or the one that asks whether a dial's port is closed.
  var tether: TetherEnd?
  /// What the dialer's tether has to say; nil once one said it.
  var tetherToken: [UInt8]?
  /// In the loop's list of links to doubt.
  var isDoubted = false
  var lastDoubt: Instant?

  /// What a connection of ours is for.
  enum Dial {
    case link(LinkID, serverName: String)
    /// To find out whether UDP reaches the peer of a link that is on TCP.
    case trial(of: TCPLink)

    var isTrial: Bool { if case .trial = self { true } else { false } }
    var link: LinkID? { if case .link(let link, _) = self { link } else { nil } }
    var serverName: String? { if case .link(_, let name) = self { name } else { nil } }
  }

  init(_ quic: QUICConnection, loop: LinkLoop, dialed: Dial?, limits: LinkLimits) {
    self.loop = loop
    self.limits = limits
    self.dialed = dialed
    super.init(quic)
    quic.onReady = { [unowned self] in start() }
  }

  private func start() -> Bool {
    guard http == nil, let session = HTTP3Session(on: quic, handler: conversation, limits: limits.http3)
    else { return http != nil }
    http = session
    quic.streams = session
    if case .trial(let link) = dialed { return ask(forTrialOf: link) }
    return conversation.start()
  }

  /// Keys alone show that UDP passes, not that the server has accepted our certificate or has a place for one more
  /// connection. Its answer does, whatever it says.
  private func ask(forTrialOf link: TCPLink) -> Bool {
    let stream = conversation.ask(MeshRequest.healthMethod, [], timeout: loop.options.handshakeTimeout) {
      [unowned self, unowned link] end in
      if case .answered = end { loop.trialSucceeded(self, for: link) }
    }
    return stream != nil
  }

  override func deadlineCame(_ now: Instant) { conversation.deadlineCame() }

  override func sendAway(_ reason: String) { conversation.fail(.protocolError(reason), isSentAway: true) }

  override func isToEnd(_ now: Instant) -> Bool { conversation.isToEnd(now) }

  override func awaitsAnswer() -> Bool {
    conversation.state == .open && conversation.pendingEnd == nil && outstanding == 0
  }
}

extension LinkConnection: LinkCarrier {
  var isServer: Bool { quic.isServer }
  var remote: SocketAddress { quic.remote }
  var peer: LinkPeer? {
    quic.identity.map { LinkPeer(identity: $0, remoteAddress: quic.remote.description, transport: "http3") }
  }
  var outstanding: Int { http?.outstanding ?? 0 }

  func submitRequest(_ fields: [HTTPField]) -> Int64? { http?.submitRequest(fields) }

  func submitResponse(_ fields: [HTTPField], on stream: Int64, isWhole: Bool) -> Bool {
    http?.submitResponse(fields, on: stream, isWhole: isWhole) ?? false
  }

  func send(_ prefix: [UInt8], _ message: [UInt8], on stream: Int64) -> Int? { http?.send(prefix, message, on: stream) }

  func finish(_ stream: Int64, trailers: [HTTPField]) { http?.finish(stream, trailers: trailers) }

  func cancel(_ stream: Int64) { http?.cancel(stream) }

  func consumed(_ count: Int, on stream: Int64) { http?.consumed(count, on: stream) }

  func touch() { loop.endpoint.touch(self) }

  func linkOpened() {
    keepAlive(true)
    loop.tie(self)
    quic.releaseTLS()
  }

  func linkEnded() { loop.untie(self) }

  func keepAlive(_ isOn: Bool) {
    quic.keepAlive(every: isOn ? loop.options.keepAlive : Duration(nanoseconds: .max))
  }

  var signs: Int { quic.signs }
}
