// What each process sees of each name, and the changes of that, which the checkers live on.
import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

/// A state as one process sees it.
enum SeenState: UInt8 {
  case unknown, alive, suspect, dead, left

  var isEnd: Bool { self == .dead || self == .left }
}

/// What one process sees of one name.
struct Seen: Equatable {
  var epoch: UInt64 = 0
  var metadataVersion: Int64 = 0
  var incarnation: UInt32 = 0
  var state = SeenState.unknown

  init() {}

  init(_ view: MemberView) {
    epoch = view.epoch
    incarnation = view.incarnation
    metadataVersion = view.metadata.metadataVersion
    switch view.status {
    case .alive: state = .alive
    case .suspect: state = .suspect
    case .left: state = view.isDead ? .dead : .left
    }
  }

  var version: String { "\(state) (\(epoch), \(incarnation)) metadata \(metadataVersion)" }
}

/// One change of one view.
struct Change {
  let observer: Process
  let name: Int
  let before: Seen
  let after: Seen
  /// The member after the change; nil when it was forgotten.
  let view: MemberView?

  var isOwn: Bool { view?.isLocal ?? false }
}

/// The views of all processes: a row for each. Most processes see the same of a name, so that each sight is kept once
/// and a row holds its number: in a mesh of 5,000 there are 25 million of them.
struct Views {
  /// For each process and name one more than the place of its sight; 0 for the unknown.
  private var rows: [[UInt32]] = []
  /// All that was ever seen of each name.
  private var sights: [[Seen]] = []

  subscript(process: Int, name: Int) -> Seen {
    get {
      guard name < rows[process].count else { return Seen() }
      let number = rows[process][name]
      return number == 0 ? Seen() : sights[name][Int(number) &- 1]
    }
    set {
      let number = number(of: newValue, about: name)
      if rows[process].count <= name { widen(process, to: name) }
      rows[process][name] = number
    }
  }

  private mutating func number(of seen: Seen, about name: Int) -> UInt32 {
    if seen == Seen() { return 0 }
    while sights.count <= name { sights.append([]) }
    // What is seen now is most often what was seen last.
    let known = sights[name].lastIndex(of: seen)
    if known == nil { sights[name].append(seen) }
    return UInt32(clamping: known ?? sights[name].count &- 1) &+ 1
  }

  /// There are about as many names as processes: a row that grew by doubling would waste up to a half.
  private mutating func widen(_ process: Int, to name: Int) {
    if rows[process].isEmpty { rows[process].reserveCapacity(rows.count) }
    while rows[process].count <= name { rows[process].append(0) }
  }

  mutating func addProcess() { rows.append([]) }

  mutating func begin(_ process: Process) { rows[process.index].removeAll(keepingCapacity: true) }
}

extension Simulation {
  /// Takes in what changed in the view of a process, and lets the checkers see it.
  func look(at process: Process) {
    guard let changes = process.engine?.takeChanges(), !changes.isEmpty else { return }
    for node in changes { note(node, process.engine?.member(node), by: process) }
  }

  /// The number of a name. One that belongs to no process was invented; nobody should hold it in the end.
  func number(of node: NodeID) -> Int {
    if let number = names.number(of: node) { return number }
    let number = names.add(node)
    agreement.expect(number, in: self)
    return number
  }

  /// The running process of a name in the life of this epoch, if there is just that one.
  func owner(of name: Int, epoch: UInt64) -> Process? {
    let truth = names.truths[name]
    guard truth.owners.count == 1, !truth.isStranger, let index = truth.owners.first, truth.own.epoch == epoch,
      truth.own.state == .alive
    else { return nil }
    return processes[index]
  }

  private func note(_ node: NodeID, _ view: MemberView?, by process: Process) {
    let name = number(of: node)
    let before = views[process.index, name]
    // Of a member that was forgotten the versions stay, to be compared with those it comes back with.
    var after = view.map { Seen($0) } ?? before
    if view == nil { after.state = .unknown }
    guard before != after else { return }
    hash.combine(name)
    hash.combine(after.epoch &+ UInt64(after.incarnation))
    hash.combine(Int(after.state.rawValue))
    let change = Change(observer: process, name: name, before: before, after: after, view: view)
    if let view, view.isLocal { noteOwn(change, view) }
    views[process.index, name] = after
    checks.viewChanged(change, in: self)
    agreement.changed(change)
    for index in watches.indices { watches[index].look(change, at: now) }
  }

  private func noteOwn(_ change: Change, _ view: MemberView) {
    let name = change.name
    if !names.truths[name].owners.contains(change.observer.index) {
      names.truths[name].owners.append(change.observer.index)
      if names.truths[name].owners.count > 1 { names.truths[name].wasContested = true }
    }
    names.truths[name].own = change.after
    let minted = (names.truths[name].mintedEpoch, names.truths[name].mintedIncarnation)
    if (change.after.epoch, change.after.incarnation) > minted {
      names.truths[name].mintedEpoch = change.after.epoch
      names.truths[name].mintedIncarnation = change.after.incarnation
    }
    let version = change.after.metadataVersion
    if names.truths[name].contents[version]?.contains(view.metadata) != true {
      names.truths[name].contents[version, default: []].append(view.metadata)
    }
    agreement.expect(name, in: self)
  }
}
