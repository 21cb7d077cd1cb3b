import Foundation
import MeshBasics

@testable import MeshTransport

/// Lines that are told one by one; any thread adds some.
final class SharedLines: @unchecked Sendable {
  private let lock = NSLock()
  private var lines: [String] = []
  private var taken = 0

  func add(_ line: String) { lock.withLock { lines.append(line) } }
  /// How many of them were asked for, by all readers together.
  var asked: Int { lock.withLock { taken } }

  subscript(index: Int) -> String? {
    lock.withLock {
      guard index < lines.count else { return nil }
      taken += 1
      return lines[index]
    }
  }
}

/// A body that tells lines as they are asked for. It ends with the line `end`, or when it is stopped.
final class Script: AnswerBody {
  static let later = Instant.distantFuture
  private let lines: SharedLines
  private var index = 0
  private var isStopped = false

  init(_ lines: SharedLines) { self.lines = lines }

  convenience init(_ lines: [String]) {
    let shared = SharedLines()
    for line in lines { shared.add(line) }
    self.init(shared)
  }

  func next(_ now: Instant) -> AnswerPart {
    let line = isStopped ? "end" : lines[index]
    index += 1
    switch line {
    case "end"?: return .end(trailers: [HTTPField("told", "all")])
    case let line?: return .bytes(Array(line.utf8))
    case nil:
      index -= 1
      return .nothing(until: Script.later)
    }
  }

  func stop() { isStopped = true }
}

/// A body that says something three times, at times of its own.
final class Ticking: AnswerBody {
  private var left = 3
  private var due: Instant?

  func next(_ now: Instant) -> AnswerPart {
    if left == 0 { return .end(trailers: []) }
    if let due, now < due { return .nothing(until: due) }
    due = now + .milliseconds(20)
    left -= 1
    return .bytes(Array("tick".utf8))
  }

  func stop() { left = 0 }
}

/// A whole answer that comes with the first line that is told; with a stop it is 503.
final class Later: AnswerBody {
  private let lines: SharedLines
  private var isStopped = false

  init(_ lines: SharedLines) { self.lines = lines }

  var mayStay: Bool { false }

  func next(_ now: Instant) -> AnswerPart {
    guard let line = isStopped ? "stopped" : lines[0] else { return .nothing(until: Script.later) }
    var response = HTTPResponse()
    response.status = isStopped ? 503 : 202
    response.headers = [HTTPField("X-Line", line)]
    response.body = Array(line.utf8)
    return .whole(response)
  }

  func stop() { isStopped = true }
}
