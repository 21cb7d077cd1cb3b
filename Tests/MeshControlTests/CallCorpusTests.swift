import Foundation
import MeshBasics
import MeshMembership
import Testing

@testable import MeshControl

private func seeds(_ folder: String) throws -> [String: [UInt8]] {
  let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/corpus/\(folder)")
  var seeds: [String: [UInt8]] = [:]
  for name in try FileManager.default.contentsOfDirectory(atPath: path.path) {
    seeds[name] = Array(try Data(contentsOf: path.appendingPathComponent(name)))
  }
  return seeds
}

/// No members, and nothing happens to them.
private struct Nobody: WatchedResource {
  func items() -> (items: WatchedItems<MemberView>, revision: UInt64) { (WatchedItems([]), 1) }
  func place(after revision: UInt64) -> UInt64? { revision == 1 ? 0 : nil }
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<MemberView>.Change]? { place == 0 ? [] : nil }
}

@Test func hostileMessagesEndTheirCallsWithAStatusOrAreAnswered() throws {
  let view = NodeView(
    localNodeID: try #require(NodeID("a")), members: [], clock: MemberClock(now: .origin, unixTicks: 0),
    isLeaving: false, notReady: [], scopes: [.read, .observe], activeRequests: 0, life: 1)
  let world = RPCWorld(view: { view }, members: Nobody(), clock: view.clock)
  // The status, or what goes on; all others end with 0.
  let expected = [
    "list-cursor": 3, "list-labels": 3, "list-twice": 13, "list-none": 13, "list-field-cut": 3,
    "list-endless-number": 3,
    "list-no-utf8": 3, "list-group": 3, "list-deep": 3, "list-long-length": 3, "list-field-zero": 3,
    "list-wrong-type": 3, "check-unknown": 5, "check-no-utf8": 3, "watch-after-long": 3, "none": 12, "no-path": 12,
    "no-slash": 12, "watch": -1, "watch-after": -1, "watch-after-odd": -1, "watch-filter": -1, "health-watch": -1,
    "health-watch-unknown": -1,
  ]
  for (name, seed) in try seeds("control-call") {
    #expect(status(seed, view, world) == expected[name] ?? 0, "\(name)")
  }
}

/// The status that a call ends with; -1 for one that goes on.
private func status(_ seed: [UInt8], _ view: NodeView, _ world: RPCWorld) -> Int {
  let path = seed.prefix { $0 != UInt8(ascii: "\n") }
  var rest = seed.dropFirst(path.count + 1)
  do throws(RPCStatus) {
    var call = try ControlCall(path: String(decoding: path, as: UTF8.self), view: view)
    while rest.count >= 2 {
      let message = rest.dropFirst(2).prefix(Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1]))
      rest = rest.dropFirst(2 + message.count)
      while !call.wantsMessage, case .message = call.next(world) {}
      call.received(Array(message), world)
    }
    call.ended()
    while true {
      switch call.next(world) {
      case .message: continue
      case .nothing: return -1
      case .end(let status): return status.code
      }
    }
  } catch {
    return error.code
  }
}

@Test func hostileTokensAreReadOrAreLikeThoseThatAreTooOld() throws {
  let good: [String: WatchToken] = [
    "good": WatchToken(life: 1, revision: 1), "etag": WatchToken(life: 1, revision: 1),
    "with-filter": WatchToken(life: 1, revision: 1, filter: 0), "other-life": WatchToken(life: 2, revision: 1),
    "other-filter": WatchToken(life: 1, revision: 1, filter: 1_679_615), "upper": WatchToken(life: 10, revision: 35),
    "largest": WatchToken(life: .max, revision: .max),
  ]
  for (name, seed) in try seeds("watch-token") {
    let token = WatchToken(String(decoding: seed, as: UTF8.self))
    #expect(token == good[name], "\(name)")
    if let token { #expect(WatchToken(token.text) == token, "\(name)") }
  }
}
