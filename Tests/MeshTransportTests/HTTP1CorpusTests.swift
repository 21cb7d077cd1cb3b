import Foundation
import Testing

@testable import MeshTransport

private let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("Fixtures/corpus")

private func files(_ folder: String) throws -> [[UInt8]] {
  let names = try FileManager.default.contentsOfDirectory(atPath: corpus.appendingPathComponent(folder).path)
  return try names.sorted().map { Array(try Data(contentsOf: corpus.appendingPathComponent("\(folder)/\($0)"))) }
}

/// A generator whose numbers are the same in every run.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}

private func mutated(_ bytes: [UInt8], _ random: inout Seeded) -> [UInt8] {
  var bytes = bytes
  for _ in 0..<Int.random(in: 1...4, using: &random) {
    let at = Int.random(in: 0...bytes.count, using: &random)
    switch Int.random(in: 0..<4, using: &random) {
    case 0 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
    case 1 where at < bytes.count: bytes.remove(at: at)
    case 2: bytes.insert(contentsOf: bytes.prefix(at).suffix(20), at: at)
    default: bytes.insert("\r\n:; \0,0f".utf8.randomElement(using: &random) ?? 0, at: at)
    }
  }
  return bytes
}

private func serve(_ bytes: [UInt8], cutAt middle: Int) -> [UInt8] {
  let connection = HTTP1Connection()
  var output: [UInt8] = []
  for piece in [bytes.prefix(middle), bytes.dropFirst(middle)] {
    connection.receive(piece)
    while true {
      let request = connection.nextRequest()
      var response = HTTPResponse()
      response.body = request?.body ?? []
      connection.respond(HTTPAnswer(response))
      output += connection.output
      connection.wrote(connection.output.count)
      if request == nil { break }
    }
  }
  return output
}

@Test func hostileRequestsAndTheirMutationsNeverTrapAndTheCutDoesNotMatter() throws {
  var random = Seeded(state: 1)
  let seeds = try files("http1-request")
  #expect(seeds.count > 20)
  let interim = String(decoding: HTTP1ResponseWriter.continueBytes, as: UTF8.self)
  for round in 0..<10_000 {
    let seed = seeds[round % seeds.count]
    let bytes = round < seeds.count ? seed : mutated(seed, &random)
    let whole = String(decoding: serve(bytes, cutAt: bytes.count), as: UTF8.self)
    let cut = String(decoding: serve(bytes, cutAt: Int.random(in: 0...bytes.count, using: &random)), as: UTF8.self)
    #expect(
      whole.replacingOccurrences(of: interim, with: "") == cut.replacingOccurrences(of: interim, with: ""),
      "round \(round)")
  }
}

@Test func hostileAnswersAndTheirMutationsNeverTrap() throws {
  var random = Seeded(state: 2)
  let seeds = try files("http1-response")
  for round in 0..<10_000 {
    let seed = seeds[round % seeds.count]
    let bytes = round < seeds.count ? seed : mutated(seed, &random)
    var parser = HTTP1ResponseParser()
    if (try? parser.receive(bytes.prefix(9))) == nil { _ = try? parser.receive(bytes.dropFirst(9)) }
    _ = try? parser.connectionEnded()
  }
}
