// Reading a configured file whole, and telling later whether it has been replaced or rewritten.
import Glibc

/// What `stat` says of a file that was read; two that differ mean that the file should be read again.
struct FileStamp: Equatable, Sendable {
  private let device: UInt64
  private let inode: UInt64
  private let size: Int64
  private let modifiedSeconds: Int64
  private let modifiedNanoseconds: Int64
  // Whoever writes in place can set the time of the change back; not this one.
  private let changedSeconds: Int64
  private let changedNanoseconds: Int64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    modifiedSeconds = Int64(status.st_mtim.tv_sec)
    modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
    changedSeconds = Int64(status.st_ctim.tv_sec)
    changedNanoseconds = Int64(status.st_ctim.tv_nsec)
  }

  /// The stamp of the file at `path` now; nil when there is none.
  init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }
}

/// A file as it was read.
struct WatchedFile {
  let path: String
  let stamp: FileStamp
  let content: SecretBytes
  /// Whether every user of the machine may read or write it.
  let isOpenToAll: Bool
  /// Whether every user of the machine may write it.
  let isWritableByAll: Bool

  /// Reads the file at `path`.
  /// - Parameters:
  ///   - role: what errors call it, such as `certificate`.
  ///   - sizeMax: the largest file that is read, in bytes.
  init(reading path: String, as role: String, sizeMax: Int) throws(SecurityError) {
    func failure(_ what: String) -> SecurityError { SecurityError("\(role) file \(path) \(what)") }
    func systemFailure() -> SecurityError { failure("can't be read: \(String(cString: strerror(errno)))") }
    // O_NONBLOCK: opening a named pipe by mistake must not hang the host.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw systemFailure() }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemFailure() }
    guard status.st_mode & S_IFMT == S_IFREG else { throw failure("is not a regular file") }
    let size = Int(status.st_size)
    guard size <= sizeMax else { throw failure("is larger than \(sizeMax) bytes") }
    guard size > 0 else { throw failure("is empty") }
    guard let content = SecretBytes(count: size, fill: { WatchedFile.fill($0, from: descriptor) }) else {
      throw failure("became shorter while it was read")
    }
    let stamp = FileStamp(status)
    var after = stat()
    guard fstat(descriptor, &after) == 0, FileStamp(after) == stamp else { throw failure("changed while it was read") }
    self.path = path
    self.stamp = stamp
    self.content = content
    isOpenToAll = status.st_mode & (S_IROTH | S_IWOTH) != 0
    isWritableByAll = status.st_mode & S_IWOTH != 0
  }

  private static func fill(_ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32) -> Bool {
    var filled = 0
    while filled < buffer.count {
      let count = read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count &- filled)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      filled &+= count
    }
    return true
  }
}
