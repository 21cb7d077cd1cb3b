import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire
import Testing

@testable import MeshSim

/// The checkers that look at what nodes tell and at the mesh as a whole: each fires on a planted violation, and stays
/// silent beside it.
struct MeshCheckerTests {
  private let world = Simulation(SimulationTests.options(1, .calm, nodes: 5))
  private var observer: Process { world.processes[0] }
  private var subject: Process { world.processes[1] }

  /// All nodes run and know each other.
  private func form() {
    for process in world.processes { world.start(process, at: .origin) }
    world.advance(to: .origin + .seconds(5))
    #expect(world.agreement.isComplete)
  }

  private func accusation() -> MemberRecord {
    var claim = MemberRecord()
    claim.nodeID = subject.nodeID.name
    claim.epoch = world.names.truths[subject.name].own.epoch
    claim.state = .suspect
    claim.accuser = observer.nodeID.name
    return claim
  }

  @Test func anAccusationWhereRelaysHelp() {
    form()
    var checker = NeedlessAccusations()
    #expect(checker.told(accusation(), by: observer, in: world) != nil)
    // One relay that can't talk to the subject leaves two; three leave none.
    checker.cut(2, subject.index, for: .seconds(1), at: world.now)
    #expect(checker.told(accusation(), by: observer, in: world) != nil)
    checker.cut(subject.index, 3, for: .seconds(1), at: world.now)
    checker.cut(4, observer.index, for: .seconds(1), at: world.now)
    #expect(checker.told(accusation(), by: observer, in: world) == nil)
    world.now = world.now + .seconds(5)
    #expect(checker.told(accusation(), by: observer, in: world) != nil)
    world.disturb(for: .seconds(1))
    #expect(checker.told(accusation(), by: observer, in: world) == nil)
  }

  /// A dial is a reason when it has come to nothing, or when another has answered it, and not while it is on its way.
  @Test func aDialThatIsOnItsWayIsNoReason() {
    form()
    func isReason(_ incarnation: UInt32) -> Bool {
      var claim = accusation()
      claim.incarnation = incarnation
      return world.checks.accusations.told(claim, by: observer, in: world) == nil
    }
    #expect(!isReason(1))
    world.dial(subject.endpoint, on: .dialed(900), from: observer)
    #expect(!isReason(2))
    world.noteDial(.dialed(900), of: observer, found: subject.name)
    #expect(!isReason(3))
    world.dial(subject.endpoint, on: .dialed(901), from: observer)
    world.noteDial(.dialed(901), of: observer, found: world.processes[2].name)
    #expect(isReason(4))
    world.now = world.now + Accusations.memory + .milliseconds(1)
    #expect(!isReason(5))
    world.dial(subject.endpoint, on: .dialed(902), from: observer)
    world.step(observer, .linkClosed(.dialed(902), .timedOut))
    #expect(isReason(6))
  }

  @Test func aDeathThatAnIsolatedNodeDeclares() {
    form()
    var checker = Isolation()
    checker.begun(observer, at: world.now)
    var dead = world.views[observer.index, subject.name]
    let before = dead
    dead.state = .dead
    let death = Change(observer: observer, name: subject.name, before: before, after: dead, view: nil)
    world.now = world.now + .seconds(2)
    #expect(checker.check(death, isTold: false, in: world) == nil)
    world.now = world.now + .seconds(4)
    #expect(checker.check(death, isTold: false, in: world) != nil)
    #expect(checker.check(death, isTold: true, in: world) == nil)
    checker.wasPaused(observer, for: .seconds(5))
    #expect(checker.check(death, isTold: false, in: world) == nil)
    world.now = world.now + .seconds(8)
    #expect(checker.check(death, isTold: false, in: world) != nil)
    checker.isRefused(observer, by: [subject.name], at: "elsewhere:1")
    #expect(checker.check(death, isTold: false, in: world) == nil)
    // Six times the longest silence is enough.
    var patient = Isolation()
    patient.begun(observer, at: world.now)
    world.now = world.now + .seconds(31)
    #expect(patient.check(death, isTold: false, in: world) == nil)
  }

