import MeshBasics

@testable import MeshTransport

// Methods of gRPC that only tests have. They stand for the kinds of streaming.

/// A method that answers each message with itself, and wants at most `room` of them unanswered: bidirectional.
final class Echo: GRPCHandler {
  var waiting: [[UInt8]] = []
  var room = 2
  var hasEnded = false
  var mayStay = false
  var leadingMetadata = CallMetadata()
  var codes: [Int] = []
  var heldBytes: Int { waiting.reduce(0) { $0 + $1.count } }
  func ended(with code: Int) { codes.append(code) }

  var wantsMessage: Bool { waiting.count < room }
  func received(_ message: [UInt8]) { waiting.append(message) }
  func ended() { hasEnded = true }
  func next(_ now: Instant) -> GRPCPart {
    if !waiting.isEmpty { return .message(waiting.removeFirst()) }
    return hasEnded ? .end(.ok) : .nothing(until: .distantFuture)
  }
}

/// Takes any number of messages, and tells how many bytes they had when its caller has said all: client-streaming. It
/// tells its caller's `x-any-bin` back as `x-seen-bin` before the answer, and the count of the messages behind it.
final class Sum: GRPCHandler {
  let leadingMetadata: CallMetadata
  private var messages = 0
  private var bytes = 0
  private var hasEnded = false
  private var hasAnswered = false

  init(_ metadata: CallMetadata) {
    var seen = CallMetadata()
    for value in metadata["x-any-bin"] { seen.add("x-seen-bin", value) }
    leadingMetadata = seen
  }

  var mayStay: Bool { false }
  var wantsMessage: Bool { true }
  var heldBytes: Int { 0 }
  func ended(with code: Int) {}
  func received(_ message: [UInt8]) { (messages, bytes) = (messages + 1, bytes + message.count) }
  func ended() { hasEnded = true }

  func next(_ now: Instant) -> GRPCPart {
    guard hasEnded else { return .nothing(until: .distantFuture) }
    if !hasAnswered {
      hasAnswered = true
      return .message(Array("\(bytes)".utf8))
    }
    var metadata = CallMetadata([("x-messages", "\(messages)")])
    metadata.add("x-messages-bin", [UInt8(truncatingIfNeeded: messages), 0xFF])
    return .end(GRPCStatus(code: 0, message: "", metadata: metadata))
  }
}

/// Has always more to say, however little of it is read: server-streaming.
final class Endless: GRPCHandler {
  var codes: [Int] = []
  private let told: SharedLines?

  /// `told` hears how the call ended.
  init(told: SharedLines? = nil) { self.told = told }

  var mayStay: Bool { true }
  let leadingMetadata = CallMetadata()
  var wantsMessage: Bool { true }
  var heldBytes: Int { 0 }
  func ended(with code: Int) {
    codes.append(code)
    told?.add("ended with \(code)")
  }
  func received(_ message: [UInt8]) {}
  func ended() {}
  func next(_ now: Instant) -> GRPCPart { .message([UInt8](repeating: 1, count: 16_000)) }
}

/// What a listener of the tests serves over gRPC; nil for what it doesn't. `told` hears how endless calls end.
func testCall(_ request: HTTPRequest, told: SharedLines) -> HTTPAnswer? {
  guard request.comesInParts else { return nil }
  let handler: any GRPCHandler
  switch request.target {
  case "/test.Calls/Sum": handler = Sum((try? CallMetadata(of: request)) ?? CallMetadata())
  case "/test.Calls/Echo": handler = Echo()
  case "/test.Calls/Endless": handler = Endless(told: told)
  default: return nil
  }
  let call = GRPCCall(request, handler: handler, now: MonotonicClock.now())
  return HTTPAnswer(call.head, body: call, reader: call)
}
