import MeshBasics
import Testing

@testable import MeshTransport

/// Makes texts of generations, but for those that can't be used, and counts.
private final class Maker {
  private var credential = RenewedCredential("1", of: 1)
  var unusable: Set<UInt64> = []
  private(set) var attempts = 0
  private(set) var reports = 0

  func current(_ generation: UInt64, _ now: Instant) -> String {
    credential.current(
      generation, now,
      make: { () throws(TransportError) in
        attempts += 1
        if unusable.contains(generation) { throw TransportError("no") }
        return "\(generation)"
      }, report: { _ in reports += 1 })
  }
}

private let start = Instant(nanoseconds: 1_000)

@Test func aCredentialIsMadeOnceForEachGeneration() {
  let maker = Maker()
  for generation in [UInt64(1), 1, 2, 2] { #expect(maker.current(generation, start) == "\(generation)") }
  #expect(maker.attempts == 1 && maker.reports == 0)
}

@Test func aCredentialThatCameToNothingIsTriedAgainAfterAWhileAndANewerOneAtOnce() {
  let maker = Maker()
  maker.unusable = [3]
  #expect(maker.current(2, start) == "2")
  #expect(maker.current(3, start) == "2" && maker.attempts == 2 && maker.reports == 1)
  let end = start + RenewedCredential<String>.patience
  #expect(maker.current(3, end + .milliseconds(-1)) == "2" && maker.attempts == 2)
  #expect(maker.current(3, end) == "2" && maker.attempts == 3 && maker.reports == 2)
  #expect(maker.current(4, end) == "4" && maker.reports == 2)
}