  @Test func aNodeThatFindsItselfWellThoughItsRelaysAreSilent() {
    form()
    let relays = [world.processes[2].nodeID, world.processes[3].nodeID]
    var request = ProbeRequest()
    request.sequence = 7
    request.target = subject.nodeID.name
    var checker = SelfDoubt()
    checker.begun(observer)
    #expect(checker.failed(subject.nodeID, of: observer, at: world.now) == nil)
    checker.sent(request, to: relays, by: observer, at: world.now)
    #expect(checker.failed(subject.nodeID, of: observer, at: world.now) != nil)
    checker.sent(request, to: relays, by: observer, at: world.now)
    var reply = ProbeReply()
    reply.sequence = 7
    for relay in relays { checker.received(reply, from: relay, by: observer) }
    #expect(checker.failed(subject.nodeID, of: observer, at: world.now) == nil)
  }

  @Test func aBroadcastThatMissesANode() {
    form()
    var checker = BroadcastReach()
    checker.told("news", by: observer, in: world)
    #expect(!checker.isComplete)
    let message = BroadcastMessage(origin: observer.nodeID, sequence: 1, topic: "news", payload: [])
    for process in world.processes.dropFirst().dropLast() { checker.delivered(message, by: process) }
    #expect(checker.problem(in: world)?.contains(world.processes[4].nodeID.name) == true)
    checker.delivered(message, by: world.processes[4])
    #expect(checker.isComplete)
    #expect(checker.problem(in: world) == nil)
  }

  @Test func aMeshThatTalksInTheCalm() {
    var checker = CalmTraffic()
    checker.begin(at: .origin, Traffic())
    let later = Instant.origin + .seconds(4)
    #expect(checker.lasts(at: later, .seconds(4)))
    #expect(!checker.lasts(at: later, .seconds(5)))
    func isQuiet(_ messages: Int, _ bytes: Int) -> Bool {
      checker.isQuiet(
        at: later, Traffic(messages: messages, bytes: bytes), nodes: 10, world.processes[0].configuration)
    }
    // Eight messages a second and node are its probes and answers.
    #expect(isQuiet(4 * 8 * 10, 4 * 8 * 10 * 20))
    #expect(!isQuiet(4 * 16 * 10, 4 * 8 * 10 * 20))
    #expect(!isQuiet(4 * 8 * 10, 4 * 8 * 10 * 200))
    // A few large hellos are no storm; many are, and so is as much of anything else.
    func isQuiet(hellos: Int, _ bytes: Int) -> Bool {
      let sent = Traffic(messages: 4 * 8 * 10, bytes: bytes, hellos: hellos, helloBytes: hellos * 16_000)
      return checker.isQuiet(at: later, sent, nodes: 10, world.processes[0].configuration)
    }
    #expect(isQuiet(hellos: 50, 50 * 16_000 + 4 * 8 * 10 * 20) && !isQuiet(hellos: 51, 51 * 16_000 + 4 * 8 * 10 * 20))
    #expect(!isQuiet(hellos: 50, 50 * 16_000 + 4 * 8 * 10 * 200))
  }

  @Test func wordsForAStrangerAndDeedsAfterNonsense() {
    let checker = Amplification()
    #expect(checker.sent(.ping(Ping()), to: subject, by: observer) == nil)
    subject.isStranger = true
    #expect(checker.sent(.hello(Hello()), to: subject, by: observer) == nil)
    #expect(checker.sent(.ping(Ping()), to: subject, by: observer) != nil)
    #expect(checker.unreadable([.close(.dialed(1), reason: "x")], on: .dialed(1), by: observer) == nil)
    #expect(checker.unreadable([.send([.dialed(2)], .ping(Ping()))], on: .dialed(1), by: observer) == nil)
    #expect(checker.unreadable([.send([.dialed(1)], .ping(Ping()))], on: .dialed(1), by: observer) != nil)
  }

  @Test func aMeshThatSaysManyTimesWhatAHostileMemberSaid() {
    var checker = Amplification()
    #expect(checker.check(in: world) == nil)
    observer.hostile = Hostile(random: SeededRandom(seed: 1), record: MemberRecord())
    #expect(checker.check(in: world) == nil)
    world.traffic.hostileBytes = 1_000
    world.traffic.bytes = 5 * 1_000
    #expect(checker.check(in: world) == nil)
    world.traffic.bytes = 5 * (Amplification.factor * 1_000 + Amplification.usual + Amplification.views * 5) + 1
    #expect(checker.check(in: world) != nil)
  }

  /// The exam at the end of a run fails where a mesh doesn't do what it must.
  @Test func anExamThatAMeshFails() {
    form()
    world.isCalm = true
    world.network.cuts = [Cut(fault: 0, shape: .mute(0))]
    world.findBlocked()
    world.examine()
    #expect(world.violation != nil)
  }
}
