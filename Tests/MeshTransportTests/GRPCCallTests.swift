import MeshBasics
import Testing

@testable import MeshTransport

@Suite struct GRPCCallTests {
  private let start = Instant(nanoseconds: 1_000_000_000)

  private func call(
    _ echo: Echo, _ fields: [HTTPField] = [], limits: GRPCLimits = GRPCLimits()
  ) -> GRPCCall {
    var request = HTTPRequest()
    (request.method, request.version, request.headers) = ("POST", "HTTP/2", fields)
    return GRPCCall(request, handler: echo, limits: limits, now: start)
  }

  private func say(_ bytes: [UInt8], to call: GRPCCall) -> Int { bytes.withUnsafeBufferPointer(call.received) }
  private func framed(_ message: [UInt8], flags: UInt8 = 0) -> [UInt8] {
    [flags] + GRPCDeframer.prefix(length: message.count).dropFirst() + message
  }
  private func code(_ part: AnswerPart) -> String? {
    if case .end(let trailers) = part { trailers["grpc-status"] } else { nil }
  }

  @Test func messagesGoInAndComeOutInOrder() {
    let echo = Echo()
    let call = call(echo)
    #expect(say(framed([1]) + framed([2]), to: call) == 12)
    #expect(call.next(start) == .bytes(framed([1])) && call.next(start) == .bytes(framed([2])))
    #expect(call.next(start) == .nothing(until: .distantFuture))
    call.ended()
    #expect(call.next(start) == .end(trailers: [HTTPField("grpc-status", "0")]))
  }

  @Test func aCallerIsHeldBackWhileTheMethodWantsNoMessageAndItsEndIsToldLast() {
    let echo = Echo()
    let call = call(echo)
    let all = (1...5).flatMap { framed([UInt8($0)]) }
    #expect(say(all, to: call) == 12, "two are taken")
    #expect(say(framed([6]), to: call) == 0, "in order")
    call.ended()
    #expect(call.takeConsumed() == 0 && !echo.hasEnded)
    var (answered, consumed): ([UInt8], Int) = ([], 12)
    while case .bytes(let bytes) = call.next(start) {
      answered += bytes.suffix(1)
      consumed += call.takeConsumed()
    }
    #expect(answered == [1, 2, 3, 4, 5, 6] && consumed == all.count + 6 && echo.hasEnded)
  }

