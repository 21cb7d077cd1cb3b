import MeshEngine
import Testing

@testable import MeshStore

struct CrashTests {
  private static let writes: [StoreWrite] = [
    .epoch(1), .knownPeers([peer(1)]), .epoch(2), .knownPeers([peer(1), peer(2)]), .epoch(3),
  ]

  @Test(arguments: 0...20, CrashingFiles.Tear.allCases)
  func aCrashAtAnyStepLosesNothingAcknowledged(_ step: Int, _ tear: CrashingFiles.Tear) throws {
    for (happens, arrived) in [(false, false), (false, true), (true, false), (true, true)] {
      let disk = CrashingFiles()
      disk.failingStep = step
      disk.failingStepHappens = happens
      let store = try NodeStore(directory: "/d", files: disk)
      var acknowledged = StoredState()
      var possible = StoredState()
      for write in CrashTests.writes {
        apply(write, to: &possible)
        guard failure({ () throws(StoreError) in try store.write(write) }) == nil else { break }
        acknowledged = possible
      }
      let found = try NodeStore(directory: "/d", files: disk.afterCrash(tear, namesArrived: arrived)).load()
      #expect(found.notices == [])
      #expect(found.state == acknowledged || found.state == possible)
    }
  }

  @Test func everyWriteTakesFourSteps() throws {
    let disk = CrashingFiles()
    try NodeStore(directory: "/d", files: disk).write(.epoch(1))
    #expect(disk.steps == ["write", "sync", "rename", "syncFolder"])
  }

  @Test func aFailedWriteIsFinalForItsFile() throws {
    let disk = CrashingFiles()
    disk.failingStep = 1
    let store = try NodeStore(directory: "/d", files: disk)
    let first = failure { () throws(StoreError) in try store.write(.epoch(1)) }
    disk.failingStep = nil
    let second = failure { () throws(StoreError) in try store.write(.epoch(2)) }
    #expect(first != nil && first == second)
    #expect(first?.description.contains("/d/epoch") == true)
    #expect(first?.description.contains("No space left on device") == true)
    #expect(disk.steps.count == 2)
  }

  /// Known peers are a hint; without the epoch a node must stop.
  @Test(arguments: 0..<4) func afterAFailedWriteOfKnownPeersTheEpochIsStillWritten(_ step: Int) throws {
    let disk = CrashingFiles()
    disk.failingStep = step
    let store = try NodeStore(directory: "/d", files: disk)
    let first = failure { () throws(StoreError) in try store.write(.knownPeers([peer(1)])) }
    disk.failingStep = nil
    #expect(failure { () throws(StoreError) in try store.write(.epoch(7)) } == nil)
    let again = failure { () throws(StoreError) in try store.write(.knownPeers([peer(2)])) }
    #expect(first != nil && first == again)
    let found = try NodeStore(directory: "/d", files: disk.afterCrash(.nothing, namesArrived: false)).load()
    #expect(found.state.epoch == 7)
  }

  private func apply(_ write: StoreWrite, to state: inout StoredState) {
    switch write {
    case .epoch(let number): state.epoch = number
    case .knownPeers(let peers): state.knownPeers = peers
    }
  }
}
