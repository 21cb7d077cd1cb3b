import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshSim

/// Each checker fires on a planted violation, and stays silent beside it.
struct CheckerTests {
  private let world = Simulation(SimulationTests.options(1, .calm, nodes: 5))
  private var observer: Process { world.processes[0] }
  private var subject: Process { world.processes[1] }

  private func seen(_ state: SeenState, epoch: UInt64 = 10, incarnation: UInt32 = 1, metadata: Int64 = 5) -> Seen {
    var seen = Seen()
    seen.state = state
    seen.epoch = epoch
    seen.incarnation = incarnation
    seen.metadataVersion = metadata
    return seen
  }

  private func change(
    _ before: Seen, _ after: Seen, of process: Process? = nil, by other: Process? = nil,
    labels: [Label] = [], isLocal: Bool = false
  ) -> Change {
    let process = process ?? subject
    var metadata = NodeMetadata()
    metadata.metadataVersion = after.metadataVersion
    metadata.labels = labels
    let status: MemberStatus =
      switch after.state {
      case .alive, .unknown: .alive
      case .suspect: .suspect
      case .dead, .left: .left
      }
    let view = MemberView(
      nodeID: process.nodeID, status: status, isDead: after.state == .dead, epoch: after.epoch,
      incarnation: after.incarnation, metadata: metadata, lastHeard: nil, roundTrip: nil, isLocal: isLocal)
    return Change(observer: other ?? observer, name: process.name, before: before, after: after, view: view)
  }

  private func own(_ process: Process, _ seen: Seen) {
    world.names.truths[process.name].owners = [process.index]
    world.names.truths[process.name].own = seen
    world.names.truths[process.name].mintedEpoch = seen.epoch
    world.names.truths[process.name].mintedIncarnation = seen.incarnation
  }

  @Test func versionsThatGoBack() {
    let checker = MonotonicVersions()
    #expect(checker.check(change(seen(.alive), seen(.suspect)), in: world) == nil)
    #expect(checker.check(change(seen(.alive), seen(.alive, incarnation: 0)), in: world) != nil)
    #expect(checker.check(change(seen(.alive), seen(.alive, epoch: 9, incarnation: 7)), in: world) != nil)
  }

  @Test func theDeadThatRiseWithoutAGreaterVersion() {
    let checker = NoResurrection()
    #expect(checker.check(change(seen(.dead), seen(.alive)), in: world) != nil)
    #expect(checker.check(change(seen(.left), seen(.suspect)), in: world) != nil)
    #expect(checker.check(change(seen(.dead), seen(.alive, incarnation: 2)), in: world) == nil)
    #expect(checker.check(change(seen(.dead), seen(.left)), in: world) == nil)
  }

  @Test func versionsThatNoOwnerHad() {
    let checker = OnlyOwnersMint()
    #expect(checker.check(change(Seen(), seen(.alive)), in: world) != nil)
    own(subject, seen(.alive))
    #expect(checker.check(change(Seen(), seen(.alive)), in: world) == nil)
    #expect(checker.check(change(Seen(), seen(.suspect, incarnation: 2)), in: world) != nil)
  }

  @Test func twoLivesWithOneEpoch() {
    var checker = OneEpochPerLife()
    let first = change(Seen(), seen(.alive), by: subject, isLocal: true)
    subject.life = 1
    #expect(checker.check(first, in: world) == nil)
    subject.life = 2
    #expect(checker.check(first, in: world) != nil)
  }

  @Test func twoContentsUnderOneVersion() {
    let checker = OneContent()
    var metadata = NodeMetadata()
    metadata.metadataVersion = 5
    world.names.truths[subject.name].contents[5] = [metadata]
    #expect(checker.check(change(Seen(), seen(.alive)), in: world) == nil)
    #expect(checker.check(change(Seen(), seen(.alive), labels: [Label(key: "a", value: "b")]), in: world) != nil)
    #expect(checker.check(change(Seen(), seen(.alive, metadata: 6)), in: world) != nil)
  }

  @Test func aNodeThatDoubtsItselfOrShowsForeignLabels() {
    let checker = OwnWord()
    #expect(checker.check(change(Seen(), seen(.alive), by: subject, isLocal: true), in: world) == nil)
    #expect(checker.check(change(Seen(), seen(.suspect), by: subject, isLocal: true), in: world) != nil)
    #expect(checker.check(change(Seen(), seen(.left), by: subject, isLocal: true), in: world) != nil)
    let labelled = change(Seen(), seen(.alive), by: subject, labels: [Label(key: "a", value: "b")], isLocal: true)
    #expect(checker.check(labelled, in: world) != nil)
  }

  @Test func aStrangerInAView() {
    world.names.truths[subject.name].isStranger = true
    #expect(NoStrangers().check(change(Seen(), seen(.alive)), in: world) != nil)
  }

  @Test func aHealthyNodeThatLooksDead() {
    let checker = NoFalseDeath()
    for process in world.processes { world.agreement.begin(process, in: world) }
    let death = change(seen(.suspect), seen(.dead))
    // Nobody runs under that name.
    #expect(checker.check(death, in: world) == nil)
    own(subject, seen(.alive))
    #expect(checker.check(death, in: world) != nil)
    subject.excusedUntil = world.now + .seconds(1)
    #expect(checker.check(death, in: world) == nil)
  }

