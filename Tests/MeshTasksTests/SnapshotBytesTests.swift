import Foundation
import MeshBasics
import MeshTasks
import MeshWire
import Testing

/// Snapshots as bytes: golden ones, which Google's runtime checks as well, those of a queue, and hostile ones.
struct SnapshotBytesTests {
  private static let fixtures = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures")

  private func lines(_ file: String, _ key: String) throws -> [[UInt8]] {
    let url = SnapshotBytesTests.fixtures.appendingPathComponent("tasks/\(file)")
    return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix(key + ": ") }.map {
      let digits = $0.dropFirst(key.count + 2).compactMap(\.hexDigitValue)
      return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
  }

  private static func corpus(_ name: String) throws -> [(name: String, bytes: [UInt8])] {
    let folder = fixtures.appendingPathComponent("corpus/\(name)")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
      ($0, [UInt8](try Data(contentsOf: folder.appendingPathComponent($0))))
    }
  }

  private func refusal(_ bytes: [UInt8]) -> String? {
    do throws(WireError) {
      _ = try TaskSnapshot.decode(bytes)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func theGoldenSnapshotIsReadAndWritten() throws {
    let full = TaskDetails(
      key: "käse", contentType: "application/json", requestID: "r-1",
      attributes: [.init(name: "tier", value: "gold"), .init(name: "n", value: "")], lastError: "line 1\nline 2")
    let first = NewTask(
      TaskBytes([0, 1, 255]), priority: -4, delay: Duration(nanoseconds: 1_500), details: full)
    let expected = TaskSnapshot(
      queue: "orders", epoch: .max,
      tasks: [
        .init(
          id: TaskID(epoch: 7, sequence: 300), attempt: 3, uncharged: 1, task: first, age: .seconds(90),
          wasLeased: true),
        .init(
          id: TaskID(epoch: 7, sequence: 301), attempt: 0, uncharged: 0, task: NewTask(TaskBytes([])), age: .zero,
          wasLeased: false),
      ],
      dead: [
        .init(
          id: TaskID(epoch: 6, sequence: 1), cause: .expired, attempt: 1 << 30,
          task: NewTask(TaskBytes([1]), priority: 3, details: TaskDetails(lastError: "lease expired")),
          age: Duration(nanoseconds: .max), deadFor: Duration(nanoseconds: 2))
      ])
    let golden = try #require(try lines("snapshot.txt", "hex").first)
    #expect(try TaskSnapshot.decode(golden) == expected)
    #expect(try expected.encoded() == golden)
  }

  @Test func otherBytesOfTheSameMeaningAreReadAlike() throws {
    let golden = try #require(try lines("snapshot-leniency.txt", "hex").first)
    let others = try lines("snapshot-leniency.txt", "also")
    #expect(others.count == 3)
    for other in others { #expect(try TaskSnapshot.decode(other) == TaskSnapshot.decode(golden), "\(other)") }
  }

  @Test func whatAQueueHoldsComesBackFromItsBytes() throws {
    for seed in UInt64(1)...200 {
      let rig = try QueueRig { $0.retry.first = .seconds(3) }
      var random = SeededRandom(seed: seed)
      for number in 0..<20 {
        switch random.pick(4) {
        case 0, 1: rig.enqueue("\(number)", key: ["", "k"][random.pick(2)], priority: random.pick(8) - 4)
        case 2: rig.enqueue("\(number)", request: "r\(number)", delay: .seconds(Int64(random.pick(9))))
        default: rig.fail([.retry, .deadLetter, .retryAfter(.seconds(9))][random.pick(3)], reason: "é\n\0")
        }
        _ = random.pick(3) == 0 ? rig.lease() : nil
        rig.pass(.seconds(Int64(random.pick(4))))
      }
      let taken = rig.snapshot()
      #expect(try TaskSnapshot.decode(try taken.encoded()) == taken)
    }
  }

  /// A snapshot with one task, changed.
  private func bytes(_ change: (inout TaskSnapshotMessage) -> Void) -> [UInt8] {
    var message = TaskSnapshotMessage()
    (message.format, message.queue, message.epoch) = (1, "q", 9)
    var task = SnapshotTaskMessage()
    (task.epoch, task.sequence) = (9, 1)
    message.tasks = [task]
    task.sequence = 2
    task.cause = 1
    message.dead = [task]
    change(&message)
    return message.encoded()
  }

  @Test func whatCanNotBeIsRefusedByName() {
    func text(_ count: Int) -> String { String(repeating: "x", count: count) }
    let cases: [(String?, (inout TaskSnapshotMessage) -> Void)] = [
      (nil, { _ in }), (nil, { $0.queue = text(128) }), (nil, { $0.tasks[0].lastError = text(1_024) }),
      (nil, { $0.tasks[0].key = text(256) }),
      ("format: 0, allowed is 1", { $0.format = 0 }), ("format: 2, allowed is 1", { $0.format = 2 }),
      ("queue: is missing", { $0.queue = "" }), ("queue: 129 bytes, allowed are 128", { $0.queue = text(129) }),
      ("tasks[0].sequence: is missing", { $0.tasks[0].sequence = 0 }),
      ("dead[0].sequence: is missing", { $0.dead[0].sequence = 0 }),
      ("tasks[0].cause: 1, allowed is 0 for a live task", { $0.tasks[0].cause = 1 }),
      ("dead[0].cause: 0, allowed are 1 to 3", { $0.dead[0].cause = 0 }),
      ("dead[0].cause: 4294967295, allowed are 1 to 3", { $0.dead[0].cause = .max }),
      ("tasks[0].priority: 4; allowed is -4 to 3", { $0.tasks[0].priority = 4 }),
      ("dead[0].priority: -9223372036854775808; allowed is -4 to 3", { $0.dead[0].priority = .min }),
      ("tasks[0].uncharged: 1; allowed is at most the attempt, 0", { $0.tasks[0].uncharged = 1 }),
      ("tasks[0].age: 0 ms; allowed is at least 0", { $0.tasks[0].ageNanoseconds = -1 }),
      ("dead[0].dead for: -9223372036854 ms; allowed is at least 0", { $0.dead[0].deadForNanoseconds = .min }),
      ("tasks[0].delay: -1 ms; allowed is 0 to 365 days", { $0.tasks[0].delayNanoseconds = -1_000_000 }),
      ("tasks[0].key: 257 bytes, allowed are 256", { $0.tasks[0].key = text(257) }),
      ("tasks[0].contentType: 257 bytes, allowed are 256", { $0.tasks[0].contentType = text(257) }),
      ("tasks[0].requestId: 257 bytes, allowed are 256", { $0.tasks[0].requestID = text(257) }),
      ("tasks[0].lastError: 1025 bytes, allowed are 1024", { $0.tasks[0].lastError = text(1_025) }),
      (
        "tasks[0].attributes: more than 32 items",
        { $0.tasks[0].attributes = Array(repeating: TaskAttributeMessage(), count: 33) }
      ),
      (
        "tasks[0].attribute: one without a name; allowed is a name",
        { $0.tasks[0].attributes = [TaskAttributeMessage()] }
      ),
    ]
    for (expected, change) in cases { #expect(refusal(bytes(change)) == expected) }
  }

  @Test func thePayloadOfATaskMayBeAsLongAsAQueueAdmits() {
    let rest: [UInt8] = [0x08, 1, 0x12, 1, 0x71, 0x18, 9]
    func refusal(_ count: Int) -> String? {
      let task = [0x08, 9, 0x10, 1, 0x32] + varint(count) + [UInt8](repeating: 7, count: count)
      return self.refusal(rest + [0x22] + varint(task.count) + task)
    }
    #expect(refusal(TaskLimits.payloadBytesMax) == nil)
    let tooLong = "tasks[0].payload: 67108865 bytes, allowed are 67108864"
    #expect(refusal(TaskLimits.payloadBytesMax + 1) == tooLong)
    #expect(refusal(TaskLimits.payloadBytesMax + (1 << 20)) == "tasks[0]: 68157449 bytes, allowed are 67371008")
  }

  private func varint(_ number: Int) -> [UInt8] {
    number < 0x80 ? [UInt8(number)] : [UInt8(number & 0x7F | 0x80)] + varint(number >> 7)
  }

  @Test func theWireCarriesAllThatTheRoomHolds() {
    #expect(WireLimits.taskPayloadBytes == TaskLimits.payloadBytesMax)
    #expect(WireLimits.taskCount == TaskLimits.capacityRange.upperBound)
    #expect(WireLimits.taskCount == TaskLimits.deadLettersRange.upperBound)
    #expect(
      WireLimits.taskQueueNameBytes == TaskLimits.nameBytesMax && WireLimits.taskTextBytes == TaskLimits.textBytesMax)
    #expect(WireLimits.taskAttributes == TaskLimits.attributesMax)
    #expect(WireLimits.taskAttributeBytes == TaskLimits.attributeBytesMax)
    #expect(WireLimits.taskReasonBytes == TaskLimits.reasonBytesMax)
  }

  @Test func noHostileSnapshotOrMutationOfItTraps() throws {
    let seeds = try SnapshotBytesTests.corpus("task-snapshot")
    #expect(seeds.count >= 5)
    var random = SeededRandom(seed: 23)
    for seed in seeds {
      #expect(brokenSnapshot(seed.bytes) == nil, "\(seed.name)")
      for _ in 0..<300 where !seed.bytes.isEmpty {
        var bytes = seed.bytes
        for _ in 0...random.pick(3) { bytes[random.pick(bytes.count)] = UInt8(random.pick(256)) }
        #expect(brokenSnapshot(bytes) == nil, "\(bytes)")
      }
    }
  }

  @Test func theScriptsOfTheFuzzerAgreeWithTheModel() throws {
    let seeds = try SnapshotBytesTests.corpus("task-sequence")
    #expect(seeds.count >= 5)
    for seed in seeds { #expect(QueueDuel.problem(QueueScript(bytes: seed.bytes)) == nil, "\(seed.name)") }
  }
}
