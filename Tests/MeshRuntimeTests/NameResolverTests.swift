import Foundation
import MeshBasics
import MeshTransport
import Testing

@testable import MeshRuntime

/// A resolver whose names that start with `slow` are answered once `gate` opens.
private final class SlowNames: @unchecked Sendable {
  private let lock = NSLock()
  private let gate = DispatchSemaphore(value: 0)
  private var told: [String] = []
  private(set) var resolver: NameResolver!

  init() {
    resolver = NameResolver { [self] endpoint in
      if endpoint.host.hasPrefix("slow") {
        gate.wait()
        gate.signal()
      }
      return .failure(TransportError("no \(endpoint.host)"))
    } report: { [self] host, _ in
      lock.lock()
      told.append(host)
      lock.unlock()
    }
  }

  func open() { gate.signal() }

  var answered: [String] {
    lock.lock()
    defer { lock.unlock() }
    return told.sorted()
  }

  func ask(_ host: String, isSeed: Bool = false) throws -> Bool {
    resolver.lookUp(try #require(Endpoint(host: host, port: 1)), isSeed: isSeed)
  }
}

struct NameResolverTests {
  @Test func namesThatPeersAnnouncedDoNotHoldUpThoseOfSeeds() throws {
    let names = SlowNames()
    for number in 0..<20 { #expect(try names.ask("slow\(number)")) }
    #expect(try names.ask("quick", isSeed: true))
    try eventually("the seed's name is answered") { names.answered == ["quick"] }
    names.open()
    try eventually("all are answered") { names.answered.count == 21 }
  }

  @Test func aSlowNameDoesNotHoldUpOthersOfItsKind() throws {
    let names = SlowNames()
    for number in 1..<NameResolver.threadsMax { #expect(try names.ask("slow\(number)", isSeed: true)) }
    for number in 0..<5 { #expect(try names.ask("quick\(number)", isSeed: true)) }
    try eventually("the quick are answered") { names.answered == (0..<5).map { "quick\($0)" } }
    names.open()
    try eventually("all are answered") { names.answered.count == NameResolver.threadsMax + 4 }
    // The threads ended with their work, and new ones begin.
    #expect(try names.ask("again"))
    try eventually("another is answered") { names.answered.contains("again") }
  }

  @Test func whatWaitsHasALimit() throws {
    let names = SlowNames()
    let limit = NameResolver.threadsMax + NameResolver.waitingMax
    var accepted = 0
    // A thread takes its name a moment after it was begun, and makes room by that.
    try eventually("the threads are all busy") {
      while try names.ask("slow\(accepted)") { accepted += 1 }
      return accepted >= limit
    }
    #expect(try accepted == limit && !names.ask("slow"))
    names.resolver.stop()
    #expect(try !names.ask("quick", isSeed: true))
    names.open()
    try eventually("those at hand are answered") { names.answered.count == NameResolver.threadsMax }
  }
}
