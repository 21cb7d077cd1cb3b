import MeshBasics

/// The body of an answer that is made while its reader takes it, such as a stream of events. It is asked for parts as
/// long as its reader takes them, so that what a slow reader hasn't asked for need not be kept.
///
/// *Threads*: the listener's alone. *Ownership*: the listener lets go of it when the answer is whole, or nobody reads
/// it any more.
public protocol AnswerBody: AnyObject {
  /// The next part. Must not block.
  func next(_ now: Instant) -> AnswerPart
  /// The listener is about to stop, or its client must go: what comes next is the end.
  func stop()
}

/// What an `AnswerBody` has to give.
public enum AnswerPart: Equatable, Sendable {
  /// Some bytes of the body, at least one.
  case bytes([UInt8])
  /// Nothing now: ask again at this time, or when `EdgeTransport.wake` was called.
  case nothing(until: Instant)
  /// The body is whole. The trailers follow where the client can read them.
  case end(trailers: [HTTPField])
}

/// What an answering closure gives.
public struct HTTPAnswer {
  /// The answer; only its head where `body` follows.
  public var response: HTTPResponse
  /// What follows the head in place of `response.body`; nil when that is all.
  public var body: (any AnswerBody)?

  /// An answer of these parts.
  public init(_ response: HTTPResponse, body: (any AnswerBody)? = nil) {
    self.response = response
    self.body = body
  }
}
