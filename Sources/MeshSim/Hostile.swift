// A member of the mesh, with a certificate of its own, that lies: it answers probes so that it is believed, and tells
// what is not so of all others.
import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

/// What a hostile process remembers.
struct Hostile {
  var random: SeededRandom
  var record: MemberRecord
  var lastDialed: UInt64 = 0
  var sequence: UInt64 = 0
  /// Links on which it was greeted.
  var open: [LinkID] = []
  /// What it has heard, to say again much later.
  var heard: [MemberRecord] = []
}

extension Simulation {
  func appear(_ process: Process, _ fault: Fault) {
    process.life &+= 1
    hostileCount &+= 1
    var record = MemberRecord()
    record.nodeID = process.nodeID.name
    record.epoch = UInt64(clamping: process.clock.unixMilliseconds(now))
    var metadata = process.configuration.metadata
    metadata.metadataVersion = Int64(clamping: record.epoch)
    record.metadata = metadata
    process.hostile = Hostile(random: SeededRandom(seed: derived(options.seed, process.index, 9)), record: record)
    queue.schedule(.mischief(process: process.index, life: process.life), at: now)
  }

  /// One turn of mischief: new links, and lies on those that are open.
  func mischief(_ process: Process, _ life: Int) {
    guard process.life == life, var hostile = process.hostile else { return }
    if hostile.open.count < 8 {
      let target = processes[Int(hostile.random.below(UInt64(processes.count)))]
      if target !== process {
        hostile.lastDialed &+= 1
        dial(target.endpoint, on: .dialed(hostile.lastDialed), from: process)
      }
    }
    let lies = (0..<Int(1 &+ hostile.random.below(4))).map { _ in lie(&hostile, process) }
    let isFlood = hostile.random.chance(1, in: 20)
    let open = hostile.open
    process.hostile = hostile
    for link in open {
      for message in lies {
        for _ in 0..<(isFlood ? 50 : 1) { send(message, on: [link], from: process) }
      }
    }
    if let link = open.first, hostile.random.chance(1, in: 10) {
      send(Parcel(bytes: [0xFF, 0x03, 0x80, 0x80, 0x01], from: process.index), on: link, from: process)
    }
    let pause = Duration.milliseconds(Int64(clamping: 20 &+ process.random.below(600)))
    queue.schedule(.mischief(process: process.index, life: life), at: now + pause)
  }

  /// A message that is well formed and not true.
  private func lie(_ hostile: inout Hostile, _ process: Process) -> MeshMessage {
    var news = News()
    for _ in 0..<(1 &+ hostile.random.below(6)) { news.records.append(forgery(&hostile, process)) }
    switch hostile.random.below(4) {
    case 0:
      var ping = Ping()
      hostile.sequence &+= 1
      ping.sequence = hostile.sequence
      ping.digest = hostile.random.next()
      ping.news = news.records
      return .ping(ping)
    case 1:
      var view = View()
      view.records = news.records
      view.replyWanted = hostile.random.chance(1, in: 2)
      return .view(view)
    default: return .news(news)
    }
  }

  private func forgery(_ hostile: inout Hostile, _ process: Process) -> MemberRecord {
    if !hostile.heard.isEmpty, hostile.random.chance(1, in: 4) {
      return hostile.heard[Int(hostile.random.below(UInt64(hostile.heard.count)))]
    }
    let victim = Int(hostile.random.below(UInt64(names.count)))
    let own = names.truths[victim].own
    var record = MemberRecord()
    record.nodeID = names.ids[victim].name
    if hostile.random.chance(1, in: 30) { record.nodeID = "ghost-\(hostile.random.below(12))" }
    record.epoch = max(own.epoch, 1)
    record.incarnation = own.incarnation
    let accuser = names.ids[Int(hostile.random.below(UInt64(names.count)))].name
    switch hostile.random.below(8) {
    case 0, 1:
      record.state = .suspect
      record.accuser = accuser
    case 2, 3:
      record.state = .dead
      record.accuser = accuser
    case 4: record.state = .left
    case 5: record.incarnation = own.incarnation &+ UInt32(truncatingIfNeeded: hostile.random.below(1 << 22))
    case 6: record.epoch = hostile.random.chance(1, in: 2) ? .max : own.epoch &+ hostile.random.below(1_000_000)
    default:
      var metadata = process.configuration.metadata
      metadata.metadataVersion = leap(above: own.metadataVersion, process, &hostile.random)
      metadata.labels = [Label(key: "forged", value: "yes")]
      let kind = hostile.random.below(4)
      if kind != 0 { record.metadata = metadata }
      if kind == 0 || kind == 1 {
        record.metadataDelta = MetadataDelta()
        record.metadataDelta?.toVersion = leap(above: own.metadataVersion, process, &hostile.random)
      }
    }
    return record
  }

  /// A metadata version that hurts: a little more, the most that the owner follows or that others take, one more than
  /// that, and the end of all numbers.
  private func leap(above version: Int64, _ process: Process, _ random: inout SeededRandom) -> Int64 {
    let unix = process.clock.unixMilliseconds(now)
    let followed = unix &+ Int64(MembershipLimits.metadataFollowedMilliseconds)
    let taken =
      unix &+ Int64(MembershipLimits.epochAheadMaxMilliseconds) &+ Int64(MembershipLimits.incarnationJumpMax)
    let edge: Int64 = random.chance(1, in: 2) ? 0 : 1
    switch random.below(5) {
    case 0: return .max
    case 1: return version &+ 5
    case 2: return version &+ Int64(MembershipLimits.incarnationJumpMax) &+ edge
    case 3: return followed &+ edge
    default: return taken &+ edge
    }
  }

  /// What happens to a hostile process: it greets, sometimes under another's name.
  func react(_ process: Process, _ input: EngineInput) {
    guard var hostile = process.hostile else { return }
    switch input {
    case .linkOpened(let link, _):
      var hello = Hello()
      hello.startedAt = hostile.record.epoch
      hello.nonce = hostile.random.next()
      hello.clusterID = process.configuration.metadata.clusterID
      hello.record = hostile.record
      if hostile.random.chance(1, in: 5) {
        hello.record.nodeID = names.ids[Int(hostile.random.below(UInt64(names.count)))].name
      }
      hostile.open.append(link)
      process.hostile = hostile
      send(.hello(hello), on: [link], from: process)
    case .linkClosed(let link, _):
      hostile.open.removeAll { $0 == link }
      process.hostile = hostile
    default: break
    }
  }

  /// It answers probes, and remembers what it is told.
  func overhear(_ process: Process, _ link: LinkID, _ parcel: Parcel) {
    guard var hostile = process.hostile, case .success(let message) = parcel.message else { return }
    for record in message.records.prefix(4) where hostile.heard.count < 200 { hostile.heard.append(record) }
    process.hostile = hostile
    guard case .ping(let ping) = message else { return }
    var ack = Ack()
    ack.sequence = ping.sequence
    ack.digest = ping.digest
    send(.ack(ack), on: [link], from: process)
  }
}
