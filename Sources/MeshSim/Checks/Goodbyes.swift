import MeshBasics
import MeshWire

/// After its goodbye a node never says again that it is alive, in that life.
struct Goodbyes {
  static let name = "goodbyes"
  private var left: [Int: (life: Int, epoch: UInt64)] = [:]

  mutating func told(_ record: MemberRecord, by process: Process, in world: Simulation) -> String? {
    guard record.nodeID == process.nodeID.name else { return nil }
    if record.state == .left {
      left[process.index] = (process.life, record.epoch)
      return nil
    }
    guard record.state == .alive, let goodbye = left[process.index], goodbye.life == process.life,
      goodbye.epoch == record.epoch
    else { return nil }
    return "\(process.nodeID) says that it is alive after its goodbye"
  }
}
