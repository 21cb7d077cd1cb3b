import MeshMembership

/// The events of each member tell a story that can be: it joins before anything else, is suspected before it recovers,
/// and ends once before it joins again. What the events add up to is what the view shows.
struct EventStories {
  static let name = "event stories"
  private enum Chapter: UInt8 {
    case none, alive, suspect, ended
  }
  private var chapters: [[Chapter]] = []

  mutating func begun(_ process: Process) {
    while chapters.count <= process.index { chapters.append([]) }
    chapters[process.index] = []
  }

  private func chapter(_ process: Int, _ name: Int) -> Chapter {
    name < chapters[process].count ? chapters[process][name] : .none
  }

  mutating func notified(_ event: MembershipEvent, by process: Process, in world: Simulation) -> String? {
    let name = world.number(of: event.member.nodeID)
    let old = chapter(process.index, name)
    let new: Chapter?
    switch (old, event.kind) {
    case (.none, .joined), (.ended, .joined): new = .alive
    case (.alive, .updated), (.suspect, .updated): new = old
    case (.alive, .suspect): new = .suspect
    case (.suspect, .recovered): new = .alive
    case (.alive, .left), (.suspect, .left): new = .ended
    default: new = nil
    }
    guard let new else {
      return "\(process.nodeID) was told \(event.kind) of \(event.member.nodeID), which it knew as \(old)"
    }
    while chapters[process.index].count <= name { chapters[process.index].append(.none) }
    chapters[process.index][name] = new
    return nil
  }

  func check(_ change: Change, in world: Simulation) -> String? {
    guard !change.isOwn else { return nil }
    let told = chapter(change.observer.index, change.name)
    let isTrue =
      switch change.after.state {
      case .unknown: true
      case .alive: told == .alive
      case .suspect: told == .suspect
      case .dead, .left: told == .ended || told == .none
      }
    if isTrue { return nil }
    return "\(change.observer.nodeID) shows \(world.names.ids[change.name]) as \(change.after.version), "
      + "but its events tell \(told)"
  }
}
