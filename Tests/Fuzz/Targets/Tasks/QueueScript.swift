import MeshBasics

@testable import MeshTasks

/// One step of a script: so many seconds later, this. Numbers choose among what there is when the step is taken, so
/// that a script still means something when steps are left out of it.
struct QueueStep: CustomStringConvertible {
  enum Action {
    case enqueue(priority: Int, key: Int, request: Int, delay: Int, waits: Bool)
    case enqueueInvalid
    case lease(waits: Bool)
    case heartbeat(Int)
    case complete(Int)
    case handBack(Int)
    case handBackAll(count: Int)
    case fail(Int)
    case failAfter(Int, seconds: Int)
    case refuse(Int)
    case cancelWait(Int)
    case timePassed
    case redrive(Int)
    case purge(Int)
    case drain(seconds: Int)
    case resume
    case close(TaskCloseMode, seconds: Int)
    case beginNewLife
    case takeSnapshot
    case restore(Int, wrong: Wrong)
    case addMonitor(high: Int, cooldown: Int, highAge: Int)
    case removeMonitor(Int)
  }

  /// What may be wrong with a snapshot.
  enum Wrong: Int { case nothing, name, epoch, twice, attempt, delay, ageless, spent }

  var after: Int
  var action: Action

  var description: String { "\(after >= 0 ? "+" : "")\(after) s  \(action)" }
}

/// A queue's options and what happens to it.
struct QueueScript: CustomStringConvertible {
  var options: TaskQueueOptions
  var steps: [QueueStep]

  var description: String {
    """
    capacity \(options.capacity), attempts \(options.attemptsMax), dead letters \(options.deadLettersMax), request \
    window \(options.requestWindow), first retry \(options.retry.first.milliseconds) ms
    """ + steps.map { "\n  \($0)" }.joined()
  }

  /// A random one.
  init(seed: UInt64, length: Int) {
    var random = SeededRandom(seed: seed)
    options = QueueScript.options(&random)
    steps = (0..<length).map { _ in QueueScript.step(&random) }
  }

  /// The one that the bytes choose, up to a length that a fuzzer plays many times in a second.
  init(bytes: [UInt8]) {
    var choices = ByteChoices(rest: bytes[...])
    options = QueueScript.options(&choices)
    steps = []
    while !choices.rest.isEmpty && steps.count < 100 { steps.append(QueueScript.step(&choices)) }
  }

  private static func options(_ random: inout some Choices) -> TaskQueueOptions {
    var options = TaskQueueOptions(name: "orders")
    options.capacity = 1 + random.pick(6)
    options.attemptsMax = 1 + random.pick(3)
    options.deadLettersMax = random.pick(3)
    options.requestWindow = random.pick(4)
    options.retry.first = .seconds(Int64(random.pick(2) * 3))
    options.leaseDuration = .seconds(10)
    options.heartbeatInterval = .seconds(5)
    options.retry.factor = 2
    options.retry.longest = .seconds(8)
    options.retry.jitterPercent = 0
    options.payloadBytesMax = 8
    return options
  }

  private static func step(_ random: inout some Choices) -> QueueStep {
    let after = [0, 0, 0, 0, 1, 2, 3, 5, 10, 11, -4, 40][random.pick(12)]
    return QueueStep(after: after, action: action(&random))
  }

  private static func action(_ random: inout some Choices) -> QueueStep.Action {
    switch random.pick(100) {
    case 0..<24:
      return .enqueue(
        priority: [0, 0, 0, 1, -4, 3][random.pick(6)], key: [0, 0, 1, 1, 2][random.pick(5)],
        request: [0, 0, 1, 2, 3, 4][random.pick(6)], delay: [0, 0, 0, 0, 4, 30][random.pick(6)],
        waits: random.pick(2) == 0)
    case 24: return .enqueueInvalid
    case 25..<48: return .lease(waits: random.pick(3) == 0)
    case 48..<53: return .heartbeat(random.pick(4))
    case 53..<60: return .complete(random.pick(4))
    case 60..<63: return .handBack(random.pick(4))
    case 63: return .handBackAll(count: random.pick(5))
    case 64..<69: return .fail(random.pick(4))
    case 69..<71: return .failAfter(random.pick(4), seconds: [-1, 0, 2, 20][random.pick(4)])
    case 71..<74: return .refuse(random.pick(4))
    case 74..<76: return .cancelWait(random.pick(4))
    case 76..<79: return .timePassed
    case 79..<82: return .redrive(random.pick(3))
    case 82: return .purge(random.pick(3))
    case 83..<86: return .drain(seconds: [-1, 0, 5, 20][random.pick(4)])
    case 86..<88: return .resume
    case 88: return .close([.drain, .requeueActive, .discard][random.pick(3)], seconds: [0, 5, 20][random.pick(3)])
    case 89: return .beginNewLife
    case 90, 91: return .takeSnapshot
    case 92..<97:
      let wrong = QueueStep.Wrong(rawValue: random.pick(3) == 0 ? random.pick(8) : 0) ?? .nothing
      return .restore(random.pick(4), wrong: wrong)
    case 97, 98:
      return .addMonitor(
        high: 1 + random.pick(3), cooldown: [0, 5, 5, 20][random.pick(4)], highAge: random.pick(3) * 6)
    default: return .removeMonitor(random.pick(3))
    }
  }
}

/// What a script is chosen by.
protocol Choices {
  /// A number from 0 up to and without `count`.
  mutating func pick(_ count: Int) -> Int
}

extension SeededRandom: Choices {
  mutating func pick(_ count: Int) -> Int { Int(below(UInt64(count))) }
}

private struct ByteChoices: Choices {
  var rest: ArraySlice<UInt8>

  mutating func pick(_ count: Int) -> Int { Int(rest.popFirst() ?? 0) % count }
}

extension QueueScript {
  /// The shortest script that was found by leaving steps out, and their waits, for which `fails` is still true.
  func shortened(while fails: (QueueScript) -> Bool) -> QueueScript {
    var best = self
    var size = max(1, steps.count / 2)
    while true {
      var start = 0
      while start < best.steps.count {
        var candidate = best
        candidate.steps.removeSubrange(start..<min(start + size, best.steps.count))
        if fails(candidate) { best = candidate } else { start += size }
      }
      if size == 1 { break }
      size /= 2
    }
    for index in best.steps.indices where best.steps[index].after != 0 {
      var candidate = best
      candidate.steps[index].after = 0
      if fails(candidate) { best = candidate }
    }
    return best
  }
}
