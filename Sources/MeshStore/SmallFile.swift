import MeshBasics

/// A small file that is replaced whole: it holds what it held before a write or what it holds after, never a mixture.
///
/// Format, numbers little end first: `MESHKIT\n` · kind (4 bytes of ASCII) · version (UInt32, 1) · length of the
/// content (UInt64) · content · checksum (UInt64, `StableHash` of all before). The checksum finds
/// rot, it doesn't stop forgers: the folder's mode does.
struct SmallFile {
  /// Where it lies.
  let path: String
  /// What it holds, four characters.
  let kind: String
  /// The most bytes of content.
  let contentMax: Int

  /// The version of the format.
  static let version: UInt32 = 1
  private static let magic = Array("MESHKIT\n".utf8)
  private static let headerSize = 24
  private static let checksumSize = 8

  /// Why the bytes of a file are not what was written.
  struct Rot: Error, Equatable { let reason: String }

  /// The most bytes of file.
  var fileMax: Int { contentMax &+ SmallFile.headerSize &+ SmallFile.checksumSize }

  /// The bytes of a file with this content.
  func encode(_ content: [UInt8]) -> [UInt8] {
    var bytes = SmallFile.magic + Array(kind.utf8.prefix(4))
    bytes.append(littleEndian: UInt64(SmallFile.version), count: 4)
    bytes.append(littleEndian: UInt64(content.count), count: 8)
    bytes += content
    bytes.append(littleEndian: SmallFile.checksum(bytes[...]), count: SmallFile.checksumSize)
    return bytes
  }

  /// The content of a file of these bytes.
  func decode(_ bytes: [UInt8]) throws(Rot) -> [UInt8] {
    var cursor = ByteReader(bytes)
    guard let magic = cursor.take(8), magic.elementsEqual(SmallFile.magic) else {
      throw Rot(reason: "it is not a file of MeshKit's")
    }
    guard let kind = cursor.take(4), kind.elementsEqual(self.kind.utf8) else {
      throw Rot(reason: "it is a file of another kind")
    }
    guard let version = cursor.number(4) else { throw Rot(reason: "it is cut off") }
    guard version == UInt64(SmallFile.version) else {
      throw Rot(reason: "its format has version \(version), and this library reads version \(SmallFile.version)")
    }
    guard let length = cursor.number(8), let content = cursor.take(Int(clamping: length)) else {
      throw Rot(reason: "it is cut off")
    }
    let body = bytes.prefix(SmallFile.headerSize &+ content.count)
    guard let checksum = cursor.number(8), cursor.isAtEnd else { throw Rot(reason: "it is cut off or too long") }
    guard checksum == SmallFile.checksum(body) else { throw Rot(reason: "its checksum doesn't match") }
    return Array(content)
  }

  /// Replaces the content, durably: write beside, sync, rename, sync the folder.
  func replace(_ content: [UInt8], in folder: String, on files: any FileSystem) throws(FileFault) {
    let beside = path + ".tmp"
    try files.write(beside, encode(content))
    try files.sync(beside)
    try files.rename(beside, to: path)
    try files.syncFolder(folder)
  }

  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var hash = StableHash()
    hash.combine(bytes)
    return hash.value
  }
}
