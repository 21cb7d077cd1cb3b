import MeshBasics
import MeshWire
import Testing

@testable import MeshSim

struct NetworkTests {
  @Test func eventsComeInTheOrderOfTheirTimesAndThenOfTheirScheduling() {
    var queue = EventQueue<Int>()
    var random = SeededRandom(seed: 1)
    var expected: [(at: UInt64, number: Int)] = []
    for number in 0..<500 {
      let at = random.below(50)
      queue.schedule(number, at: Instant(nanoseconds: at))
      expected.append((at, number))
    }
    expected.sort { ($0.at, $0.number) < ($1.at, $1.number) }
    for entry in expected {
      let popped = queue.popFirst()
      #expect(popped?.event == entry.number)
      #expect(popped?.at == Instant(nanoseconds: entry.at))
    }
    #expect(queue.popFirst() == nil)
  }

  @Test(arguments: [Int64(-5_000), -1, 0, 37, 5_000])
  func aClockShowsADeadlineNoSoonerThanItIsDue(drift: Int64) {
    let clock = ProcessClock(drift: drift)
    for elapsed in [UInt64(0), 1, 999_999, 1_000_000, 123_456_789_012] {
      let local = clock.local(Instant(nanoseconds: elapsed))
      let due = clock.time(of: local)
      #expect(clock.local(due) >= local)
      #expect(due <= Instant(nanoseconds: elapsed + 10_000))
    }
  }

  @Test func lossCostsTimeAndNoMessage() throws {
    var network = Network(seed: 1, processes: 3)
    var random = SeededRandom(seed: 2)
    network.jitter = .microseconds(1)
    let still = try #require(network.delay(0, 1, at: .origin, &random))
    network.loss = 300
    var late = 0
    for _ in 0..<200 {
      let delay = try #require(network.delay(0, 1, at: .origin, &random))
      #expect(delay >= network.distance(0, 1))
      if delay > still + .milliseconds(25) { late += 1 }
    }
    #expect((35...85).contains(late))
  }

  /// A try after the end of a fault gets through: the last was at most as long after the first as the fault lasted,
  /// and the distance between tries doubles.
  @Test func whatAFaultHoldsUpArrivesSoonAfterItsEnd() throws {
    var network = Network(seed: 1, processes: 2)
    var random = SeededRandom(seed: 2)
    network.machineLoss[1] = 900
    network.machineLossEnd[1] = .origin + .seconds(2)
    let delays = (0..<200).compactMap { _ in network.delay(0, 1, at: .origin, &random) }
    #expect(delays.count == 200)
    #expect(try #require(delays.max()) < .milliseconds(4_200))
    #expect(delays.count { $0 > .seconds(2) } > 50)
  }

  @Test func cutsBlockWhatTheySay() {
    let parts = Cut(fault: 0, shape: .groups([0, 1, Cut.bridge]))
    #expect(parts.blocks(0, 1) && parts.blocks(1, 0) && !parts.blocks(0, 2) && !parts.blocks(2, 1))
    let outward = Cut(fault: 0, shape: .outward([true, false]))
    #expect(outward.blocks(0, 1) && !outward.blocks(1, 0))
    #expect(Cut(fault: 0, shape: .deaf(1)).blocks(0, 1) && !Cut(fault: 0, shape: .deaf(1)).blocks(1, 0))
    #expect(Cut(fault: 0, shape: .mute(1)).blocks(1, 0) && !Cut(fault: 0, shape: .mute(1)).blocks(0, 1))
    let pair = Cut(fault: 0, shape: .pair(from: 0, to: 1, isMutual: false))
    #expect(pair.blocks(0, 1) && !pair.blocks(1, 0))
  }

  /// Two nodes that were cut off from each other, for less or for more than a link lives, agree again.
  @Test(arguments: [Int64(2), 10, 40])
  func whatWasCutApartAgreesAgain(seconds: Int64) {
    let world = Simulation(SimulationTests.options(4, .calm, nodes: 2))
    for process in world.processes { world.start(process, at: .origin) }
    world.advance(to: .origin + .seconds(4))
    #expect(world.agreement.isComplete)
    world.network.cuts = [Cut(fault: 0, shape: .pair(from: 0, to: 1, isMutual: true))]
    world.findBlocked()
    world.excuseAll(for: .seconds(600))
    world.advance(to: world.now + .seconds(seconds))
    world.network.cuts = []
    world.findBlocked()
    world.advance(to: world.now + .seconds(60))
    #expect(world.agreement.isComplete)
    #expect(world.violation == nil)
  }

  @Test func bytesThatAreNoMessageAreUnreadable() {
    let parcel = Parcel(bytes: [0xFF, 0x03, 0x80], from: 0)
    guard case .failure = parcel.message else {
      Issue.record("read as a message")
      return
    }
    var ping = Ping()
    ping.sequence = 7
    #expect(Parcel(.ping(ping), from: 0, asBytes: true).message == .success(.ping(ping)))
    #expect(Parcel(.ping(ping), from: 0, asBytes: false).message == .success(.ping(ping)))
  }
}
