import MeshBasics
import Testing

@testable import MeshTransport

@Test func aCredentialThatCameToNothingIsTriedAgainAfterAWhileAndANewerOneAtOnce() {
  var unusable = UnusableCredential()
  let start = Instant(nanoseconds: 1_000)
  #expect(!unusable.isTried(3, start))
  unusable.note(3, start)
  #expect(unusable.isTried(3, start) && !unusable.isTried(4, start))
  let end = start + UnusableCredential.patience
  #expect(unusable.isTried(3, end + .milliseconds(-1)) && !unusable.isTried(3, end))
}
