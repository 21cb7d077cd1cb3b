import MeshBasics
import MeshTasks
import Testing

/// What operators see of a queue beside its counts.
@Test func aQueueSaysWhereItStandsAndWhatItsMonitorsSee() throws {
  var queue = try TaskQueue(TaskQueueOptions(name: "q"), epoch: 1, seed: 1)
  var effects = TaskQueueEffects()
  func turn(_ input: TaskQueueInput, at seconds: Int64 = 0) {
    queue.handle(input, now: .origin + .seconds(seconds), into: &effects)
  }
  turn(.addMonitor(BackpressureOptions(highWatermark: 1)))
  #expect(queue.state == .open && queue.monitorStates.map(\.id) == [1] && !queue.monitorStates[0].isActive)
  turn(.enqueue(NewTask(TaskBytes([])), waiter: nil))
  #expect(queue.monitorStates[0].isActive && queue.monitorStates[0].latest.version == 2)
  turn(.lease(leaseID: 1, waiter: nil))
  // The level falls at once; the word of it waits for the cooldown.
  #expect(!queue.monitorStates[0].isActive && queue.monitorStates[0].latest.isActive)
  turn(.drain(waiter: 1, deadline: .origin + .seconds(5)))
  #expect(queue.state == .draining)
  turn(.timePassed, at: 5)
  #expect(queue.state == .drained)
  turn(.close(.discard, waiter: 2, deadline: .origin), at: 5)
  #expect(queue.state == .closed)
}
