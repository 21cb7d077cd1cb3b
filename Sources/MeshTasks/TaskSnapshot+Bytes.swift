// Snapshots as protobuf, for hosts to keep: `meshkit.tasks.v1.TaskSnapshot`.
import MeshBasics
import MeshWire

extension TaskSnapshot {
  /// The version of the form that is written, and the only one that is read.
  public static let format: UInt32 = 1

  /// The snapshot as protobuf. *Errors*: it would be longer than readers take, `WireLimits.taskSnapshotBytes`.
  public func encoded() throws(WireError) -> [UInt8] {
    var message = TaskSnapshotMessage()
    message.format = TaskSnapshot.format
    message.queue = queue
    message.epoch = epoch
    message.tasks = tasks.map(SnapshotTaskMessage.init)
    message.dead = dead.map(SnapshotTaskMessage.init)
    let size = message.encodedSize
    guard size <= WireLimits.taskSnapshotBytes else {
      throw WireError("snapshot: \(size) bytes, allowed are \(WireLimits.taskSnapshotBytes)")
    }
    return message.encoded()
  }

  /// The snapshot in `bytes`. *Errors*: they are none, or hold what no queue does; the error names the field. Whether a
  /// queue takes it is for `restore` to say.
  public static func decode(_ bytes: [UInt8]) throws(WireError) -> TaskSnapshot {
    let message = try TaskSnapshotMessage.decode(bytes)
    guard message.format == format else { throw WireError("format: \(message.format), allowed is \(format)") }
    guard !message.queue.isEmpty else { throw WireError("queue: is missing") }
    if let fault = TaskQueueOptions.fault(ofName: message.queue) { throw WireError("queue.\(fault)") }
    var tasks: [Live] = []
    var dead: [Dead] = []
    tasks.reserveCapacity(message.tasks.count)
    dead.reserveCapacity(message.dead.count)
    for (index, task) in message.tasks.enumerated() {
      let live = try Live(task, "tasks[\(index)]")
      if let fault = live.fault { throw WireError("tasks[\(index)].\(fault)") }
      tasks.append(live)
    }
    for (index, task) in message.dead.enumerated() {
      let letter = try Dead(task, "dead[\(index)]")
      if let fault = letter.fault { throw WireError("dead[\(index)].\(fault)") }
      dead.append(letter)
    }
    return TaskSnapshot(queue: message.queue, epoch: message.epoch, tasks: tasks, dead: dead)
  }
}

extension TaskSnapshot.Live {
  fileprivate init(_ message: SnapshotTaskMessage, _ name: String) throws(WireError) {
    guard message.cause == 0 else { throw WireError("\(name).cause: \(message.cause), allowed is 0 for a live task") }
    self.init(
      id: try TaskID(message, name), attempt: message.attempt, uncharged: message.uncharged, task: NewTask(message),
      age: Duration(nanoseconds: message.ageNanoseconds), wasLeased: message.wasLeased)
  }
}

extension TaskSnapshot.Dead {
  fileprivate init(_ message: SnapshotTaskMessage, _ name: String) throws(WireError) {
    guard let number = UInt8(exactly: message.cause), let cause = DeadLetter.Cause(rawValue: number) else {
      throw WireError("\(name).cause: \(message.cause), allowed are 1 to 3")
    }
    self.init(
      id: try TaskID(message, name), cause: cause, attempt: message.attempt, task: NewTask(message),
      age: Duration(nanoseconds: message.ageNanoseconds), deadFor: Duration(nanoseconds: message.deadForNanoseconds))
  }
}

extension TaskID {
  fileprivate init(_ message: SnapshotTaskMessage, _ name: String) throws(WireError) {
    guard message.sequence > 0 else { throw WireError("\(name).sequence: is missing") }
    self.init(epoch: message.epoch, sequence: message.sequence)
  }
}

extension NewTask {
  fileprivate init(_ message: SnapshotTaskMessage) {
    let details = TaskDetails(
      key: message.key, contentType: message.contentType, requestID: message.requestID,
      attributes: message.attributes.map { TaskDetails.Attribute(name: $0.name, value: $0.value) },
      lastError: message.lastError)
    self.init(
      TaskBytes(message.payload), priority: Int(clamping: message.priority),
      delay: Duration(nanoseconds: message.delayNanoseconds), details: details.isEmpty ? nil : details)
  }
}

extension SnapshotTaskMessage {
  fileprivate init(_ live: TaskSnapshot.Live) {
    self.init(live.id, live.attempt, live.task, live.age)
    uncharged = live.uncharged
    wasLeased = live.wasLeased
  }

  fileprivate init(_ letter: TaskSnapshot.Dead) {
    self.init(letter.id, letter.attempt, letter.task, letter.age)
    cause = UInt32(letter.cause.rawValue)
    deadForNanoseconds = letter.deadFor.nanoseconds
  }

  private init(_ id: TaskID, _ attempt: UInt32, _ task: NewTask, _ age: Duration) {
    self.init()
    (epoch, sequence, self.attempt) = (id.epoch, id.sequence, attempt)
    priority = Int64(task.priority)
    payload = task.payload.bytes
    ageNanoseconds = age.nanoseconds
    delayNanoseconds = task.delay.nanoseconds
    guard let details = task.details else { return }
    (key, contentType, requestID) = (details.key, details.contentType, details.requestID)
    attributes = details.attributes.map {
      var attribute = TaskAttributeMessage()
      (attribute.name, attribute.value) = ($0.name, $0.value)
      return attribute
    }
    lastError = details.lastError
  }
}
