import MeshBasics

/// Text that peers influence, made safe to show: peers choose their names, roles and close reasons, and a record must
/// not forge a second line or fill a disk.
enum CleanText {
  /// The longest field value and the longest message, in bytes.
  static let fieldBytesMax = 512
  static let messageBytesMax = 1024

  /// `text` with control characters replaced by blanks, cut at a character border to at most `bytesMax` bytes.
  static func clean(_ text: String, bytesMax: Int) -> String {
    if text.utf8.count <= bytesMax, isPlain(text) || text.unicodeScalars.allSatisfy({ !$0.steersText }) { return text }
    var result = ""
    var left = bytesMax
    for scalar in text.unicodeScalars {
      let safe = scalar.steersText ? " " : scalar
      let size = safe.utf8.count
      guard size <= left else { break }
      left &-= size
      result.unicodeScalars.append(safe)
    }
    return result
  }

  /// Whether `text` is visible ASCII and blanks, as nearly all texts are: that is quickly seen.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.withContiguousStorageIfAvailable { $0.allSatisfy { $0 >= 0x20 && $0 < 0x7F } } ?? false
  }
}
