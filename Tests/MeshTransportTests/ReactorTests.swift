import Glibc
import MeshBasics
import Testing

@testable import MeshTransport

@Suite struct ReactorTests {
  final class Recorder: ReactorHandler {
    var calls: [Int32] = []
    var onReady: () -> Void = {}
    func ready(_ descriptor: Int32, _ readiness: Readiness) {
      calls.append(descriptor)
      onReady()
    }
  }

  @Test func callsTheHandlerOfAReadableDescriptorAndNoOther() throws {
    let reactor = try Reactor()
    let recorder = Recorder()
    let (full, empty) = (Mailbox<Int>(capacity: 1), Mailbox<Int>(capacity: 1))
    try reactor.register(full.descriptor, for: .readable, recorder)
    try reactor.register(empty.descriptor, for: .readable, recorder)
    #expect(full.post(1))
    reactor.turn(until: MonotonicClock.now() + .seconds(10))
    #expect(recorder.calls == [full.descriptor])
  }

  @Test func aHandlerRemovedDuringATurnIsNotCalledInIt() throws {
    let reactor = try Reactor()
    let recorder = Recorder()
    let (one, two) = (Mailbox<Int>(capacity: 1), Mailbox<Int>(capacity: 1))
    try reactor.register(one.descriptor, for: .readable, recorder)
    try reactor.register(two.descriptor, for: .readable, recorder)
    recorder.onReady = {
      reactor.remove(one.descriptor)
      reactor.remove(two.descriptor)
    }
    #expect(one.post(1) && two.post(1))
    reactor.turn(until: MonotonicClock.now() + .seconds(10))
    reactor.turn(until: MonotonicClock.now())
    #expect(recorder.calls.count == 1)
  }

  @Test func aDeadlineEndsTheWaitAndAWakeUpEndsAnEndlessOne() throws {
    let reactor = try Reactor()
    let start = MonotonicClock.now()
    reactor.turn(until: start + .milliseconds(5))
    #expect(MonotonicClock.now() >= start + .milliseconds(5))
    reactor.wakeUp()
    reactor.turn(until: nil)
  }

  @Test func refusesADescriptorThatIsNotOpen() throws {
    let reactor = try Reactor()
    #expect(throws: TransportError.self) { try reactor.register(-1, for: .readable, Recorder()) }
  }
}
