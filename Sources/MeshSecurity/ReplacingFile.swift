// Writing a file so that a reader sees either the old one or the whole new one.
import Glibc

enum ReplacingFile {
  /// Puts `content` at `path` with access `mode`: a new file beside it, synced, then renamed over it. `isNew`: what is
  /// there already stays, and is an error.
  static func write(
    _ content: SecretBytes, to path: String, mode: mode_t, isNew: Bool = false
  ) throws(SecurityError) {
    let temporary = "\(path).\(OpenSSL.hexadecimal(Entropy.bytes(8))).tmp"
    // O_EXCL: never follow or overwrite what someone else put there.
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    guard descriptor >= 0 else { throw failure(temporary) }
    let written = content.withBytes { writeAll($0, to: descriptor) } && fsync(descriptor) == 0
    let error = written ? nil : failure(temporary)
    close(descriptor)
    if let error {
      unlink(temporary)
      throw error
    }
    if isNew {
      let error = link(temporary, path) == 0 ? nil : failure(path)
      unlink(temporary)
      if let error { throw error }
    } else if rename(temporary, path) != 0 {
      let error = failure(path)
      unlink(temporary)
      throw error
    }
  }

  /// Makes `path` and the directories above it, each for their owner alone; those that exist stay as they are.
  static func makeDirectory(_ path: String) throws(SecurityError) {
    var partial = path.hasPrefix("/") ? "/" : ""
    for name in path.split(separator: "/") {
      partial += partial.isEmpty || partial.hasSuffix("/") ? String(name) : "/\(name)"
      if mkdir(partial, 0o700) != 0 && errno != EEXIST {
        throw SecurityError("directory \(partial) can't be made: \(String(cString: strerror(errno)))")
      }
    }
  }

  private static func failure(_ path: String) -> SecurityError {
    SecurityError("file \(path) can't be written: \(String(cString: strerror(errno)))")
  }

  private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count &- done)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      done &+= count
    }
    return true
  }
}
