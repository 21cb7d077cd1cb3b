import MeshBasics
import MeshControl

/// A token that a caller comes back with, over HTTP as `after`, `Last-Event-ID` and `If-None-Match` and over gRPC. It
/// must be read the same way in all of them: either it goes on or it begins anew, and a second reader with the token
/// that the first one got goes on.
func fuzzWatchToken(_ bytes: [UInt8]) {
  guard let view = controlView(of: []) else { return }
  let text = String(decoding: bytes, as: UTF8.self)
  var request = ControlRequest(
    method: "GET", target: "/v1/members?watch=true", host: nil, origin: nil, contentType: nil,
    ifNoneMatch: text, lastEventID: text, body: [])
  let first = told(request, view)
  let token = id(in: first)
  guard !token.isEmpty else { found("a snapshot without a token: \(first.prefix(200))") }
  request.lastEventID = token
  let second = told(request, view)
  if second.contains("members.resync") || second.contains("members.snapshot") { found("\(token) begins anew") }
  request.target = "/v1/members"
  if Control.respond(to: request, view: view, metrics: { [] }, perform: { _ in .busy }).status / 100 > 4 {
    found("a page is an error of ours")
  }
}

/// All that a stream says until it waits.
private func told(_ request: ControlRequest, _ view: NodeView) -> String {
  let response = Control.respond(to: request, view: view, metrics: { [] }, perform: { _ in .busy })
  guard case .members(let watch)? = response.watch else { found("no stream: \(response.status)") }
  var stream = MembersWatchText(watch, localNodeID: view.localNodeID, life: 1)
  var text: [UInt8] = []
  for _ in 0..<16 {
    let clock = MemberClock(now: .origin, unixTicks: 0)
    guard case .bytes(let bytes) = stream.next(in: Unchanging(members: view.members), clock: clock) else { break }
    text += bytes
  }
  return String(decoding: text, as: UTF8.self)
}

/// The last `id` in events.
private func id(in text: String) -> String {
  text.split(separator: "\n").last { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) } ?? ""
}
