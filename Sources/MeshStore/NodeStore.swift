import MeshBasics
import MeshEngine
import MeshWire

/// The files under `mesh:dataDir`: `epoch` and `known-peers`, and `lock`, which keeps a second node out.
///
/// For one thread at a time, in practice the node's disk thread. The lock is the process's and ends with it, also by
/// SIGKILL; a second node of the same process is kept out as well.
public final class NodeStore: @unchecked Sendable {
  private let folder: String
  private let files: any FileSystem
  private let epoch: SmallFile
  private let knownPeers: SmallFile
  /// The first write of each file that failed. That file isn't written after it, because what the disk then holds of it
  /// is unknown; the other one is, because a hint that can't be written is no reason to lose the epoch.
  private var epochFailure: StoreError?
  private var knownPeersFailure: StoreError?

  /// Opens the folder at `directory` and takes its lock; creates it and missing parents, mode 0700.
  ///
  /// Errors name the path and the cause: no permission, not a folder, in use by another node.
  public convenience init(directory: String) throws(StoreError) {
    try self.init(directory: directory, files: LinuxFiles())
  }

  /// The same on another file system.
  init(directory: String, files: any FileSystem) throws(StoreError) {
    guard !directory.isEmpty, !directory.utf8.contains(0) else {
      throw StoreError("the data folder's path is empty or holds a NUL")
    }
    let lock = "\(directory)/lock"
    do throws(FileFault) {
      try files.createFolder(directory)
      guard try files.lock(lock) else { throw FileFault(reason: "another node uses it") }
    } catch {
      throw StoreError("the data folder \(directory) can't be used: \(error.reason)")
    }
    folder = directory
    self.files = files
    epoch = SmallFile(path: "\(directory)/epoch", kind: "EPCH", contentMax: 8)
    knownPeers = SmallFile(path: "\(directory)/known-peers", kind: "PEER", contentMax: KnownPeersFile.bytesMax)
  }

  /// Why a node could not use the folder at `directory`, as far as looking tells: nothing is created, locked or read.
  /// Nil where nothing is in the way, also where the folder is still to be created.
  public static func obstacle(to directory: String) -> StoreError? {
    LinuxFiles.obstacle(to: directory).map { StoreError("the data folder \(directory) can't be used: \($0)") }
  }

  /// Reads what earlier runs left; a first start finds nothing.
  ///
  /// A torn or rotten `known-peers` is set aside as `known-peers.rotten` and told in `notices`. A rotten `epoch` is an
  /// error, because a guess could let a restarted node speak with an old voice.
  public func load() throws(StoreError) -> (state: StoredState, notices: [String]) {
    var state = StoredState()
    state.epoch = try loadEpoch()
    guard let bytes = try read(knownPeers) else { return (state, []) }
    do throws(SmallFile.Rot) {
      state.knownPeers = try KnownPeersFile.decode(knownPeers.decode(bytes))
      return (state, [])
    } catch {
      return (state, [try setAside(error)])
    }
  }

  /// Makes a write durable: when it returns, neither SIGKILL nor a power cut takes it away.
  ///
  /// Of known peers, the first 4,096 are kept, up to 8 MiB.
  /// The first failure of a file is final: every later write of it throws it again.
  public func write(_ write: StoreWrite) throws(StoreError) {
    switch write {
    case .epoch(let number):
      var content: [UInt8] = []
      content.append(littleEndian: number, count: 8)
      try replace(epoch, content, unless: &epochFailure)
    case .knownPeers(let records):
      try replace(knownPeers, KnownPeersFile.encode(records), unless: &knownPeersFailure)
    }
  }

  private func loadEpoch() throws(StoreError) -> UInt64 {
    guard let bytes = try read(epoch) else { return 0 }
    do throws(SmallFile.Rot) {
      var reader = ByteReader(try epoch.decode(bytes))
      guard let number = reader.number(8), reader.isAtEnd else { throw SmallFile.Rot(reason: "it holds no epoch") }
      return number
    } catch {
      throw StoreError(
        "\(epoch.path) can't be read: \(error.reason); restore it, or move it away and give the node a new nodeId")
    }
  }

  private func read(_ file: SmallFile) throws(StoreError) -> [UInt8]? {
    do throws(FileFault) {
      return try files.read(file.path, bytesMax: file.fileMax)
    } catch {
      throw StoreError("\(file.path) can't be read: \(error.reason)")
    }
  }

  /// Moves a rotten file out of the way; answers the notice.
  private func setAside(_ rot: SmallFile.Rot) throws(StoreError) -> String {
    let aside = "\(knownPeers.path).rotten"
    do throws(FileFault) {
      try files.rename(knownPeers.path, to: aside)
      try files.syncFolder(folder)
    } catch {
      throw StoreError("\(knownPeers.path) can't be read (\(rot.reason)) nor set aside: \(error.reason)")
    }
    return "\(knownPeers.path) can't be read (\(rot.reason)); it was set aside as \(aside), "
      + "and the node starts from its seeds"
  }

  private func replace(
    _ file: SmallFile, _ content: [UInt8], unless failure: inout StoreError?
  ) throws(StoreError) {
    if let failure { throw failure }
    do throws(FileFault) {
      try file.replace(content, in: folder, on: files)
    } catch {
      let final = StoreError("\(file.path) can't be written: \(error.reason); it isn't tried again before a restart")
      failure = final
      throw final
    }
  }
}
