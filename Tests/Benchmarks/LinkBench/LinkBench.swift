import Glibc
import MeshBasics
import MeshSecurity
import MeshTransport

enum LinkBench {
  private static let runs = 5
  private static let handshakesPerRun = 100
  /// Three runs of these stay below the 64 connections that a node accepts from one address.
  private static let idleLinks = 20

  static func main(_ arguments: [String]) -> Int32 {
    guard arguments.count == 2 else {
      complain("usage: linkbench CERTIFICATES")
      return 2
    }
    do {
      let left = try End(certificates: arguments[1], node: "left")
      let right = try End(certificates: arguments[1], node: "right")
      defer {
        left.stop()
        right.stop()
      }
      try measureHandshakes(from: left, to: right)
      try measureIdleLinks(from: left, to: right)
      return 0
    } catch {
      complain("linkbench: \(error)")
      return 1
    }
  }

  /// CPU time of both ends of one connection, from dial to an open stream and its close.
  private static func measureHandshakes(from left: End, to right: End) throws {
    try left.openAndClose(to: right, count: 20)  // warm caches and pools first
    let costs = try (0..<runs).map { _ in
      let before = cpuMilliseconds()
      try left.openAndClose(to: right, count: handshakesPerRun)
      return (cpuMilliseconds() - before) / Double(handshakesPerRun)
    }
    report("CPU of a mutual-TLS connection, both ends", "ms", costs)
  }

  /// Memory that an open, silent link holds, both ends together.
  private static func measureIdleLinks(from left: End, to right: End) throws {
    var costs: [(resident: Double, anonymous: Double)] = []
    for _ in 0..<3 {
      let before = memoryKibibytes()
      for _ in 0..<idleLinks { try left.open(to: right) }
      usleep(500_000)
      let after = memoryKibibytes()
      costs.append(
        (
          Double(after.resident - before.resident) / Double(idleLinks),
          Double(after.anonymous - before.anonymous) / Double(idleLinks)
        ))
    }
    report("resident memory of an idle link, both ends", "KiB", costs.map(\.resident))
    report("anonymous memory of an idle link, both ends", "KiB", costs.map(\.anonymous))
  }

  private static func report(_ name: String, _ unit: String, _ values: [Double]) {
    let line = ([name, unit] + values.map { String($0) }).joined(separator: "\t") + "\n"
    _ = line.withCString { write(1, $0, strlen($0)) }
  }

  private static func complain(_ text: String) {
    _ = (text + "\n").withCString { write(2, $0, strlen($0)) }
  }

  private static func cpuMilliseconds() -> Double {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    return seconds * 1e3 + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3
  }

  private static func memoryKibibytes() -> (resident: Int, anonymous: Int) {
    guard let file = fopen("/proc/self/status", "r") else { return (0, 0) }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    var found = (resident: 0, anonymous: 0)
    while fgets(&line, 256, file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        .split(whereSeparator: \.isWhitespace)
      guard words.count > 1, let number = Int(words[1]) else { continue }
      if words[0] == "VmRSS:" { found.resident = number }
      if words[0] == "RssAnon:" { found.anonymous = number }
    }
    return found
  }
}
