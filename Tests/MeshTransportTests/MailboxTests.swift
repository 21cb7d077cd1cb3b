import Glibc
import MeshBasics
import Testing

@testable import MeshTransport

@Suite struct MailboxTests {
  @Test func refusesOneMoreThanItsCapacityAndTakesAgainAfterADrain() {
    let box = Mailbox<Int>(capacity: 3)
    #expect(box.post(1) && box.post(2) && box.post(3))
    #expect(!box.post(4))
    var list: [Int] = []
    box.drain(into: &list)
    #expect(list == [1, 2, 3])
    #expect(box.post(5))
    box.drain(into: &list)
    #expect(list == [1, 2, 3, 5])
  }

  @Test func descriptorIsReadableExactlyWhileSomethingWaits() {
    let box = Mailbox<Int>(capacity: 3)
    #expect(!isReadable(box.descriptor))
    #expect(box.post(1))
    #expect(isReadable(box.descriptor))
    var list: [Int] = []
    box.drain(into: &list)
    #expect(!isReadable(box.descriptor))
  }

  @Test func closeRefusesNewMessagesKeepsOldOnesAndEndsWaits() {
    let box = Mailbox<Int>(capacity: 3)
    #expect(box.post(1))
    box.close()
    #expect(!box.post(2))
    box.wait(timeout: nil)
    var list: [Int] = []
    box.drain(into: &list)
    #expect(list == [1])
    box.wait(timeout: nil)
    #expect(box.isClosed)
  }

  @Test func everyMessageOfFourThreadsArrivesInItsThreadsOrder() {
    let box = Mailbox<(Int, Int)>(capacity: 100)
    let posted = 2_000
    for writer in 0..<4 {
      startThread {
        for number in 0..<posted {
          while !box.post((writer, number)) { sched_yield() }
        }
      }
    }
    var next = [0, 0, 0, 0]
    var list: [(Int, Int)] = []
    let deadline = MonotonicClock.now() + .seconds(30)
    while next.reduce(0, +) < 4 * posted, MonotonicClock.now() < deadline {
      box.wait(timeout: .seconds(1))
      list.removeAll()
      box.drain(into: &list)
      for (writer, number) in list {
        #expect(next[writer] == number)
        next[writer] = number + 1
      }
    }
    #expect(next == [posted, posted, posted, posted])
  }

  private func isReadable(_ descriptor: Int32) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&item, 1, 0) == 1
  }
}

/// Runs `body` on a thread of its own.
func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let context = Unmanaged.passRetained(Box(body)).toOpaque()
  let status = pthread_create(
    &thread, nil,
    { raw in
      guard let raw else { return nil }
      Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().body()
      return nil
    }, context)
  #expect(status == 0)
  pthread_detach(thread)
}
