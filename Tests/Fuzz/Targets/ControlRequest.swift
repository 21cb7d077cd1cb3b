import MeshBasics
import MeshControl

/// Four lines: method, target, Host and Origin (an empty line is an absent field), against an empty node.
func fuzzControlRequest(_ bytes: [UInt8]) {
  guard let node = NodeID("fuzz") else { return }
  let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 3, omittingEmptySubsequences: false)
    .map { String(decoding: $0, as: UTF8.self) }
  func line(_ index: Int) -> String { index < lines.count ? lines[index] : "" }
  // An even count of bytes is a caller that may do everything.
  let view = NodeView(
    localNodeID: node, members: [], now: .origin, unixTicks: Int64(bytes.count), isLeaving: false, notReady: [],
    scopes: bytes.count % 2 == 0 ? [.read, .observe, .operate] : [.read, .observe], activeRequests: 0)
  let request = ControlRequest(
    method: line(0), target: line(1), host: line(2).isEmpty ? nil : line(2), origin: line(3).isEmpty ? nil : line(3),
    body: [])
  _ = Control.respond(to: request, view: view, metrics: { [] }, perform: { _ in .accepted })
}
