import Glibc
import MeshBasics
import Testing

@testable import MeshTransport

@Suite struct GRPCDeframerTests {
  private func run(_ bytes: [UInt8], limit: Int = 10, step: Int = .max) -> ([[UInt8]], GRPCFrameError?, GRPCFrameError?)
  {
    var deframer = GRPCDeframer(messageBytesMax: limit)
    var messages: [[UInt8]] = []
    var error: GRPCFrameError?
    var start = 0
    repeat {
      let end = min(bytes.count, start + min(step, bytes.count))
      error = bytes[start..<end].withUnsafeBufferPointer { deframer.receive($0, into: &messages) }
      start = end
    } while start < bytes.count
    return (messages, error, deframer.end())
  }

  @Test(arguments: [1, 2, 3, 7, .max])
  func messagesComeOutWholeHoweverTheBytesAreCut(_ step: Int) {
    let bytes =
      GRPCDeframer.prefix(length: 3) + [1, 2, 3] + GRPCDeframer.prefix(length: 0)
      + GRPCDeframer.prefix(length: 10) + [UInt8](repeating: 9, count: 10)
    let (messages, error, end) = run(bytes, step: step)
    #expect(messages == [[1, 2, 3], [], [UInt8](repeating: 9, count: 10)])
    #expect(error == nil && end == nil)
  }

  @Test func theLimitIsCheckedOnTheLengthAlone() {
    #expect(run([0, 0, 0, 0, 10]).1 == nil)
    #expect(run([0, 0, 0, 0, 11]).1 == .tooLong(length: 11, limit: 10))
    #expect(run([0, 255, 255, 255, 255]).1 == .tooLong(length: .max, limit: 10))
  }

  @Test func flagsOtherThanNoneAreNamed() {
    #expect(run([1, 0, 0, 0, 0]).1 == .compressed)
    #expect(run([2, 0, 0, 0, 0]).1 == .unknownFlags(2))
  }

  @Test(arguments: [[0], [0, 0, 0, 0], [0, 0, 0, 0, 2], [0, 0, 0, 0, 2, 1]])
  func anEndInsideAMessageIsTruncated(_ bytes: [UInt8]) { #expect(run(bytes).2 == .truncated) }

  @Test func messagesBeforeAFaultAreDeliveredAndNoneAfterIt() {
    let (messages, error, end) = run([0, 0, 0, 0, 1, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 8], step: 4)
    #expect(messages == [[7]] && error == .compressed && end == .compressed)
  }

  @Test func corpusAndMutationsNeverTrapNorExceedTheLimit() throws {
    let corpus = try corpus("grpc-frame")
    #expect(!corpus.isEmpty)
    var random = SeededRandom(seed: 11)
    for round in 0..<10_000 {
      var bytes = corpus[round % corpus.count]
      for _ in 0..<(random.next() % 4) where !bytes.isEmpty {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      let (messages, _, _) = run(bytes, limit: 4096, step: Int(random.next() % 9) + 1)
      #expect(messages.allSatisfy { $0.count <= 4096 })
    }
  }

  @Test func datagramCorpusAndMutationsAreSortedWithoutATrap() throws {
    let corpus = try corpus("quic-datagram")
    #expect(!corpus.isEmpty)
    var random = SeededRandom(seed: 12)
    for round in 0..<10_000 {
      var bytes = corpus[round % corpus.count]
      for _ in 0..<(random.next() % 4) where !bytes.isEmpty {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      bytes.withUnsafeBufferPointer { sortDatagram($0) }
    }
  }

  private func corpus(_ name: String) throws -> [[UInt8]] {
    let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let folder = "/\(tests)/Fixtures/corpus/\(name)"
    return try FileList(folder).names.sorted().map { file in
      guard let stream = fopen("\(folder)/\(file)", "r") else { throw TransportError("can't read \(file)") }
      defer { fclose(stream) }
      var bytes = [UInt8](repeating: 0, count: 65_536)
      let count = fread(&bytes, 1, bytes.count, stream)
      return Array(bytes.prefix(count))
    }
  }
}

/// What the listener does with a datagram of an unknown connection before it keeps anything of it.
func sortDatagram(_ bytes: UnsafeBufferPointer<UInt8>) {
  switch QUICPacket.kind(of: bytes) {
  case .invalid: break
  case .unknownVersion(let header): _ = QUICPacket.versionNegotiation(for: header)
  case .connection:
    if let header = QUICPacket.clientInitial(bytes) { _ = QUICPacket.hasRetryToken(header) }
    #expect(QUICPacket.statelessReset(answering: bytes, secret: [1, 2, 3]).count < max(1, bytes.count))
  }
}
