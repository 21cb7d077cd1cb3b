import MeshBasics
import MeshControl
import Testing

@testable import MeshRuntime

@Test func onePrincipalHasHalfOfTheWatchesAndCallersWithoutANameHaveTheRest() {
  let feed = MembersFeed(
    snapshots: SnapshotCell(MembersSnapshot(members: [], revision: 0, unixNanoseconds: 0, published: .origin)))
  let (all, own) = (WatchLimits.watchesMax, WatchLimits.watchesPerPrincipalMax)
  for _ in 0..<own {
    #expect(feed.hasRoom(for: "anna"))
    feed.opened(by: "anna")
  }
  #expect(!feed.hasRoom(for: "anna") && feed.hasRoom(for: "bert") && feed.hasRoom(for: nil))
  for _ in own..<all { feed.opened(by: nil) }
  #expect(!feed.hasRoom(for: "bert") && !feed.hasRoom(for: nil) && feed.watches == all)
  feed.closed(by: "anna")
  #expect(feed.hasRoom(for: "anna") && feed.hasRoom(for: nil))
  for _ in 1..<own { feed.closed(by: "anna") }
  for _ in own..<all { feed.closed(by: nil) }
  #expect(feed.watches == 0)
}
