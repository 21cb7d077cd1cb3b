import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

/// One simulated process with its machine: a disk, clocks, an inbox and links.
final class Process {
  let index: Int
  /// Which node it claims to be: its place in the list of names. A clone shares it with its original.
  let name: Int
  let nodeID: NodeID
  /// Where it listens; a restart may change it.
  var endpoint: Endpoint
  var configuration: EngineConfiguration
  /// Draws what happens to the messages that it sends, so that one node's luck doesn't depend on another's.
  var random: SeededRandom

  /// What survives a crash.
  var disk = StoredState()
  /// Counts the starts of the process; what was meant for an earlier life is stale.
  var life = 0
  /// Nil while the process does not run, and for hostile ones.
  var engine: RunningEngine?
  var hostile: Hostile?
  /// Set while a start is scheduled.
  var startsAt: Instant?
  /// Its machine doesn't answer at all.
  var isHostDown = false
  /// It never takes part; the minimiser leaves out nodes this way.
  var isSkipped = false
  /// A second process with the same name, made by a fault.
  var isClone = false
  /// It belongs to another cluster.
  var isStranger = false
  /// The fault that brought it here.
  var intruderOf: Int?
  /// Others know its address from their configuration.
  var isSeed = false
  var hasLostDisk = false

  var clock: ProcessClock
  /// Until then nothing is handled: the process is stopped by its machine.
  var pausedUntil = Instant.origin
  /// When the last pause began; pauses that overlap or touch are one.
  var pausedSince = Instant.origin
  /// Each input waits up to this long before it is handled.
  var inputDelay = Duration.zero
  /// Each wake-up comes up to this much late.
  var tickDelay = Duration.zero
  /// How long a write takes at most.
  var diskDelay = Duration.milliseconds(8)
  var isDiskFailing = false
  /// Messages beyond this many that wait are lost.
  var inboxLimit = Int.max
  private(set) var inbox: [(readyAt: Instant, event: Event)] = []
  private var inboxHead = 0
  /// The wake-up that was asked for last.
  var wakeAt: Instant?

  /// The connection behind each link, and all connections in the order in which they were made.
  var links: [UInt64: Int] = [:]
  var acceptedLinks: UInt64 = 0
  /// Where each link was dialed that has brought no hello yet; empty in large runs.
  var dials: [UInt64: Endpoint] = [:]
  /// Until when its uplink is busy.
  var uplinkFreeAt = Instant.origin
  /// The links that have brought their hello; empty in large runs.
  private var greeted: Set<UInt64> = []
  /// When the last message of each name was handled here; empty in large runs.
  private(set) var lastHeard: [Instant] = []

  /// Until then it isn't to blame that others take it for dead.
  var excusedUntil = Instant.origin
  /// Until then its own view of others is not to be trusted.
  var impairedUntil = Instant.origin
  /// The labels that its host set last.
  var labels: [Label] = []
  var isDraining = false
  /// Its host has asked it to leave.
  var isLeaving = false

  init(
    index: Int, name: Int, nodeID: NodeID, endpoint: Endpoint, configuration: EngineConfiguration, seed: UInt64
  ) {
    self.index = index
    self.name = name
    self.nodeID = nodeID
    self.endpoint = endpoint
    self.configuration = configuration
    random = SeededRandom(seed: derived(seed, index, 1))
    clock = ProcessClock(drift: 0)
  }

  /// Whether something of it takes part in the mesh now.
  var isRunning: Bool { engine != nil || hostile != nil }

  var isIntruder: Bool { intruderOf != nil }

  var hasInbox: Bool { inboxHead < inbox.count }

  /// Puts an event into the inbox. Returns when it must be looked at, if nobody is going to do so already.
  func keep(_ event: Event, readyAt: Instant) -> Instant? {
    let isFirst = !hasInbox
    let at = isFirst ? readyAt : max(readyAt, inbox.last?.readyAt ?? readyAt)
    inbox.append((at, event))
    return isFirst ? at : nil
  }

  var inboxCount: Int { inbox.count &- inboxHead }
  var inboxReadyAt: Instant? { hasInbox ? inbox[inboxHead].readyAt : nil }

  func takeFromInbox() -> Event? {
    guard hasInbox else { return nil }
    let event = inbox[inboxHead].event
    inboxHead &+= 1
    if inboxHead == inbox.count || inboxHead > 1_024 {
      inbox.removeFirst(inboxHead)
      inboxHead = 0
    }
    return event
  }

  /// All that waits is due at `now`.
  func hurry(_ now: Instant) {
    for index in inbox.indices { inbox[index].readyAt = min(inbox[index].readyAt, now) }
  }

  func emptyInbox() {
    inbox.removeAll()
    inboxHead = 0
  }

  /// A message that counts as a word of its sender. Where the hello was lost with an inbox that overflowed, the engine
  /// takes nothing that follows it.
  func hear(_ name: Int, by link: LinkID, isHello: Bool, at now: Instant) {
    if isHello { greeted.insert(link.rawValue) }
    guard greeted.contains(link.rawValue) else { return }
    while lastHeard.count <= name { lastHeard.append(.origin) }
    lastHeard[name] = now
  }

  func forgetWhatWasHeard() {
    greeted.removeAll()
    lastHeard.removeAll()
  }

  /// Names that sort otherwise than the indices, so that no rule leans on the order of starting.
  static func name(_ index: Int) -> String { "n\((index &* 37 &+ 13) % 97)-\(index)" }
}
