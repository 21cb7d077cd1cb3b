/// A configured file whose content is read whole, and anew when it was replaced or rewritten.
public struct ReloadedFile: Sendable {
  private let path: String
  private let role: String
  private let sizeMax: Int
  private var stamp: FileStamp?

  /// The file at `path`, which nobody has read yet.
  /// - Parameters:
  ///   - role: what errors call it, such as `principals`.
  ///   - sizeMax: the largest file that is read, in bytes.
  public init(path: String, role: String, sizeMax: Int) {
    self.path = path
    self.role = role
    self.sizeMax = sizeMax
  }

  /// What was read, and whether every user of the machine may write it.
  public struct Content: Sendable {
    /// The bytes.
    public let bytes: [UInt8]
    /// Whether every user of the machine may write the file.
    public let isWritableByAll: Bool
    fileprivate let stamp: FileStamp
  }

  /// The content, where it is not what was taken over last; nil where it is. *Errors*: name the file.
  public func changed() throws(SecurityError) -> Content? {
    if let stamp, FileStamp(path: path) == stamp { return nil }
    let file = try WatchedFile(reading: path, as: role, sizeMax: sizeMax)
    return Content(
      bytes: file.content.withBytes { Array($0) }, isWritableByAll: file.isWritableByAll, stamp: file.stamp)
  }

  /// `content` is good, and in use from now on: what is looked for next is another one.
  public mutating func tookOver(_ content: Content) { stamp = content.stamp }
}
