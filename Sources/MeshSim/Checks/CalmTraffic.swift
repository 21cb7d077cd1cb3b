import MeshBasics
import MeshEngine

/// A mesh in which nothing happens says no more than its probes and their answers, and does so soon after it has
/// agreed.
struct CalmTraffic {
  static let name = "calm traffic"
  /// How long a mesh that agrees may still have things to say.
  static let patience = Duration.seconds(30)

  private var since = Instant.distantFuture
  private var before = Traffic()

  /// The mesh agrees now, or again.
  mutating func begin(at now: Instant, _ traffic: Traffic) {
    since = now
    before = traffic
  }

  /// Whether `begin` lies `span` back.
  func lasts(at now: Instant, _ span: Duration) -> Bool { now.since(since) >= span }

  /// Whether what was sent since `begin` is within bounds: in each interval, `fanout` + 1 pings and as many answers for
  /// each node, a tenth more because rounds differ and clocks run fast, and a few messages for links that are chosen
  /// and given back; in bytes, 64 for each, but 800 in a large mesh, whose queues of news take minutes to empty onto
  /// probes.
  func isQuiet(at now: Instant, _ traffic: Traffic, nodes: Int, _ configuration: EngineConfiguration) -> Bool {
    let intervals = Double(now.since(since).milliseconds) / Double(configuration.membership.interval.milliseconds)
    let probes = 2 * Double(configuration.membership.fanout &+ 1)
    let messages = (intervals + 1) * (probes * 1.1 + 1) * Double(nodes)
    let bytes = messages * (nodes <= SimulationOptions.smallNodesMax ? 64 : 800)
    return Double(traffic.messages &- before.messages) <= messages && Double(traffic.bytes &- before.bytes) <= bytes
  }

  /// What was sent, in words.
  func words(at now: Instant, _ traffic: Traffic, nodes: Int) -> String {
    "\(traffic.messages &- before.messages) messages and \(traffic.bytes &- before.bytes) bytes of \(nodes) nodes in "
      + "\(now.since(since).milliseconds) ms"
  }
}
