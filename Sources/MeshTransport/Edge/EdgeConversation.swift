import MeshBasics
import MeshSecurity

/// What one client of a listener speaks, from its bytes on the wire to its requests: TLS or none, then HTTP/2 or
/// HTTP/1.1. With TLS its client names the version by ALPN, and one that names none gets HTTP/1.1; in clear the first
/// bytes tell. No IO, no clock.
final class EdgeConversation {
  private let tls: TLSStream?
  private let options: EdgeOptions
  /// Nil while it isn't decided.
  private var http: (any EdgeProtocol)?
  /// What came before that, at most 23 bytes.
  private var undecided: [UInt8] = []
  private var isFinished = false
  /// What is spoken, as `HTTPRequest.version` says it.
  private(set) var version = "HTTP/1.1"

  /// A conversation that has heard nothing yet. `tls` nil: in clear.
  init(tls: TLSStream?, options: EdgeOptions) {
    self.tls = tls
    self.options = options
  }

  /// Adds what came from the wire.
  func receive(_ bytes: ArraySlice<UInt8>, now: Instant) {
    guard let tls else { return take(bytes, now) }
    tls.receive(bytes)
    while let plain = tls.read() { take(plain, now) }
    // HTTP/2's server may speak first.
    if http == nil, tls.isOpen { decide(with: [], now) }
    if tls.hasEnded { receiveEnd() }
    seal()
  }

  private func take(_ bytes: ArraySlice<UInt8>, _ now: Instant) {
    if http == nil { decide(with: bytes, now) } else { http?.receive(bytes, now: now) }
  }

  private func decide(with bytes: ArraySlice<UInt8>, _ now: Instant) {
    undecided += bytes
    if let tls {
      speak(http2: tls.applicationProtocol == "h2", now)
    } else if !HTTP2Session.preface.starts(with: undecided.prefix(HTTP2Session.preface.count)) {
      speak(http2: false, now)
    } else if undecided.count >= HTTP2Session.preface.count {
      speak(http2: true, now)
    }
  }

  private func speak(http2: Bool, _ now: Instant) {
    let chosen: any EdgeProtocol =
      http2
      ? HTTP2Connection(message: options.message, streams: options.streams, limits: options.http2)
      : HTTP1Connection(limits: options.message)
    if http2 { version = "HTTP/2" }
    chosen.receive(undecided[...], now: now)
    undecided = []
    http = chosen
  }

  /// The client sends no more.
  func receiveEnd() {
    if http == nil { isFinished = true }
    http?.receiveEnd()
  }

  /// The next complete request; answer it with `respond` before asking again.
  func nextRequest(date: String) -> HTTPRequest? {
    defer { seal() }
    guard var request = http?.nextRequest(date: date) else { return nil }
    request.peer = tls?.peer
    request.peerChain = tls?.peerChain ?? []
    return request
  }

  /// Answers the request that `nextRequest` handed out.
  func respond(_ answer: HTTPAnswer, date: String, closing: Bool) {
    http?.respond(answer, date: date, closing: closing)
  }

  /// Takes the parts that the bodies of answers have. Gives the time to ask again; nil when nothing waits for one.
  func produce(_ now: Instant) -> Instant? {
    defer { seal() }
    // What is sealed waits for the wire as well: without this a slow reader would be ahead by all that TLS holds.
    let wireHasRoom = tls?.output.isEmpty ?? true
    return http?.produce(now, wireHasRoom: wireHasRoom)
  }

  /// Whether an answer is being made while its reader takes it.
  var isStreaming: Bool { http?.isStreaming ?? false }

  /// Whether one is that its reader may make last.
  var isStaying: Bool { http?.isStaying ?? false }

  /// Refuses the request that has been arriving for longest.
  func refuse(_ failure: HTTPFailure, date: String, now: Instant) {
    // Too little came to know what is spoken: what was refused so far is told in HTTP/1.1.
    if http == nil, tls == nil { speak(http2: false, now) }
    http?.refuse(failure, date: date)
  }

  /// Refuses the request whose body has become longest so far. False when none has any.
  func refuseLongest(_ failure: HTTPFailure, date: String) -> Bool {
    http?.refuseLongest(failure, date: date) ?? false
  }

  /// The statuses of the refusals that were answered since this was asked last.
  func takeRefusals() -> [Int] { http?.takeRefusals() ?? [] }

  /// What the client said that is no HTTP, since this was asked last.
  func takeComplaints() -> [String] { http?.takeComplaints() ?? [] }

  /// Lets no further request in; what is being answered still goes out.
  func finish() {
    isFinished = true
    http?.finish()
    seal()
  }

  /// What waits for the wire.
  var output: ArraySlice<UInt8> { tls?.output ?? http?.output ?? [] }

  /// `count` bytes of `output` are on the wire.
  func wrote(_ count: Int) {
    guard let tls else { return http?.wrote(count) ?? () }
    tls.wrote(count)
    seal()
  }

  /// Encrypts what there is to say, as far as the wire takes it.
  private func seal() {
    guard let tls else { return }
    while let waiting = http?.output, !waiting.isEmpty {
      let count = tls.write(waiting)
      guard count > 0 else { return }
      http?.wrote(count)
    }
    if hasNothingToSay { tls.sayGoodbye() }
  }

  private var hasNothingToSay: Bool { tls?.isBroken == true || (http?.isOver ?? isFinished) }

  /// Whether answers, or parts of them, wait for their reader.
  var awaitsReader: Bool { !output.isEmpty || http?.awaitsReader == true }

  /// Grows when a reader takes some of an answer.
  var progress: Int { http?.progress ?? 0 }

  /// Whether the caller should read from its socket.
  var wantsInput: Bool { http?.wantsInput ?? !hasNothingToSay }

  /// Whether everything is said: write nothing more, close.
  var isOver: Bool { hasNothingToSay && output.isEmpty }

  /// The bodies, as far as they have come, of requests that were not handed out yet.
  var bodyBytes: Int { http?.bodyBytes ?? 0 }

  /// How far the requests that are arriving have come, for timeouts.
  var stage: HTTP1RequestParser.Stage { http?.stage ?? (undecided.isEmpty ? .idle : .head) }

  /// When the oldest of them began, where several may arrive at once.
  var arrivingSince: Instant? { http?.arrivingSince }

  /// What limit the client was sent away for.
  var floodedBy: String? { http?.floodedBy }

  /// Whether TLS, where it is spoken, is open.
  var isOpen: Bool { tls?.isOpen ?? true }

  /// Who the client has proven to be; nil without a certificate.
  var peer: PeerIdentity? { tls?.peer }

  /// Why the client's certificate was refused.
  var refusal: TrustRefusal? { tls?.refusal }
}
