import Glibc

/// The file system of Linux.
final class LinuxFiles: FileSystem {
  private var lockDescriptor: Int32 = -1

  deinit { if lockDescriptor >= 0 { close(lockDescriptor) } }

  func createFolder(_ path: String) throws(FileFault) {
    if isFolder(path) { return }
    let parent = LinuxFiles.parent(of: path)
    if parent != path { try createFolder(parent) }
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw fault("mkdir") }
    guard isFolder(path) else { throw FileFault(reason: "it is not a folder") }
    try syncFolder(parent)
  }

  func lock(_ path: String) throws(FileFault) -> Bool {
    let descriptor = try open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW)
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let cause = errno
      if cause == EINTR { continue }
      close(descriptor)
      if cause == EWOULDBLOCK { return false }
      throw fault("flock", cause)
    }
    lockDescriptor = descriptor
    return true
  }

  func read(_ path: String, bytesMax: Int) throws(FileFault) -> [UInt8]? {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw fault("open")
    }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw fault("read") }
      guard count > 0 else { return content }
      content += chunk.prefix(count)
      // One byte too many is enough to show that the file is too long.
      if content.count > bytesMax { return Array(content.prefix(bytesMax &+ 1)) }
    }
  }

  func write(_ path: String, _ bytes: [UInt8]) throws(FileFault) {
    let descriptor = try open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        // A count within the buffer: the loop's condition holds.
        Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, bytes.count &- done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let cause = count == 0 ? EIO : errno
        close(descriptor)
        throw fault("write", cause)
      }
      done &+= count
    }
    // The content is on its way to the disk only after `sync`; close can still report an error of the write.
    guard close(descriptor) == 0 else { throw fault("close") }
  }

  func sync(_ path: String) throws(FileFault) {
    let descriptor = try open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    try syncAndClose(descriptor)
  }

  func rename(_ path: String, to target: String) throws(FileFault) {
    guard Glibc.rename(path, target) == 0 else { throw fault("rename") }
  }

  func syncFolder(_ path: String) throws(FileFault) {
    let descriptor = try open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    try syncAndClose(descriptor)
  }

  private func syncAndClose(_ descriptor: Int32) throws(FileFault) {
    // A failed fsync is not tried again: Linux reports an error once and drops the pages that it couldn't write.
    let failed = fsync(descriptor) != 0
    let cause = errno
    close(descriptor)
    if failed { throw fault("fsync", cause) }
  }

  private func open(_ path: String, _ flags: Int32) throws(FileFault) -> Int32 {
    let descriptor = Glibc.open(path, flags, 0o600)
    guard descriptor >= 0 else { throw fault("open") }
    return descriptor
  }

  /// Why no files can be made in the folder `path`; of one that isn't there, why it can't be created.
  static func obstacle(to path: String) -> String? {
    var folder = path
    var status = stat()
    while stat(folder, &status) != 0 {
      let cause = errno
      let isMissing = cause == ENOENT || cause == ENOTDIR
      guard isMissing, parent(of: folder) != folder else { return "\(folder): \(words(cause))" }
      folder = parent(of: folder)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { return "\(folder) is not a folder" }
    guard faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 else { return "\(folder): \(words(errno))" }
    return nil
  }

  private func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The folder that holds `path`: `/` for top-level paths, `.` for bare names.
  private static func parent(of path: String) -> String {
    var bytes = Array(path.utf8)
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
  }

  private func fault(_ call: String, _ cause: Int32 = errno) -> FileFault {
    FileFault(reason: "\(call): \(LinuxFiles.words(cause))")
  }

  private static func words(_ cause: Int32) -> String {
    strerror(cause).map { String(cString: $0) } ?? "error \(cause)"
  }
}
