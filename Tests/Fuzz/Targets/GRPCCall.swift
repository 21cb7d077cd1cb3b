import MeshBasics
import MeshTransport

/// A call of gRPC as a caller may make it: one byte of choices, the fields of its head one to a line up to an empty
/// line, then the body. Read whole and in pieces, the method must hear the same messages, and the call must end with
/// one status, in time.
func fuzzGRPCCall(_ bytes: [UInt8]) {
  guard let choice = bytes.first else { return }
  let (request, body) = callRequest(bytes.dropFirst())
  let whole = run(request, body, by: max(1, body.count), choice)
  let pieces = run(request, body, by: 1 + Int(choice & 15), choice)
  // A call whose time was over before it began hears what came until it was asked.
  if whole.status != pieces.status || whole.status != "4" && whole.messages != pieces.messages {
    found("the cut changes what a call says")
  }
  guard let metadata = try? CallMetadata(of: request) else { return }
  for entry in metadata.entries {
    if entry.name.hasPrefix("grpc-") || entry.name.hasPrefix(":") { found("metadata that is gRPC's own") }
  }
  if metadata.entries.count > GRPCLimits().metadataEntriesMax { found("\(metadata.entries.count) values of metadata") }
}

/// The head of the request, and the rest.
private func callRequest(_ bytes: ArraySlice<UInt8>) -> (request: HTTPRequest, body: [UInt8]) {
  var request = HTTPRequest()
  (request.method, request.target, request.version) = ("POST", "/a.B/C", "HTTP/2")
  request.headers = [HTTPField("content-type", "application/grpc")]
  var rest = bytes
  while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
    let line = rest[..<end]
    rest = rest[rest.index(after: end)...]
    guard !line.isEmpty else { break }
    let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(decoding: parts[0], as: UTF8.self)
    request.headers.append(HTTPField(name, parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""))
  }
  return (request, Array(rest))
}

private func run(
  _ request: HTTPRequest, _ body: [UInt8], by step: Int, _ choice: UInt8
) -> (messages: [[UInt8]], status: String) {
  var limits = GRPCLimits()
  // Small, so that an input of the fuzzer's length reaches it.
  limits.messageBytesMax = 2_048
  limits.compressedBytesMin = 64
  let listener = Listener(room: choice & 16 == 0 ? 1 : 1_000)
  let call = GRPCCall(request, handler: listener, limits: limits, now: .origin)
  _ = call.head
  var kept = 0
  for start in stride(from: 0, to: body.count, by: step) {
    let piece = body[start..<min(start + step, body.count)]
    kept += piece.count - piece.withUnsafeBufferPointer(call.received)
    // What waits for the method, as the desk gives room to it again.
    while listener.waiting > 0, case .bytes = call.next(.origin) { kept -= call.takeConsumed() }
    kept -= call.takeConsumed()
    if kept < 0 { found("more is done with than came") }
  }
  if choice & 32 != 0 { call.refused() }
  call.ended()
  if choice & 64 != 0 { call.stop() }
  for _ in 0...(body.count + 2) {
    switch call.next(.distantFuture) {
    case .bytes(let bytes): if bytes.count < GRPCDeframer.prefixBytes { found("half a frame") }
    case .whole: found("a call that is a whole answer")
    case .nothing: found("a call that doesn't end")
    case .end(let trailers):
      guard listener.codes.count == 1, trailers.filter({ $0.name == "grpc-status" }).count == 1 else {
        found("a call that ends \(listener.codes.count) times")
      }
      return (listener.messages, trailers.first { $0.name == "grpc-status" }?.value ?? "")
    }
    _ = call.takeConsumed()
  }
  found("a call without an end")
}

/// Notes what it is told, and answers each message with it.
private final class Listener: GRPCHandler {
  private let room: Int
  private(set) var messages: [[UInt8]] = []
  private(set) var codes: [Int] = []
  private var answered = 0
  private var hasEnded = false
  init(room: Int) { self.room = room }

  var waiting: Int { messages.count - answered }
  let mayStay = true
  let leadingMetadata = CallMetadata()
  var heldBytes: Int { 0 }
  var wantsMessage: Bool { waiting < room }
  func ended(with code: Int) { codes.append(code) }
  func received(_ message: [UInt8]) {
    if hasEnded { found("a message after the last") }
    messages.append(message)
  }
  func ended() { hasEnded = true }
  func next(_ now: Instant) -> GRPCPart {
    guard answered < messages.count else {
      return hasEnded ? .end(.ok) : .nothing(until: .distantFuture)
    }
    answered += 1
    return .message(messages[answered - 1])
  }
}
