import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

struct MergeTests {
  private let states = MemberState.allCases

  private func version(_ incarnation: UInt32, _ state: MemberState, epoch: UInt64 = 5) -> Version {
    Version(epoch: epoch, incarnation: incarnation, state: state)
  }

  @Test func greaterIncarnationWinsUnlessAGoodbyeEndedTheEpoch() {
    for claimed in states {
      for known in states {
        let wins = version(2, claimed).supersedes(version(1, known))
        #expect(wins == (known != .left || claimed == .left), "\(claimed) over \(known)")
      }
    }
  }

  @Test func equalIncarnationIsOrderedByState() {
    for claimed in states {
      for known in states {
        #expect(version(1, claimed).supersedes(version(1, known)) == (claimed > known), "\(claimed) over \(known)")
      }
    }
  }

  /// Also a goodbye: a true one is greater than all that its owner said before.
  @Test func olderIncarnationAlwaysLoses() {
    for claimed in states {
      for known in states {
        #expect(!version(1, claimed).supersedes(version(2, known)), "\(claimed) over \(known)")
      }
    }
  }

  @Test func greaterEpochWinsWhateverTheState() {
    for claimed in states {
      for known in states {
        #expect(version(0, claimed, epoch: 6).supersedes(version(9, known)))
        #expect(!version(9, claimed).supersedes(version(0, known, epoch: 6)))
      }
    }
  }

  @Test func hearsayMayNotLeapAheadOfTheOwner() throws {
    let guardian = PoisonGuard(unixMilliseconds: 1000)
    let known = Member(
      try id("b"), version: version(10, .alive), metadata: Shared(NodeMetadata()), evidence: .origin)
    var record = MemberRecord()
    record.nodeID = "b"
    record.epoch = 1000 + MembershipLimits.epochAheadMaxMilliseconds
    #expect(guardian.refusal(of: record, known: nil) == nil)
    record.epoch += 1
    #expect(guardian.refusal(of: record, known: nil) != nil)
    record.epoch = 5
    record.incarnation = 10 + MembershipLimits.incarnationJumpMax
    #expect(guardian.refusal(of: record, known: known) == nil)
    record.incarnation += 1
    #expect(guardian.refusal(of: record, known: known) != nil)
  }
}