  /// What a process is not asked in between is one pause, however many faults made it.
  @Test func pausesThatOverlapOrTouchAreOne() {
    for (gap, isOne) in [(Int64(-1_160), true), (0, true), (1, false)] {
      let world = Simulation(SimulationTests.options(1, .calm, nodes: 5))
      let process = world.processes[1]
      world.now = .origin + .seconds(10)
      world.pause(process, for: .milliseconds(2_900))
      #expect(process.excusedUntil == .origin)
      world.now = world.now + .milliseconds(2_900 + gap)
      world.pause(process, for: .milliseconds(3_250))
      #expect((process.excusedUntil > process.pausedUntil) == isOne, "\(gap)")
      #expect((process.impairedUntil > process.pausedUntil) == isOne, "\(gap)")
      #expect(process.pausedUntil == world.now + .milliseconds(3_250))
    }
  }

  @Test func eventsThatTellNoStory() {
    var stories = EventStories()
    stories.begun(observer)
    func event(_ kind: MembershipEvent.Kind, _ state: SeenState) -> MembershipEvent {
      MembershipEvent(kind: kind, member: change(Seen(), seen(state)).view ?? world.dummy, correlation: 1)
    }
    #expect(stories.notified(event(.recovered, .alive), by: observer, in: world) != nil)
    #expect(stories.notified(event(.joined, .alive), by: observer, in: world) == nil)
    #expect(stories.notified(event(.joined, .alive), by: observer, in: world) != nil)
    #expect(stories.check(change(Seen(), seen(.alive)), in: world) == nil)
    #expect(stories.check(change(Seen(), seen(.dead)), in: world) != nil)
    #expect(stories.notified(event(.left, .dead), by: observer, in: world) == nil)
    #expect(stories.notified(event(.left, .dead), by: observer, in: world) != nil)
  }

  @Test func accusationsWithoutReasonPatienceOrASecondVoice() {
    var accusations = Accusations()
    for process in world.processes {
      accusations.begun(process)
      world.agreement.begin(process, in: world)
    }
    own(subject, seen(.alive))
    var claim = MemberRecord()
    claim.nodeID = subject.nodeID.name
    claim.epoch = 10
    claim.incarnation = 1
    claim.state = .suspect
    claim.accuser = observer.nodeID.name
    #expect(accusations.told(claim, by: observer, in: world) != nil)
    accusations.hasEvidence(observer, against: subject.name, at: world.now)
    claim.incarnation = 2
    #expect(accusations.told(claim, by: observer, in: world) == nil)

    world.now = .origin + .seconds(9)
    #expect(accusations.check(change(seen(.suspect), seen(.alive)), in: world) == nil)
    observer.hear(subject.name, by: .dialed(1), isHello: true, at: .origin + .seconds(10))
    // What follows a hello that was lost is not heard.
    observer.hear(subject.name, by: .dialed(2), isHello: false, at: .origin + .seconds(11))
    world.now = .origin + .seconds(12)
    let death = change(seen(.suspect), seen(.dead))
    #expect(accusations.check(death, in: world) != nil)
    claim.state = .dead
    #expect(accusations.told(claim, by: observer, in: world)?.contains("2000 ms of silence") == true)
    accusations.heard(claim, from: 2, by: observer, in: world)
    #expect(accusations.check(death, in: world)?.contains("the word of 1") == true)
    accusations.heard(claim, from: 3, by: observer, in: world)
    #expect(accusations.check(death, in: world) == nil)
  }

  @Test func aLifeAfterAGoodbye() {
    var goodbyes = Goodbyes()
    var claim = MemberRecord()
    claim.nodeID = subject.nodeID.name
    claim.epoch = 10
    #expect(goodbyes.told(claim, by: subject, in: world) == nil)
    claim.state = .left
    #expect(goodbyes.told(claim, by: subject, in: world) == nil)
    claim.state = .alive
    #expect(goodbyes.told(claim, by: subject, in: world) != nil)
  }

  @Test func aBroadcastThatComesTwiceOrChanged() {
    var broadcasts = Broadcasts()
    broadcasts.begun(observer)
    broadcasts.told("a", [1])
    broadcasts.told("b", [2])
    func message(_ topic: String, _ payload: [UInt8]) -> BroadcastMessage {
      BroadcastMessage(origin: subject.nodeID, sequence: 1, topic: topic, payload: payload)
    }
    #expect(broadcasts.delivered(message("a", [1]), by: observer) == nil)
    #expect(broadcasts.delivered(message("a", [1]), by: observer) != nil)
    #expect(broadcasts.delivered(message("b", [3]), by: observer) != nil)
  }

  @Test func aMeshThatDoesNotAgree() {
    let world = Simulation(SimulationTests.options(1, .calm, nodes: 3))
    let result = world.run()
    #expect(result.violation == nil)
    #expect(world.agreement.problem(in: world) == nil)
    // One of them has said goodbye in the exam.
    guard let name = world.names.truths.firstIndex(where: { $0.own.state == .alive && !$0.owners.isEmpty }) else {
      Issue.record("nobody runs")
      return
    }
    var newer = world.names.truths[name].own
    newer.incarnation += 1
    world.names.truths[name].own = newer
    world.agreement.expect(name, in: world)
    #expect(!world.agreement.isComplete)
    #expect(world.agreement.problem(in: world) != nil)
  }
}

extension Simulation {
  /// A view of a node of this run, where a test needs any.
  fileprivate var dummy: MemberView {
    MemberView(
      nodeID: processes[0].nodeID, status: .alive, isDead: false, epoch: 1, incarnation: 0, metadata: NodeMetadata(),
      lastHeard: nil, roundTrip: nil, isLocal: false)
  }
}
