import MeshBasics
import MeshTasks
import Testing

struct OptionsTests {
  private func faults(_ change: (inout TaskQueueOptions) -> Void) -> [String] {
    var options = TaskQueueOptions(name: "q")
    change(&options)
    return options.faults.map { "\($0)" }
  }

  private func isRight(_ change: (inout TaskQueueOptions) -> Void) -> Bool { faults(change).isEmpty }

  @Test func eachOptionHasItsRange() {
    #expect(isRight { _ in })
    #expect(!isRight { $0.name = "" } && isRight { $0.name = String(repeating: "n", count: 128) })
    #expect(faults { $0.name = String(repeating: "n", count: 129) } == ["name: 129 bytes; allowed is 1 to 128 bytes"])
    for name in ["a\nb", "\u{7F}", "\u{85}", "\u{202E}a", "\u{200E}a", "a\u{200F}", "\u{61C}", "a\0"] {
      #expect(faults { $0.name = name } == ["name: has a control character; allowed is text without"])
    }
    #expect(isRight { $0.name = "commandes/été 1" })
    #expect(isRight { $0.capacity = 1 } && isRight { $0.capacity = 1 << 24 })
    #expect(!isRight { $0.capacity = 0 } && !isRight { $0.capacity = (1 << 24) + 1 })
    #expect(isRight { $0.attemptsMax = 1 } && isRight { $0.attemptsMax = 1_000 })
    #expect(!isRight { $0.attemptsMax = 0 } && !isRight { $0.attemptsMax = 1_001 })
    #expect(isRight { $0.deadLettersMax = 0 } && isRight { $0.deadLettersMax = 1 << 24 })
    #expect(!isRight { $0.deadLettersMax = -1 } && !isRight { $0.deadLettersMax = (1 << 24) + 1 })
    #expect(isRight { $0.requestWindow = 0 } && isRight { $0.requestWindow = 1 << 20 })
    #expect(!isRight { $0.requestWindow = -1 } && !isRight { $0.requestWindow = (1 << 20) + 1 })
    #expect(isRight { $0.payloadBytesMax = 0 } && isRight { $0.payloadBytesMax = 64 << 20 })
    #expect(!isRight { $0.payloadBytesMax = -1 } && !isRight { $0.payloadBytesMax = (64 << 20) + 1 })
  }

  @Test func leasesAndHeartbeatsFitTogether() {
    func isRight(_ lease: Duration, _ heartbeat: Duration) -> Bool {
      self.isRight { ($0.leaseDuration, $0.heartbeatInterval) = (lease, heartbeat) }
    }
    #expect(isRight(.milliseconds(1), .microseconds(500)) && !isRight(.milliseconds(1), .microseconds(501)))
    #expect(!isRight(.microseconds(999), .microseconds(1)))
    #expect(isRight(TaskLimits.leaseDurationMax, .seconds(1)) && !isRight(.seconds(604_801), .seconds(1)))
    #expect(!isRight(.seconds(1), .zero) && !isRight(.seconds(1), .seconds(-1)))
  }

  @Test func retriesHaveTheirRanges() {
    func isRight(_ change: (inout RetryPolicy) -> Void) -> Bool { self.isRight { change(&$0.retry) } }
    #expect(isRight { $0.first = .zero } && !isRight { $0.first = .seconds(-1) })
    #expect(!isRight { $0.first = .seconds(31) }, "longer than the longest")
    #expect(isRight { ($0.first, $0.longest) = (TaskLimits.delayMax, TaskLimits.delayMax) })
    #expect(!isRight { $0.longest = TaskLimits.delayMax + Duration(nanoseconds: 1) })
    #expect(isRight { $0.factor = 1 } && isRight { $0.factor = 100 } && !isRight { $0.factor = 0 })
    #expect(!isRight { $0.factor = 101 } && isRight { $0.jitterPercent = 0 } && isRight { $0.jitterPercent = 100 })
    #expect(!isRight { $0.jitterPercent = 101 } && !isRight { $0.jitterPercent = -1 })
  }

  @Test func everyFaultIsNamedAtOnce() {
    var options = TaskQueueOptions(name: "")
    (options.capacity, options.attemptsMax) = (0, 0)
    do throws(TaskQueueFaults) {
      _ = try TaskQueue(options, epoch: 1, seed: 1)
      Issue.record("made")
    } catch {
      #expect(error.faults.count == 3 && "\(error)".hasPrefix("name: 0 bytes; allowed is 1 to 128 bytes; capacity: 0;"))
    }
  }
}
