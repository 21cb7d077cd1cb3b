import Glibc
import MeshBasics
import MeshEngine
import MeshWire
import Testing

@testable import MeshStore

struct NodeStoreTests {
  private let root = TemporaryFolder()
  private var folder: String { "\(root.path)/data" }

  @Test func aFirstStartFindsNothing() throws {
    let found = try NodeStore(directory: folder).load()
    #expect(found.state == StoredState() && found.notices == [])
  }

  @Test func theNextStartFindsWhatWasWritten() throws {
    do {
      let store = try NodeStore(directory: folder)
      try store.write(.epoch(7))
      try store.write(.epoch(UInt64.max))
      try store.write(.knownPeers([peer(1), peer(2, label: "v")]))
    }
    let found = try NodeStore(directory: folder).load()
    #expect(found.state.epoch == .max && found.state.knownPeers == [peer(1), peer(2, label: "v")])
  }

  @Test func theFolderAndItsFilesAreTheOwnersAlone() throws {
    let store = try NodeStore(directory: folder)
    try store.write(.epoch(1))
    try store.write(.knownPeers([]))
    #expect(mode(folder) == 0o700)
    #expect(names(in: folder) == ["epoch", "known-peers", "lock"])
    for name in names(in: folder) { #expect(mode("\(folder)/\(name)") == 0o600) }
  }

  @Test func missingParentsAreCreated() throws {
    _ = try NodeStore(directory: "\(folder)/deep/")
    #expect(mode(folder) == 0o700)
    #expect(mode("\(folder)/deep") == 0o700)
    remove("\(folder)/deep/lock")
  }

  @Test func aSecondNodeIsKeptOutUntilTheFirstIsGone() throws {
    var first: NodeStore? = try NodeStore(directory: folder)
    let refusal = failure { () throws(StoreError) in _ = try NodeStore(directory: folder) }
    #expect(refusal?.description.contains(folder) == true)
    #expect(refusal?.description.contains("another node uses it") == true)
    #expect(first != nil)
    first = nil
    #expect(failure { () throws(StoreError) in _ = try NodeStore(directory: folder) } == nil)
  }

  @Test(arguments: ["", "/proc/none/data", "/dev/null/data", "a\0b"])
  func aFolderThatCannotBeIsNamed(_ path: String) {
    let refusal = failure { () throws(StoreError) in _ = try NodeStore(directory: path) }
    #expect(refusal != nil)
    if path.hasPrefix("/") { #expect(refusal?.description.contains(path) == true) }
  }

  @Test func aFileInPlaceOfTheFolderIsRefused() throws {
    try LinuxFiles().write(folder, [1])
    let refusal = failure { () throws(StoreError) in _ = try NodeStore(directory: folder) }
    #expect(refusal?.description.contains("not a folder") == true)
  }

  @Test func whatIsInTheWayOfAFolderIsToldWithoutMakingIt() throws {
    #expect(NodeStore.obstacle(to: "\(folder)/deep/deeper/") == nil)
    #expect(names(in: root.path) == [])
    try LinuxFiles().write(folder, [1])
    let refusal = NodeStore.obstacle(to: "\(folder)/deep")
    #expect(refusal?.description.hasPrefix("the data folder \(folder)/deep can't be used: ") == true)
    #expect(NodeStore.obstacle(to: folder)?.description.hasSuffix("\(folder) is not a folder") == true)
    #expect(NodeStore.obstacle(to: ".") == nil)
  }

  @Test func aLinkInPlaceOfAFileIsNotFollowed() throws {
    let store = try NodeStore(directory: folder)
    symlink("/etc/hostname", "\(folder)/epoch.tmp")
    let refusal = failure { () throws(StoreError) in try store.write(.epoch(1)) }
    #expect(refusal?.description.contains("epoch") == true)
  }

  @Test func rottenKnownPeersAreSetAsideWithANotice() throws {
    let store = try NodeStore(directory: folder)
    try store.write(.epoch(3))
    try LinuxFiles().write("\(folder)/known-peers", Array("rot".utf8))
    let found = try store.load()
    #expect(found.state.epoch == 3 && found.state.knownPeers == [])
    #expect(found.notices.count == 1 && found.notices[0].contains("known-peers.rotten"))
    #expect(names(in: folder).contains("known-peers.rotten"))
    #expect(try store.load().notices == [])
    try store.write(.knownPeers([peer(1)]))
    #expect(try store.load().state.knownPeers == [peer(1)])
  }

  @Test func aRottenEpochIsAnError() throws {
    let store = try NodeStore(directory: folder)
    try store.write(.epoch(3))
    let path = "\(folder)/epoch"
    let good = try #require(try LinuxFiles().read(path, bytesMax: 100))
    for position in good.indices {
      var rotten = good
      rotten[position] ^= 0x10
      try LinuxFiles().write(path, rotten)
      #expect(failure { () throws(StoreError) in _ = try store.load() }?.description.contains(path) == true)
    }
    for length in good.indices {
      try LinuxFiles().write(path, Array(good.prefix(length)))
      #expect(failure { () throws(StoreError) in _ = try store.load() } != nil)
    }
    try LinuxFiles().write(path, good + [0])
    #expect(failure { () throws(StoreError) in _ = try store.load() } != nil)
  }

  @Test func knownPeersHaveLimits() throws {
    #expect(try KnownPeersFile.decode(KnownPeersFile.encode((0..<4_096).map { peer($0) })).count == 4_096)
    #expect(try KnownPeersFile.decode(KnownPeersFile.encode((0..<4_097).map { peer($0) })).count == 4_096)
    var content: [UInt8] = []
    content.append(littleEndian: 4_097, count: 4)
    #expect(throws: SmallFile.Rot.self) { try KnownPeersFile.decode(content) }
    let large = (0..<4_096).map { peer($0, label: String(repeating: "v", count: 4_000)) }
    let bytes = KnownPeersFile.encode(large)
    #expect(bytes.count <= 8 << 20)
    #expect(try KnownPeersFile.decode(bytes).count < 4_096)
  }

  @Test func aFileOverTheLimitIsRotten() throws {
    let store = try NodeStore(directory: folder)
    try LinuxFiles().write("\(folder)/known-peers", Array(repeating: 0, count: (8 << 20) + 33))
    #expect(try store.load().notices.count == 1)
  }

  @Test func hostileFilesNeverTrap() throws {
    let files = LinuxFiles()
    let corpus = String(#filePath.dropLast("MeshStoreTests/NodeStoreTests.swift".count)) + "Fixtures/corpus"
    var random = SeededRandom(seed: 4)
    var good = 0
    for kind in ["known-peers", "epoch"] {
      let file = SmallFile(path: kind, kind: kind == "epoch" ? "EPCH" : "PEER", contentMax: KnownPeersFile.bytesMax)
      for name in names(in: "\(corpus)/\(kind)") {
        let bytes = try #require(try files.read("\(corpus)/\(kind)/\(name)", bytesMax: 1 << 20))
        let decoded = try? file.decode(bytes)
        if name.hasPrefix("good") { good += decoded == nil ? 0 : 1 }
        for _ in 0..<600 {
          var mutated = bytes + Array(repeating: 0, count: Int(random.below(8)))
          for _ in 0...random.below(4) where !mutated.isEmpty {
            mutated[Int(random.below(UInt64(mutated.count)))] = UInt8(random.below(256))
          }
          _ = try? file.decode(mutated)
          _ = try? KnownPeersFile.decode(mutated)
          _ = try? KnownPeersFile.decode(Array(mutated.dropFirst(24)))
        }
      }
    }
    #expect(good == 2)
  }
}
