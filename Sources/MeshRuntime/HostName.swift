import Glibc

/// The name of this machine.
public enum HostName {
  /// `$HOSTNAME`'s usual source, `gethostname`; `localhost` where the system gives none. Any thread.
  public static var current: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count &- 1) == 0 else { return "localhost" }
    let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return name.isEmpty ? "localhost" : name
  }
}
