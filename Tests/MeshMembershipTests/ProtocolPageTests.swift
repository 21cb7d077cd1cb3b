import Foundation
import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// The vectors of `docs/reference/gossip-protocol.md`, recomputed with the room's own functions. MeshWireTests checks
/// the same page with the formulas that it gives.
private func rows(under heading: String) throws -> [[String]] {
  let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  let page = tests.deletingLastPathComponent().appendingPathComponent("docs/reference/gossip-protocol.md")
  let lines = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "\n")
  let section = lines.drop { $0 != "### " + heading }.dropFirst().prefix { !$0.hasPrefix("#") }
  return section.filter { $0.hasPrefix("| `") }.map { row in
    row.dropFirst(2).dropLast(2).components(separatedBy: " | ").map { $0.filter { $0 != "`" } }
  }
}

private func member(_ row: [String], _ state: MemberState = .alive) throws -> (NodeID, Member) {
  let node = try #require(NodeID(row[0]))
  let version = Version(
    epoch: try #require(UInt64(row[1])), incarnation: try #require(UInt32(row[2])), state: state)
  var metadata = NodeMetadata()
  metadata.metadataVersion = try #require(Int64(row[3]))
  var member = Member(node, version: version, metadata: Shared(metadata), evidence: .origin)
  member.metadataEpoch = version.epoch
  return (node, member)
}

@Test func theDigestTermsOfTheProtocolPageAreTheRooms() throws {
  let rows = try rows(under: "Digest terms")
  #expect(rows.count == 4)
  for row in rows {
    for state in [MemberState.alive, .suspect] {
      let (node, member) = try member(row, state)
      #expect(UInt64(row[4], radix: 16) == member.digestTerm(of: node), "\(row[0])")
    }
    for state in [MemberState.dead, .left] {
      let (node, member) = try member(row, state)
      #expect(member.digestTerm(of: node) == 0)
    }
  }
}

@Test func metadataOfAnEarlierLifeCountsAsVersion0InTheDigest() throws {
  let row = try #require(try rows(under: "Digest terms").first { $0[3] == "0" })
  var (node, member) = try member(row)
  var metadata = NodeMetadata()
  metadata.metadataVersion = 99
  member.metadata = Shared(metadata)
  member.metadataEpoch = 0
  #expect(UInt64(row[4], radix: 16) == member.digestTerm(of: node))
}

@Test func theBucketsAndPositionsOfTheProtocolPageAreTheRooms() throws {
  let rows = try rows(under: "Buckets and ring positions")
  #expect(rows.count == 5)
  for row in rows {
    let key = Rings.key(of: try #require(NodeID(row[0])))
    #expect(String(Membership.bucket(of: key)) == row[1], "\(row[0])")
    for ring in 0..<3 { #expect(UInt64(row[2 + ring], radix: 16) == Rings.position(key, ring: ring), "\(row[0])") }
  }
}
