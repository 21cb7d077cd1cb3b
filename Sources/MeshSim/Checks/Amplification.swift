import MeshBasics
import MeshEngine
import MeshWire

/// What an enemy says costs the mesh no more than it must: nothing where it has proven nothing, and a stated factor of
/// its own bytes where it has a certificate.
struct Amplification {
  static let name = "amplification"
  /// Bytes that each node may send for each byte of hostile members: a forged accusation of 40 bytes is passed on along
  /// the rings, looked into by probes and refuted to all links, and rides on some later probes. Measured are 0.1 to
  /// 1.04.
  static let factor = 2
  /// What a node sends in a second though nobody is hostile, in bytes: probes, answers and what rides on them.
  static let usual = 800
  /// What each node may send at first, in bytes for each member: views for newcomers and what they make of them.
  static let views = 1_000

  private var before: (at: Instant, traffic: Traffic)?

  /// What is sent to a peer that belongs to another cluster: a hello, before it is known to be one.
  func sent(_ message: MeshMessage, to peer: Process, by process: Process) -> String? {
    guard peer.isStranger, !process.isStranger else { return nil }
    if case .hello = message { return nil }
    return "\(process.nodeID) sends more than a hello to \(peer.nodeID), which belongs to another cluster"
  }

  /// What can't be read is answered by nothing but the end of its link, and changes nothing that is seen.
  func unreadable(_ effects: [EngineEffect], on link: LinkID, by process: Process) -> String? {
    for effect in effects {
      switch effect {
      case .send(let links, _) where links.contains(link): return "\(process.nodeID) answers bytes that are no message"
      case .notify: return "\(process.nodeID) acts on bytes that are no message"
      default: break
      }
    }
    return nil
  }

  /// Once a second, where hostile members alone trouble the mesh.
  mutating func check(in world: Simulation) -> String? {
    guard world.processes.contains(where: { $0.hostile != nil }) || before != nil else { return nil }
    guard let before else {
      self.before = (world.now, world.traffic)
      return nil
    }
    let nodes = world.processes.count(where: { !$0.isIntruder })
    let seconds = Int(world.now.since(before.at).milliseconds / 1_000) &+ 1
    let sent = world.traffic.since(before.traffic)
    let usual = Amplification.usual &* seconds &+ Amplification.views &* nodes
    let most = nodes &* (Amplification.factor &* sent.hostileBytes &+ usual)
    return sent.bytes > most ? words(in: world) : nil
  }

  /// How many bytes each node sent for each hostile one, beside the usual, in words.
  func words(in world: Simulation) -> String? {
    guard let before else { return nil }
    let nodes = max(1, world.processes.count(where: { !$0.isIntruder }))
    let seconds = Int(world.now.since(before.at).milliseconds / 1_000) &+ 1
    let sent = world.traffic.since(before.traffic)
    return "each of \(nodes) nodes sent \(sent.bytes / nodes) bytes in \(seconds) s, for \(sent.hostileBytes) bytes of "
      + "hostile members"
  }
}
