import MeshBasics

/// One client's HTTP, whichever version it speaks: bytes in, requests out, answers in, bytes out. No IO, no clock.
///
/// *Ordering*: the next request is handed out only when the one before is answered. *Limits*: none is handed out while
/// too much of the answers waits for a slow reader.
protocol EdgeProtocol: AnyObject {
  /// Adds what came in.
  func receive(_ bytes: ArraySlice<UInt8>, now: Instant)
  /// The client sends no more. What it already asked for is still answered.
  func receiveEnd()
  /// The next complete request; answer it with `respond` before asking again. Refusals are answered inside.
  func nextRequest(date: String?) -> HTTPRequest?
  /// Answers the request that `nextRequest` handed out. `closing`: the connection takes no further ones.
  func respond(_ answer: HTTPAnswer, date: String?, closing: Bool)
  /// Takes the parts that the bodies of answers have, as far as their reader has taken those before. Gives the time to
  /// ask again; nil when nothing waits for one. Without `wireHasRoom` it only ends those whose time is over.
  func produce(_ now: Instant, wireHasRoom: Bool) -> Instant?
  /// Answers `failure` to the request that has been arriving for longest.
  func refuse(_ failure: HTTPFailure, date: String?)
  /// Answers `failure` to the request whose body has become longest so far. False when none has any.
  func refuseLongest(_ failure: HTTPFailure, date: String?) -> Bool
  /// The statuses of the refusals that it has answered since this was asked last.
  func takeRefusals() -> [Int]
  /// What the client said that is no HTTP and got no status, since this was asked last.
  func takeComplaints() -> [String]
  /// Lets no further request in; what is being answered still goes out.
  func finish()
  /// What waits to be written now.
  var output: ArraySlice<UInt8> { get }
  /// `count` bytes of `output` were written.
  func wrote(_ count: Int)
  /// Whether an answer is being made while its reader takes it.
  var isStreaming: Bool { get }
  /// Whether one is that its reader may make last.
  var isStaying: Bool { get }
  /// Whether answers, or parts of them, wait for their reader.
  var awaitsReader: Bool { get }
  /// Grows when a reader takes some of an answer.
  var progress: Int { get }
  /// Whether the caller should read from its socket.
  var wantsInput: Bool { get }
  /// Whether everything is said: write nothing more, close.
  var isOver: Bool { get }
  /// The bodies, as far as they have come, of requests that were not handed out yet.
  var bodyBytes: Int { get }
  /// How far the requests that are arriving have come, for timeouts.
  var stage: HTTP1RequestParser.Stage { get }
  /// When the oldest of them began; nil where only one can arrive at a time, whose time is `stage`'s.
  var arrivingSince: Instant? { get }
  /// What limit the client was sent away for; nil if for none.
  var floodedBy: String? { get }
}

extension HTTP1Connection: EdgeProtocol {
  func receive(_ bytes: ArraySlice<UInt8>, now: Instant) { receive(bytes) }
  func refuseLongest(_ failure: HTTPFailure, date: String?) -> Bool {
    guard bodyBytes > 0 else { return false }
    refuse(failure, date: date)
    return true
  }
  var awaitsReader: Bool { !output.isEmpty }
  /// HTTP/1.1 has a status for everything.
  func takeComplaints() -> [String] { [] }
  var arrivingSince: Instant? { nil }
  var floodedBy: String? { nil }
}
