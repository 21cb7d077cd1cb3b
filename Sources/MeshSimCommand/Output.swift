import Glibc

/// Writes one line at once, so that nothing is lost if a run ends the process.
@Sendable
func writeLine(_ line: String) {
  let bytes = Array("\(line)\n".utf8)
  var written = 0
  while written < bytes.count {
    let count = bytes.withUnsafeBytes { raw in
      write(STDOUT_FILENO, raw.baseAddress.map { $0 + written }, bytes.count - written)
    }
    guard count > 0 else { return }
    written += count
  }
}
