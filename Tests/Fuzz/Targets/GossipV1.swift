import MeshBasics
import MeshGossipV1
import MeshWire

/// The body of a v1 request. What can be read must read the same once it is written, and a room must take it, as a
/// request and as the answer of a seed, and answer each request once.
func fuzzGossipV1(_ bytes: [UInt8]) {
  if let envelope = try? V1Envelope.read(bytes) {
    var again = envelope
    again.refusals = []
    if (try? V1Envelope.read(envelope.encoded())) != again { found("an envelope changed on its way") }
  }
  guard let node = NodeID("kit"), let home = Endpoint(parsing: "kit:17421"),
    let seed = Endpoint(parsing: "mesh-a:17421")
  else { return }
  var configuration = GossipV1Configuration(nodeID: node, endpoint: home, metadata: NodeMetadata())
  configuration.seeds = [seed]
  var room = GossipV1(configuration: configuration, seed: 1)
  var effects = GossipV1Effects()
  var now = Instant.origin + .seconds(1)
  func give(_ input: GossipV1Input) { room.handle(input, now: now, unixTicks: 0, into: &effects) }
  give(.started)
  for (number, path) in ["/mesh/gossip/v1/messages", "/mesh/gossip/v1/shuffle"].enumerated() {
    let call = V1Call(method: "POST", path: path, contentType: "application/json", body: bytes)
    give(.called(RequestID(rawValue: UInt64(number)), call, identity: nil))
    let reply = V1Reply(status: 200, path: path, body: bytes)
    give(.replied(ExchangeID(rawValue: UInt64(number) + 1), reply, identity: nil))
  }
  for _ in 0..<64 {
    guard let due = room.nextDeadline else { break }
    now = max(now, due)
    give(.deadlineReached)
  }
  let answers = effects.list.reduce(0) { if case .answer = $1 { $0 + 1 } else { $0 } }
  if answers != 2 { found("\(answers) answers to two requests") }
}
