import MeshBasics

/// The body of an answer that is made while its reader takes it, such as a stream of events. It is asked for parts as
/// long as its reader takes them, so that what a slow reader hasn't asked for need not be kept.
///
/// *Threads*: the listener's alone. *Ownership*: the listener lets go of it when the answer is whole, or nobody reads
/// it any more.
public protocol AnswerBody: AnyObject {
  /// Whether its reader may make it last as long as it likes. Connections with such answers have a limit of their own.
  var mayStay: Bool { get }
  /// When it must be over, however slowly it is read; nil for never.
  var deadline: Instant? { get }
  /// The next part. Must not block.
  func next(_ now: Instant) -> AnswerPart
  /// The listener is about to stop, or its client must go: what comes next is the end.
  func stop()
}

extension AnswerBody {
  /// It may.
  public var mayStay: Bool { true }
  /// Never.
  public var deadline: Instant? { nil }
}

/// What an `AnswerBody` has to give.
public enum AnswerPart: Equatable, Sendable {
  /// Some bytes of the body, at least one.
  case bytes([UInt8])
  /// The answer, which was to come later (`HTTPAnswer.init(later:)`), and its end. No other answer has this part.
  case whole(HTTPResponse)
  /// Nothing now: ask again at this time, or when `EdgeTransport.wake` was called.
  case nothing(until: Instant)
  /// The body is whole. The trailers follow where the client can read them.
  case end(trailers: [HTTPField])

  /// Who has nothing is not asked again before that, whatever it says.
  static let pauseMin = Duration.milliseconds(1)
}

/// Takes the body of a request as it comes, where the answer is made meanwhile.
///
/// *Threads*: the listener's alone.
public protocol RequestReader: AnyObject {
  /// Some of the body came; `bytes` lives for the call. Gives how many of them are done with; those that are kept hold
  /// the client back until `takeConsumed` tells of them.
  func received(_ bytes: UnsafeBufferPointer<UInt8>) -> Int
  /// The client has sent all.
  func ended()
  /// How many bytes that were kept are done with since this was asked last.
  func takeConsumed() -> Int
  /// What it holds in memory beside the bytes that it keeps.
  var heldBytes: Int { get }
  /// It holds more than it may, or for too long: its answer is to end, and nothing more comes.
  func refused()
}

/// What an answering closure gives.
public struct HTTPAnswer {
  /// The answer; only its head where `body` follows.
  public var response: HTTPResponse
  /// What follows the head in place of `response.body`; nil when that is all.
  public var body: (any AnswerBody)?

  /// `response` isn't known yet: the first part of `body` that is something is the whole answer.
  public private(set) var isLater = false

  /// Who takes the body of a request that is handed out before it is whole (`HTTPRequest.comesInParts`); nil drops it.
  public var reader: (any RequestReader)?

  /// An answer of these parts.
  public init(_ response: HTTPResponse, body: (any AnswerBody)? = nil, reader: (any RequestReader)? = nil) {
    self.response = response
    self.body = body
    self.reader = reader
  }

  /// An answer of which nothing is known yet. `source` has it in one part, `AnswerPart.whole`; until then it is asked
  /// as a body is.
  public init(later source: any AnswerBody) {
    self.init(HTTPResponse(), body: source)
    isLater = true
  }
}