  @Test func compressedMessagesAreExpandedAndLongAnswersAreCompressedForThoseWhoTakeThem() throws {
    let echo = Echo()
    let call = call(echo, [HTTPField("grpc-encoding", "gzip"), HTTPField("grpc-accept-encoding", "identity, gzip")])
    let long = [UInt8](repeating: 7, count: GRPCLimits().compressedBytesMin)
    for message in [long, Array(long.dropFirst())] {
      _ = say(framed(try #require(GZip.compress(message)), flags: 1), to: call)
      guard case .bytes(let bytes) = call.next(start) else { throw TransportError("no answer") }
      #expect(bytes.first == (message.count == long.count ? 1 : 0))
      let plain =
        bytes.first == 1
        ? (try? GZip.expand(Array(bytes.dropFirst(5)), bytesMax: 2_000).get()) : Array(bytes.dropFirst(5))
      #expect(plain == message)
    }
  }

  @Test func whatCannotBeReadEndsTheCallWithItsStatus() throws {
    var limits = GRPCLimits()
    limits.messageBytesMax = 100
    let gzip = [HTTPField("grpc-encoding", "gzip")]
    let bomb = try #require(GZip.compress([UInt8](repeating: 0, count: 101)))
    let cases: [([UInt8], [HTTPField], String)] = [
      (framed(bomb, flags: 1), gzip, "8"), (framed([1, 2, 3], flags: 1), gzip, "13"),
      (framed([], flags: 2), gzip, "13"),
      (framed(bomb, flags: 1), [], "12"),
      ([0, 0, 0, 0, 101], [], "8"), ([0, 0], [], "13"), (framed([]), [HTTPField("grpc-encoding", "br")], "12"),
      (framed([]), [HTTPField("grpc-timeout", "soon")], "13"), (framed([]), [HTTPField("grpc-timeout", "0n")], "4"),
    ]
    for (bytes, fields, status) in cases {
      let call = call(Echo(), fields, limits: limits)
      #expect(say(bytes, to: call) == bytes.count)
      call.ended()
      #expect(code(call.next(start)) == status, "\(bytes.prefix(8)) \(fields)")
    }
  }

  @Test func howACallEndedIsToldOnce() {
    let (well, left) = (Echo(), Echo())
    do {
      let call = call(well)
      call.ended()
      #expect(code(call.next(start)) == "0" && code(call.next(start)) == "0")
      _ = self.call(left)
    }
    #expect(well.codes == [0] && left.codes == [1], "1 where the caller went away")
    let refused = Echo()
    let call = call(refused)
    _ = say(framed([1]) + framed([2]) + framed([3]) + [0, 0], to: call)
    #expect(call.heldBytes == 2)
    call.refused()
    #expect(code(call.next(start)) == "8" && refused.codes == [8])
    #expect(say(framed([4]), to: call) == 6, "what comes is dropped")
  }

  @Test func deadlinesEndACallWhateverTheMethodSays() {
    let timed = call(Echo(), [HTTPField("grpc-timeout", "1500m")])
    #expect(timed.next(start) == .nothing(until: start + .milliseconds(1_500)))
    #expect(code(timed.next(start + .milliseconds(1_500))) == "4")
    let silent = call(Echo())
    #expect(silent.next(start) == .nothing(until: start + .seconds(30)))
    #expect(code(silent.next(start + .seconds(30))) == "4")
    let slow = call(Echo())
    _ = say(framed([1]), to: slow)
    #expect(slow.next(start + .seconds(31)) == .bytes(framed([1])), "its first message is there")
    #expect(slow.next(start + .seconds(31)) == .nothing(until: .distantFuture))
    slow.stop()
    #expect(code(slow.next(start)) == "14")
  }

  @Test func timeoutsAreReadWithTheirUnitsAndNothingElseIs() {
    let good: [(String, Duration)] = [
      ("1H", .seconds(3_600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
      ("5u", Duration(nanoseconds: 5_000)), ("99999999n", Duration(nanoseconds: 99_999_999)),
    ]
    for (text, span) in good { #expect(GRPCCall.span(text) == span) }
    for text in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1 S", "ä1S"] {
      #expect(GRPCCall.span(text) == nil, "\(text)")
    }
  }
}

@Suite struct GZipTests {
  @Test(arguments: [0, 1, 1_000, 100_000]) func whatIsCompressedComesBack(_ count: Int) throws {
    var random = SeededRandom(seed: UInt64(count))
    let message = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.below(4)) }
    let small = try #require(GZip.compress(message))
    #expect(GZip.expand(small, bytesMax: count) == .success(message))
    if count > 0 { #expect(GZip.expand(small, bytesMax: count - 1) == .failure(.tooLong)) }
    #expect(GZip.expand(small.dropLast(), bytesMax: count + 1) == .failure(.notGZip), "cut off")
    #expect(GZip.expand(small + [0], bytesMax: count) == .failure(.notGZip), "something behind it")
  }

  @Test func garbageIsNoGZip() {
    var random = SeededRandom(seed: 1)
    for _ in 0..<1_000 {
      let bytes = (0..<random.below(64)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      #expect(GZip.expand(bytes, bytesMax: 1_000) == .failure(.notGZip))
      if case .success(let plain) = GZip.expand([0x1F, 0x8B, 8] + bytes, bytesMax: 1_000) {
        #expect(plain.count <= 1_000)
      }
    }
  }
}
