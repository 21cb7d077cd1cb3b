import MeshMembership

/// A broadcast reaches a process at most once, with the content that its origin gave it.
struct Broadcasts {
  static let name = "broadcasts"
  private var payloads: [String: [UInt8]] = [:]
  private var seen: [[String: Bool]] = []

  mutating func begun(_ process: Process) {
    while seen.count <= process.index { seen.append([:]) }
    seen[process.index] = [:]
  }

  mutating func told(_ topic: String, _ payload: [UInt8]) { payloads[topic] = payload }

  mutating func delivered(_ message: BroadcastMessage, by process: Process) -> String? {
    // What a hostile member says itself may be anything.
    guard let payload = payloads[message.topic] else { return nil }
    if payload != message.payload { return "\(process.nodeID) got other bytes of \(message.topic) than were told" }
    if seen[process.index].updateValue(true, forKey: message.topic) != nil {
      return "\(process.nodeID) got \(message.topic) twice"
    }
    return nil
  }
}
