import Glibc
import MeshBasics
import MeshSecurity
import MeshTransport

enum LinkBench {
  private static let runs = 5
  private static let handshakesPerRun = 100
  private static let idleRuns = 3
  private static let idleLinks = 20
  /// A node accepts so many connections of one identity; more links need more peers.
  private static let linksPerPeer = 8
  private static let exchangesPerRun = 20

  static func main(_ arguments: [String]) -> Int32 {
    guard arguments.count == 2 else {
      complain("usage: linkbench FOLDER")
      return 2
    }
    do {
      let authority = try DevelopmentAuthority(directory: arguments[1], cluster: "bench")
      let peers = try (0...(idleRuns * idleLinks + linksPerPeer - 1) / linksPerPeer).map {
        try End.make("peer-\($0)", of: authority)
      }
      let right = try End.make("right", of: authority)
      defer {
        peers.forEach { $0.stop() }
        right.stop()
      }
      try measureHandshakes(from: peers[0], to: right)
      try measureExchanges(from: peers[0], to: right)
      try measureIdleLinks(from: peers, to: right)
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

  /// What a request and its answer cost on an otherwise silent link, as a probe a second does.
  private static func measureExchanges(from left: End, to right: End) throws {
    let link = try left.open(to: right)
    usleep(500_000)
    var costs: [(datagrams: Double, bytes: Double, milliseconds: Double, switches: Double)] = []
    for _ in 0..<runs {
      let before = (traffic(left, right), cpuMilliseconds(), voluntarySwitches())
      for _ in 0..<exchangesPerRun {
        left.send([UInt8](repeating: 1, count: 100), on: link)
        right.send([UInt8](repeating: 2, count: 100), on: try right.receive())
        _ = try left.receive()
        usleep(100_000)
      }
      let after = (traffic(left, right), cpuMilliseconds(), voluntarySwitches())
      let count = Double(exchangesPerRun)
      costs.append(
        (
          Double(after.0.datagrams - before.0.datagrams) / count, Double(after.0.bytes - before.0.bytes) / count,
          (after.1 - before.1) / count, Double(after.2 - before.2) / count
        ))
    }
    report("datagrams of a request of 100 bytes and its answer, both ends", "datagrams", costs.map(\.datagrams))
    report("UDP payload of these", "bytes", costs.map(\.bytes))
    report("CPU of these", "ms", costs.map(\.milliseconds))
    report("times that a thread waited for these", "times", costs.map(\.switches))
  }

  private static func traffic(_ left: End, _ right: End) -> (datagrams: Int64, bytes: Int64) {
    (
      left.count("datagramsSent") + right.count("datagramsSent"), left.count("bytesSent") + right.count("bytesSent")
    )
  }

  /// Memory that an open, silent link holds, both ends together.
  private static func measureIdleLinks(from peers: [End], to right: End) throws {
    var costs: [(resident: Double, anonymous: Double)] = []
    var opened = 0
    for _ in 0..<idleRuns {
      let before = memoryKibibytes()
      for _ in 0..<idleLinks {
        // The first peer has its links from before.
        try peers[1 + opened / linksPerPeer].open(to: right)
        opened += 1
      }
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

  private static func voluntarySwitches() -> Int {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.ru_nvcsw
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
