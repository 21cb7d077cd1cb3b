// Processes that a fault brings into the run: clones, nodes of another cluster, and hostile members.
import MeshBasics
import MeshEngine
import MeshMembership

extension Simulation {
  /// A second process with the same name and a copy of the disk, as a restored snapshot of a machine makes one. One in
  /// three begins with the very epoch of the first.
  func clone(_ original: Process, _ fault: Fault) {
    guard original.isRunning, let endpoint = Endpoint(host: "clone-\(processes.count)", port: 17_421) else { return }
    let number = plan.firstIndex(of: fault) ?? 0
    let clone = addProcess(original.nodeID, endpoint, seeds: original.configuration.seeds)
    clone.isClone = true
    clone.intruderOf = number
    clone.disk = original.disk
    if fault.amount % 3 == 0 {
      clone.disk.epoch = names.truths[original.name].own.epoch &- 1
      clone.clock.wallOffset = .seconds(-30 * 24 * 3_600)
    }
    excuse(original, for: .seconds(3_600))
    excuse(clone, for: .seconds(3_600))
    start(clone, at: now)
  }

  func admitIntruder(_ fault: Fault, _ number: Int) {
    let isStranger = fault.kind == .stranger
    guard let node = NodeID("\(isStranger ? "stranger" : "mallory")-\(number)"),
      let endpoint = Endpoint(host: node.name, port: 17_421)
    else { return }
    let seeds = processes[0].configuration.seeds
    let process = addProcess(node, endpoint, seeds: seeds, cluster: isStranger ? "elsewhere" : "local")
    process.intruderOf = number
    process.isStranger = isStranger
    names.truths[process.name].isStranger = isStranger
    if isStranger { start(process, at: now) } else { appear(process, fault) }
  }

  /// The intruders of a fault go away. Where a node gave way to its clone, it is started again.
  func dismissIntruder(_ number: Int) {
    for process in processes where process.intruderOf == number {
      kill(process, host: false)
      process.isSkipped = true
      guard process.isClone, let original = processes.first(where: { $0.name == process.name }) else { continue }
      start(original, at: now + .milliseconds(100))
    }
  }
}
