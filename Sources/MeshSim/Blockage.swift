// Connections on which nothing gets through for a while: what was sent waits, and arrives late or never.
import MeshBasics
import MeshEngine

extension Simulation {
  /// Nothing gets through towards `side` from now on.
  func block(_ slot: Int, _ side: Int) {
    guard connections[slot]?.blockedSince[side] == nil else { return }
    connections[slot]?.blockedSince[side] = now
    let generation = connections.generation(of: slot)
    queue.schedule(
      .idle(slot: slot, generation: generation, side: side, since: now), at: now + Network.idleTimeout)
  }

  /// The cuts have changed: finds the connections that they touch. What was blocked and is free again sends what waits.
  func findBlocked() {
    for slot in connections.indices {
      guard let connection = connections[slot] else { continue }
      for side in 0...1 {
        let isCut = network.isCut(connection.ends[1 &- side].process, connection.ends[side].process)
        if isCut {
          block(slot, side)
        } else if connection.blockedSince[side] != nil {
          release(slot, side)
        }
      }
    }
  }

  private func release(_ slot: Int, _ side: Int) {
    guard let connection = connections[slot] else { return }
    let from = connection.ends[1 &- side].process
    let to = connection.ends[side].process
    let waiting = connection.held.filter { $0.side == side }
    connections.modify(slot) { connection in
      connection.blockedSince[side] = nil
      connection.held.removeAll { $0.side == side }
    }
    guard let first = waiting.first else { return }
    let generation = connections.generation(of: slot)
    let triedAt = network.nextTry(from, to, since: first.since, now: now)
    let at = max(triedAt + network.distance(from, to), connection.lastArrival[side])
    connections[slot]?.lastArrival[side] = at
    for entry in waiting {
      queue.schedule(.arrival(slot: slot, generation: generation, side: side, entry.parcel), at: at)
    }
  }

  /// Nothing got through towards the side for as long as a connection lives: it ends, for the other side too.
  func idled(_ slot: Int, _ side: Int, since: Instant) {
    guard let connection = connections[slot], connection.blockedSince[side] == since else { return }
    tally(.idled)
    let generation = connections.generation(of: slot)
    let other = 1 &- side
    let isHeard = connection.blockedSince[other] == nil
    queue.schedule(.ended(slot: slot, generation: generation, side: side, .timedOut), at: now)
    let delay = network.distance(connection.ends[side].process, connection.ends[other].process)
    queue.schedule(
      .ended(slot: slot, generation: generation, side: other, isHeard ? .closed : .timedOut), at: now + delay)
  }
}
