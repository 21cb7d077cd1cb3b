// What the tests of queues, gates and pumps share.
import MeshRuntime
import MeshThreads

func makeQueue(_ change: (inout TaskQueueOptions) -> Void = { _ in }) throws -> LeaseQueue {
  var options = TaskQueueOptions(name: "orders")
  options.retry.first = .zero
  change(&options)
  return try LeaseQueue(options)
}

func task(_ text: String, key: String = "") -> NewTask {
  NewTask(TaskBytes(Array(text.utf8)), details: key.isEmpty ? nil : TaskDetails(key: key))
}

func text(_ lease: TaskLease?) -> String? { lease.map { String(decoding: $0.payload.bytes, as: UTF8.self) } }

func status(_ body: () throws -> Void) -> Status? {
  do {
    try body()
    return nil
  } catch {
    return (error as? MeshError)?.status
  }
}

/// A value that threads share.
final class Guarded<Value>: @unchecked Sendable {
  private let lock = Lock()
  private var guarded: Value

  init(_ value: Value) { guarded = value }

  var value: Value {
    get { lock.locked { guarded } }
    set { lock.locked { guarded = newValue } }
  }
  /// Never inlined, so that the thread sanitizer's reports name it (.ci/tsan.supp).
  @inline(never)
  func update(_ change: (inout Value) -> Void) { lock.locked { change(&guarded) } }
  func add<Element>(_ element: Element) where Value == [Element] { update { $0.append(element) } }
}
