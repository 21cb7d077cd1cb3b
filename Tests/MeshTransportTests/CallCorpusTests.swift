import Foundation
import MeshBasics
import Testing

@testable import MeshTransport

/// The seeds of one fuzz target, by name.
private func seeds(_ folder: String) throws -> [String: [UInt8]] {
  let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/corpus/\(folder)")
  var seeds: [String: [UInt8]] = [:]
  for name in try FileManager.default.contentsOfDirectory(atPath: path.path) {
    seeds[name] = Array(try Data(contentsOf: path.appendingPathComponent(name)))
  }
  return seeds
}

/// Seeds whose outcome is another than the usual one.
private func outcomes(_ list: (String, String)...) -> [String: String] { Dictionary(uniqueKeysWithValues: list) }

@Test func hostileCallsEndWithTheSameStatusHoweverTheyAreCut() throws {
  // A byte of choices, fields, an empty line, the body: see the fuzz target. The choices are the fuzzer's alone.
  let expected = outcomes(
    ("half-prefix", "13"), ("half-message", "13"), ("huge-length", "8"), ("over-limit", "8"), ("unknown-flags", "13"),
    ("compressed-unasked", "12"), ("bomb", "8"), ("no-gzip", "13"), ("empty-gzip", "13"), ("two-gzips", "13"),
    ("brotli", "12"), ("timeout-zero", "4"), ("timeout-none", "13"), ("timeout-words", "13"),
    ("timeout-overflow", "13"), ("metadata-no-base64", "metadata 13"), ("metadata-commas", "metadata 8"),
    ("refused-and-stopped", "13"))
  for (name, seed) in try seeds("grpc-call") {
    var request = HTTPRequest()
    var rest = seed.dropFirst()
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = rest[..<end]
      rest = rest[(end + 1)...]
      guard !line.isEmpty else { break }
      let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let text = parts.map { String(decoding: $0, as: UTF8.self) }
      request.headers.append(HTTPField(text[0], text[1]))
    }
    let told = [seed.count, 1, 3].map { status(request, rest, by: $0) }
    #expect(Set(told) == [expected[name] ?? "0"], "\(name)")
  }
}

private func status(_ request: HTTPRequest, _ body: ArraySlice<UInt8>, by step: Int) -> String {
  var limits = GRPCLimits()
  limits.messageBytesMax = 2_048
  do throws(GRPCStatus) {
    _ = try CallMetadata(of: request)
  } catch {
    return "metadata \(error.code)"
  }
  let echo = Echo()
  let call = GRPCCall(request, handler: echo, limits: limits, now: .origin)
  var rest = body
  while !rest.isEmpty {
    _ = rest.prefix(step).withUnsafeBufferPointer(call.received)
    rest = rest.dropFirst(step)
    while !echo.waiting.isEmpty, case .bytes = call.next(.origin) {}
  }
  call.ended()
  while true {
    switch call.next(.origin) {
    case .bytes, .whole: continue
    case .nothing: return "none"
    case .end(let trailers): return trailers["grpc-status"] ?? ""
    }
  }
}

@Test func hostileGZipIsRefusedOrExpandedWithinItsLimit() throws {
  let good: [String: Int] = [
    "nothing": 0, "no-room-nothing": 0, "short": 5, "at-limit": 256, "header-name": 3, "stored": 5,
  ]
  for (name, seed) in try seeds("gzip") {
    let bytesMax = Int(seed.first ?? 0) * 64
    switch GZip.expand(Array(seed.dropFirst()), bytesMax: bytesMax) {
    case .success(let plain): #expect(good[name] == plain.count && plain.count <= bytesMax, "\(name)")
    case .failure(let failure):
      let isTooLong = ["over-limit", "bomb", "no-room"].contains(name)
      #expect(good[name] == nil && (failure == .tooLong) == isTooLong, "\(name)")
    }
  }
}

@Test func hostileStreamsOfEventsTellTheSameHoweverTheyAreCut() throws {
  // How many events there are, and what to come back with.
  let expected: [String: (Int, String?)] = [
    "empty": (0, nil), "snapshot": (1, "1-7-0"), "heartbeat": (0, "1-8-0"), "two-lines": (1, nil), "crlf": (1, nil),
    "cr-alone": (0, nil), "no-end": (0, nil), "no-space": (1, nil), "many-spaces": (1, nil), "no-colon": (0, ""),
    "only-colons": (0, nil), "empty-data": (0, nil), "nul-id": (1, "a\0b"), "no-utf8": (1, "\u{FFFD}"),
    "bom": (0, nil), "unknown-field": (1, nil), "upper-case": (0, nil), "id-unset": (2, ""), "long-line": (1, nil),
    "many-events": (500, nil), "blank-lines": (0, nil), "retry-odd": (1, nil),
  ]
  for (name, seed) in try seeds("event-stream") {
    for step in [max(1, seed.count), 1, 7] {
      var reader = EventStreamReader()
      var events: [EventStreamReader.Event] = []
      for start in stride(from: 0, to: seed.count, by: step) {
        events += reader.take(Array(seed[start..<min(start + step, seed.count)]))
      }
      #expect(expected[name] ?? (-1, nil) == (events.count, reader.lastID), "\(name)")
    }
  }
}
