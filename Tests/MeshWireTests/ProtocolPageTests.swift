import Foundation
import MeshBasics
import MeshWire
import Testing

/// `docs/reference/gossip-protocol.md`, by which others implement the protocol: what it counts and computes is checked
/// here against the code.
private enum ProtocolPage {
  static let text: String = {
    let top = Fixtures.root.deletingLastPathComponent().deletingLastPathComponent()
    let page = top.appendingPathComponent("docs/reference/gossip-protocol.md")
    return (try? String(contentsOf: page, encoding: .utf8)) ?? ""
  }()

  /// The rows of the tables under a heading, cell by cell, without code marks and without the heads.
  static func rows(under heading: String) -> [[String]] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let section = lines.drop { !($0.hasPrefix("#") && $0.hasSuffix("# " + heading)) }.dropFirst()
    let table = section.prefix { !$0.hasPrefix("#") }.filter { $0.hasPrefix("| ") }
    return table.dropFirst().map { row in
      row.dropFirst(2).dropLast(2).components(separatedBy: " | ").map {
        $0.trimmingCharacters(in: CharacterSet(charactersIn: "` "))
      }
    }
  }
}

private func digits(_ hash: UInt64) -> String {
  let text = String(hash, radix: 16)
  return String(repeating: "0", count: 16 - text.count) + text
}

private func hash(_ mix: (inout StableHash) -> Void) -> UInt64 {
  var hash = StableHash()
  mix(&hash)
  return hash.value
}

@Test func theHashesOfThePageAreThoseOfTheCode() throws {
  let rows = ProtocolPage.rows(under: "StableHash")
  #expect(rows.count == 7)
  for row in rows {
    let value = hash { hash in
      for part in row[0].components(separatedBy: ", ") where part != "nothing" {
        if part.hasPrefix("text ") { hash.combine(String(part.dropFirst(5).filter { $0 != "`" })) }
        if part.hasPrefix("number ") { hash.combine(UInt64(part.dropFirst(7)) ?? 42) }
      }
    }
    #expect(digits(value) == row[1], "\(row[0])")
  }
}

@Test func theDigestTermsOfThePageAreThoseOfTheCode() throws {
  let rows = ProtocolPage.rows(under: "Digest terms")
  #expect(rows.count == 4)
  var digest: UInt64 = 0
  for (index, row) in rows.enumerated() {
    let term = hash { hash in
      hash.combine(row[0])
      hash.combine(UInt64(row[1]) ?? 0)
      hash.combine(UInt64(UInt32(row[2]) ?? 0))
      hash.combine(UInt64(bitPattern: Int64(row[3]) ?? 0))
    }
    #expect(digits(term) == row[4], "\(row[0])")
    if index < 3 { digest ^= term }
  }
  #expect(ProtocolPage.text.contains("the first three members alive is `\(digits(digest))`"))
}

@Test func theBucketsAndPositionsOfThePageAreThoseOfTheCode() throws {
  let rows = ProtocolPage.rows(under: "Buckets and ring positions")
  #expect(rows.count == 5)
  for row in rows {
    let key = hash { $0.combine(row[0]) }
    #expect(String(key >> 58) == row[1], "\(row[0])")
    for ring in 0..<3 {
      let position = hash { hash in
        hash.combine(key)
        hash.combine(UInt64(ring))
      }
      #expect(digits(position) == row[2 + ring], "\(row[0])")
    }
  }
}

@Test func theFramesOfThePageAreTheGoldenOnes() throws {
  let rows = ProtocolPage.rows(under: "Frames")
  let vectors = try Vector.all()
  var kinds: Set<MessageKind> = []
  for row in rows {
    let vector = try #require(vectors.first { $0.name == row[0] + ".txt" }, "\(row[0])")
    #expect(vector.encoding == hex(row[1]), "\(row[0])")
    if vector.type == "MeshFrame" { kinds.insert(try MeshMessage.decode(hex(row[1])).kind) }
  }
  // A digest of 64 buckets is a kilobyte, too long for the page.
  #expect(kinds == Set(MessageKind.allCases).subtracting([.syncDigest]))
}

@Test func theMessagesOfThePageAreThoseOfTheFrame() {
  let rows = ProtocolPage.rows(under: "Messages")
  #expect(rows.count == MessageKind.allCases.count)
  for (index, (row, kind)) in zip(rows, MessageKind.allCases).enumerated() {
    #expect(row[0] == String(index + 1))
    #expect(row[1].lowercased() == kind.rawValue.filter { $0 != "_" })
    #expect(row[2] == String(kind.sinceVersion))
  }
}

@Test func theLimitsOfThePageAreThoseOfTheCode() {
  let limits = Dictionary(uniqueKeysWithValues: ProtocolPage.rows(under: "Limits").map { ($0[0], $0[1]) })
  func expect(_ what: String, _ limit: String) { #expect(limits[what] == limit, "\(what)") }
  func number(_ value: Int) -> String {
    guard value >= 1000 else { return "\(value)" }
    let low = "\(value % 1000)"
    return "\(value / 1000),\(String(repeating: "0", count: 3 - low.count))\(low)"
  }
  expect("a frame", "\(number(WireLimits.frameBytes)) bytes")
  expect("claims in one message", number(WireLimits.recordsPerFrame))
  expect("metadata`, and `metadata_delta`, as protobuf", "\(number(WireLimits.metadataBytes)) bytes each")
  expect("labels of a node; keys removed by a delta", "\(WireLimits.labels) each")
  expect(
    "key of a label; its value", "1 to \(WireLimits.labelKeyBytes) bytes; \(number(WireLimits.labelValueBytes)) bytes")
  expect("role, region, cluster, versions", "\(WireLimits.textBytes) bytes each")
  expect("endpoint, `host:port` or `[address]:port", "\(WireLimits.endpointBytes) bytes")
  expect("accusers", "\(WireLimits.accusersMax)")
  expect("health", "0 to \(WireLimits.healthMax)")
  expect("buckets", "exactly \(WireLimits.syncBuckets)")
  expect("entries` of one `SyncSummary", number(WireLimits.syncEntries))
  expect("wanted` of one `SyncDelta", number(WireLimits.recordsPerFrame))
  expect("topic of a broadcast", "1 to \(WireLimits.topicBytes) bytes")
  expect("payload of a broadcast", "\(number(WireLimits.broadcastBytes)) bytes")
  expect("payload of the unary `Ping", "\(number(WireLimits.pingPayloadBytes)) bytes")
}
