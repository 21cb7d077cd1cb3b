import Glibc

/// Reading files, with errors that name the file.
enum SystemFiles {
  /// The largest file that the command reads.
  static let bytesMax = 1 << 20

  static func read(_ path: String) throws(CommandError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandError("\(path): \(reason(errno))") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CommandError("\(path): \(reason(errno))") }
      if count == 0 { return bytes }
      bytes += chunk.prefix(count)
      guard bytes.count <= bytesMax else { throw CommandError("\(path): larger than \(bytesMax) bytes") }
    }
  }

  /// The environment that this process was started with.
  static func environment() throws(CommandError) -> [(name: String, value: String)] {
    try read("/proc/self/environ").split(separator: 0).compactMap { entry in
      guard let sign = entry.firstIndex(of: UInt8(ascii: "=")) else { return nil }
      return (
        String(decoding: entry[..<sign], as: UTF8.self), String(decoding: entry[(sign &+ 1)...], as: UTF8.self)
      )
    }
  }

  private static func reason(_ code: Int32) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }
}
