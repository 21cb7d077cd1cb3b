import MeshBasics
import MeshControl
import MeshMembership
import MeshWire

/// A call of the control plane: a line with its path, then its messages, each after two bytes of length. Every method
/// must answer or end with a status of gRPC, and hold no more than it was given.
func fuzzControlCall(_ bytes: [UInt8]) {
  guard let view = controlView(of: bytes) else { return }
  let world = RPCWorld(
    view: { view }, members: Unchanging(members: view.members), clock: MemberClock(now: .origin, unixTicks: 0))
  let path = bytes.prefix { $0 != UInt8(ascii: "\n") }
  do throws(RPCStatus) {
    var call = try ControlCall(path: String(decoding: path, as: UTF8.self), view: view)
    var rest = bytes.dropFirst(path.count + 1)
    var answers = 0
    while rest.count >= 2 {
      let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
      let message = rest.dropFirst(2).prefix(length)
      rest = rest.dropFirst(2 + message.count)
      if call.wantsMessage {
        call.received(Array(message), world)
      } else if take(&call, world, &answers) {
        return
      }
      if call.heldBytes > 64 * (bytes.count + 16_384) { found("\(call.heldBytes) bytes held of \(bytes.count)") }
    }
    call.ended()
    for _ in 0..<64 where !take(&call, world, &answers) {}
  } catch {
    check(error)
  }
}

/// Asks for what comes next; true when it was the end.
private func take(_ call: inout ControlCall, _ world: RPCWorld, _ answers: inout Int) -> Bool {
  switch call.next(world) {
  case .message:
    answers += 1
    return false
  case .nothing: return false
  case .end(let status):
    check(status)
    return true
  }
}

private func check(_ status: RPCStatus) {
  if !(0...16).contains(status.code) { found("the status \(status.code)") }
  if status.reason.isEmpty != status.metadata.entries.isEmpty { found("a reason that is not told") }
}
