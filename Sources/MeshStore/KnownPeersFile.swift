import MeshWire

/// The content of `known-peers`: the number of records (UInt32), then each with its length (UInt32) before it, as the
/// protobuf `MemberRecord`. It only helps a node to find its mesh again, so what is too much is left out.
enum KnownPeersFile {
  /// The most records.
  static let recordsMax = 4_096
  /// The most bytes of content.
  static let bytesMax = 8 << 20

  /// The content for as many of `records` as fit, from the first on.
  static func encode(_ records: [MemberRecord]) -> [UInt8] {
    var body: [UInt8] = []
    var count: UInt64 = 0
    for record in records.prefix(recordsMax) {
      let bytes = record.encoded()
      guard body.count &+ bytes.count &+ 8 <= bytesMax else { break }
      body.append(littleEndian: UInt64(bytes.count), count: 4)
      body += bytes
      count &+= 1
    }
    var content: [UInt8] = []
    content.append(littleEndian: count, count: 4)
    return content + body
  }

  /// The records of a content.
  static func decode(_ content: [UInt8]) throws(SmallFile.Rot) -> [MemberRecord] {
    var reader = ByteReader(content)
    guard let count = reader.number(4), count <= UInt64(recordsMax) else {
      throw SmallFile.Rot(reason: "it counts more than \(recordsMax) peers or is cut off")
    }
    var records: [MemberRecord] = []
    for position in 0..<count {
      guard let length = reader.number(4), let bytes = reader.take(Int(clamping: length)) else {
        throw SmallFile.Rot(reason: "peer \(position) is cut off")
      }
      do throws(WireError) {
        records.append(try MemberRecord.decode(Array(bytes)))
      } catch {
        throw SmallFile.Rot(reason: "peer \(position) is no record: \(error.description)")
      }
    }
    guard reader.isAtEnd else { throw SmallFile.Rot(reason: "it holds more than its \(count) peers") }
    return records
  }
}
