// Faults of what lies between the machines.
import MeshBasics
import MeshEngine

extension Simulation {
  func beginNetworkFault(_ fault: Fault, _ number: Int, _ process: Process) {
    switch fault.kind {
    case .loss:
      network.loss &+= fault.amount
      if fault.amount > 100 { excuseAll(for: fault.duration) }
    case .machineLoss:
      network.machineLoss[fault.node] &+= 100 &+ fault.amount * 7 / 10
      network.machineLossEnd[fault.node] = max(network.machineLossEnd[fault.node], now + fault.duration)
      excuse(process, for: fault.duration)
      impair(process, for: fault.duration)
    case .oneWayLoss:
      network.pairLoss.append((number, fault.node, fault.other, 300 &+ fault.amount * 6 / 10, now + fault.duration))
      excusePair(fault)
    case .dialFailure: network.dialFailure = fault.amount / 2
    case .spike:
      network.jitter = usualJitter + .milliseconds(Int64(clamping: fault.amount &* 2))
      excuseAll(for: fault.duration)
    case .narrow:
      network.bandwidth = Int64(clamping: 20_000 &+ fault.amount &* 100)
      excuseAll(for: fault.duration)
    case .brokenLink: breakLink(of: process, fault)
    case .burst, .flipFlop:
      if fault.kind == .flipFlop { excuse(process, for: fault.duration) }
      if fault.kind == .flipFlop { impair(process, for: fault.duration) }
      queue.schedule(.burst(fault: number), at: now)
    default: cut(fault, number, process)
    }
  }

  func undoNetworkFault(_ fault: Fault, _ number: Int) {
    switch fault.kind {
    case .loss: network.loss &-= min(network.loss, fault.amount)
    case .machineLoss:
      network.machineLoss[fault.node] &-= min(network.machineLoss[fault.node], 100 &+ fault.amount * 7 / 10)
    case .oneWayLoss: network.pairLoss.removeAll { $0.fault == number }
    case .dialFailure: network.dialFailure = 0
    case .spike: network.jitter = usualJitter
    case .narrow: network.bandwidth = usualBandwidth
    case .burst: network.burstLoss = 0
    default:
      network.cuts.removeAll { $0.fault == number }
      findBlocked()
    }
  }

  /// The loss of a burst comes and goes, and so does the one machine that flaps.
  func burst(_ number: Int) {
    let fault = plan[number]
    guard !isCalm, now < fault.at + fault.duration else { return }
    let isBad: Bool
    if fault.kind == .burst {
      isBad = network.burstLoss == 0
      network.burstLoss = isBad ? 300 &+ fault.amount * 6 / 10 : 0
    } else {
      isBad = !network.cuts.contains { $0.fault == number }
      network.cuts.removeAll { $0.fault == number }
      if isBad { network.cuts.append(Cut(fault: number, shape: .deaf(fault.node))) }
      findBlocked()
    }
    let limit: UInt64 = fault.kind == .flipFlop ? 2_000_000_000 : isBad ? 500_000_000 : 3_000_000_000
    let span = Duration(nanoseconds: Int64(clamping: 50_000_000 &+ random.below(limit)))
    queue.schedule(.burst(fault: number), at: now + span)
  }

  private func breakLink(of process: Process, _ fault: Fault) {
    let slots = process.links.values.sorted()
    guard !slots.isEmpty else { return }
    let slot = slots[Int(fault.amount) % slots.count]
    breakConnection(slot, fault.amount % 2 == 0 ? .closed : .timedOut)
  }

  private func cut(_ fault: Fault, _ number: Int, _ process: Process) {
    let count = processes.count
    let shape: Cut.Shape
    switch fault.kind {
    case .partition: shape = .groups(groups(2, fault))
    case .manyParts: shape = .groups(groups(3 &+ fault.amount % 3, fault))
    case .bridge:
      var parts = groups(2, fault)
      parts[fault.node] = Cut.bridge
      shape = .groups(parts)
    case .oneWayPartition: shape = .outward((0..<count).map { derived(fault.amount, $0, number) % 2 == 0 })
    case .deaf: shape = .deaf(fault.node)
    case .mute: shape = .mute(fault.node)
    default: shape = .pair(from: fault.node, to: fault.other, isMutual: fault.amount % 2 == 0)
    }
    network.cuts.append(Cut(fault: number, shape: shape))
    switch shape {
    case .groups, .outward: excuseAll(for: fault.duration)
    case .deaf, .mute:
      excuse(process, for: fault.duration)
      impair(process, for: fault.duration)
    case .pair:
      excusePair(fault)
      checks.needless.cut(fault.node, fault.other, for: fault.duration, at: now)
    }
    findBlocked()
  }

  private func groups(_ parts: UInt64, _ fault: Fault) -> [UInt8] {
    // One in three leaves a single node or two alone.
    if fault.amount % 3 == 0 {
      return (0..<processes.count).map { $0 == fault.node || $0 == fault.other ? 1 : 0 }
    }
    return (0..<processes.count).map { UInt8(truncatingIfNeeded: derived(fault.amount, $0, fault.node) % parts) }
  }

  /// Two that can't talk to each other are helped by the rest, unless there are too few of them.
  private func excusePair(_ fault: Fault) {
    guard processes.count < 5 else { return }
    excuse(processes[fault.node], for: fault.duration)
    excuse(processes[fault.other], for: fault.duration)
  }
}
