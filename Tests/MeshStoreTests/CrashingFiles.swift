@testable import MeshStore

/// A disk in memory whose power fails at a chosen step. What was not synced may be there, gone, or half there.
final class CrashingFiles: FileSystem {
  /// What a file that wasn't synced holds after the crash.
  enum Tear: CaseIterable { case nothing, half, zeros, all }

  /// The step, counted from 0, that fails; nil lets all succeed.
  var failingStep: Int?
  /// Whether the failing step still took effect before the power went.
  var failingStepHappens = false
  private(set) var steps: [String] = []
  /// Contents by file number, and which of them are synced.
  private var contents: [[UInt8]] = []
  private var synced: [Bool] = []
  /// Names as processes see them, and as the disk has them.
  private var seen: [String: Int] = [:]
  private var durable: [String: Int] = [:]

  /// The disk as the next start finds it. `namesArrived`: renames that weren't synced happened all the same.
  func afterCrash(_ tear: Tear, namesArrived: Bool) -> CrashingFiles {
    let next = CrashingFiles()
    next.contents = zip(contents, synced).map { content, synced in
      if synced || tear == .all { return content }
      switch tear {
      case .nothing: return []
      case .half: return Array(content.prefix(content.count / 2))
      default: return Array(repeating: 0, count: content.count)
      }
    }
    next.synced = contents.map { _ in true }
    next.durable = namesArrived ? seen : durable
    next.seen = next.durable
    return next
  }

  func createFolder(_ path: String) throws(FileFault) {}
  func lock(_ path: String) throws(FileFault) -> Bool { true }

  func read(_ path: String, bytesMax: Int) throws(FileFault) -> [UInt8]? { seen[path].map { contents[$0] } }

  func write(_ path: String, _ bytes: [UInt8]) throws(FileFault) {
    try step("write") {
      contents.append(bytes)
      synced.append(false)
      seen[path] = contents.count - 1
    }
  }

  func sync(_ path: String) throws(FileFault) {
    try step("sync") { if let number = seen[path] { synced[number] = true } }
  }

  func rename(_ path: String, to target: String) throws(FileFault) {
    try step("rename") {
      seen[target] = seen[path]
      seen[path] = nil
    }
  }

  func syncFolder(_ path: String) throws(FileFault) {
    try step("syncFolder") { durable = seen }
  }

  private func step(_ name: String, _ effect: () -> Void) throws(FileFault) {
    steps.append(name)
    if let failingStep, steps.count > failingStep {
      if steps.count == failingStep + 1, failingStepHappens { effect() }
      throw FileFault(reason: "\(name): No space left on device")
    }
    effect()
  }
}
