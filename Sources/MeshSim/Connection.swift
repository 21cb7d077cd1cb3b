import MeshBasics

/// One value for each side of a connection.
struct Pair<Value> {
  private var first: Value
  private var second: Value

  init(_ first: Value, _ second: Value) {
    self.first = first
    self.second = second
  }

  subscript(side: Int) -> Value {
    get { side == 0 ? first : second }
    set { if side == 0 { first = newValue } else { second = newValue } }
  }
}

/// One end of a connection: a link of a process in one of its lives.
struct LinkEndpoint {
  let process: Int
  let life: Int
  let link: LinkID
}

/// A connection between two processes: one reliable, ordered stream in each direction. Side 0 dialed.
struct Connection {
  let ends: Pair<LinkEndpoint>
  /// Whether the side uses it no more: it closed it, was told of its end, or died.
  var isGone = Pair(false, false)
  /// Whether the side is gone without a word, so that the other finds out by itself.
  var isDead = Pair(false, false)
  /// Whether the other side was told of a doubt already.
  var isDoubted = Pair(false, false)
  /// When the last message towards the side arrives, for the order of the stream.
  var lastArrival: Pair<Instant>
  /// Since when nothing gets through towards the side.
  var blockedSince = Pair<Instant?>(nil, nil)
  /// What waits to be sent again, in order.
  var held: [(side: Int, parcel: Parcel, since: Instant)] = []

  init(_ dialer: LinkEndpoint, _ listener: LinkEndpoint, at now: Instant) {
    ends = Pair(dialer, listener)
    lastArrival = Pair(now, now)
  }
}

/// All connections, in slots that are used again; a number tells the users of one slot apart.
struct Connections {
  private var slots: [Connection?] = []
  private var generations: [UInt32] = []
  private var free: [Int] = []

  var indices: Range<Int> { slots.indices }

  subscript(slot: Int) -> Connection? {
    get { slots[slot] }
    set { slots[slot] = newValue }
  }

  /// Changes the connection in place.
  mutating func modify(_ slot: Int, _ change: (inout Connection) -> Void) {
    guard slots[slot] != nil else { return }
    if var connection = slots[slot].take() {
      change(&connection)
      slots[slot] = connection
    }
  }

  /// When the last message that is on its way arrives, in either direction of any connection.
  var latestArrival: Instant {
    var latest = Instant.origin
    for case let connection? in slots {
      for side in 0...1 where !connection.isGone[side] { latest = max(latest, connection.lastArrival[side]) }
    }
    return latest
  }

  /// Whether one side of any connection is gone without the other's knowledge.
  var hasHalfOpen: Bool {
    slots.contains { slot in slot.map { $0.isGone[0] != $0.isGone[1] } ?? false }
  }

  func generation(of slot: Int) -> UInt32 { generations[slot] }

  func isCurrent(_ slot: Int, _ generation: UInt32) -> Bool {
    generations[slot] == generation && slots[slot] != nil
  }

  mutating func add(_ connection: Connection) -> Int {
    if let slot = free.popLast() {
      slots[slot] = connection
      return slot
    }
    slots.append(connection)
    generations.append(0)
    return slots.count &- 1
  }

  mutating func remove(_ slot: Int) {
    guard slots[slot] != nil else { return }
    slots[slot] = nil
    generations[slot] &+= 1
    free.append(slot)
  }
}
