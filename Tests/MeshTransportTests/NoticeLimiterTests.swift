import MeshBasics
import Testing

@testable import MeshTransport

@Test func droppedDatagramsAreToldByReasonAtMostOncePerSecond() {
  var notices = NoticeLimiter()
  var told: [String] = []
  func report(_ seconds: Int64) {
    notices.report(.origin + .seconds(seconds)) {
      if case .datagramsDropped(let count, let reason) = $0 { told.append("\(count) \(reason)") }
    }
  }
  for reason in ["a", "b", "a"] { notices.datagramDropped(reason) }
  report(10)
  #expect(told == ["2 a", "1 b"])
  notices.datagramDropped("b")
  report(10)
  #expect(told.count == 2)
  #expect(notices.nextReport == .origin + .seconds(11))
  report(11)
  #expect(told == ["2 a", "1 b", "1 b"])
  report(12)
  #expect(told.count == 3 && notices.nextReport == nil)
}
