import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

/// What links leave behind in their process. Suites of this name run one after another in a process of their own
/// (`make unit`), because they count what belongs to the process as a whole.
@Suite(.serialized) struct ProcessTests {
  @Test func twoHundredLinksComeAndGoWithoutALeakOfDescriptorsOrConnections() throws {
    let mesh = try TestMesh()
    let before = try FileList("/proc/self/fd").names.count
    do {
      let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
      for number in 1...200 {
        let dialed = try one.dial(two.address)
        _ = try one.waitOpened(dialed)
        one.post(.close(dialed, reason: "test"))
        #expect(try one.waitClosed(dialed) == .closed)
        #expect(try two.waitClosed(.accepted(UInt64(number))) == .closed)
      }
      try one.stop()
      try two.stop()
      #expect(one.statistic("connections") == 0 && two.statistic("connections") == 0)
      #expect(one.statistic("links") == 0 && two.statistic("links") == 0)
      #expect(one.statistic("linksOpened") == 200 && two.statistic("linksOpened") == 200)
    }
    // The last references go with the link threads, which end a moment after their transports have stopped.
    let deadline = MonotonicClock.now() + .seconds(20)
    while try FileList("/proc/self/fd").names.count > before, MonotonicClock.now() < deadline { usleep(20_000) }
    #expect(try FileList("/proc/self/fd").names.count <= before)
  }
}
