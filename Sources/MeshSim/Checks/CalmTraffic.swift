import MeshBasics
import MeshEngine

/// A mesh in which nothing happens says no more than its probes and their answers, and does so soon after it has
/// agreed.
struct CalmTraffic {
  static let name = "calm traffic"
  /// How long a mesh that agrees may still have things to say.
  static let patience = Duration.seconds(30)

  /// What a message has on average at most: a probe is no larger.
  static let messageBytes = 64.0
  /// The same in a large mesh, whose queues of news take minutes to empty onto probes: 800 may ride on one.
  static let messageBytesInLargeRuns = 800.0

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
  /// each node, a tenth more because rounds differ and clocks run fast, and one message for links that are chosen and
  /// given back. A hello is as large as its node's metadata; all else is small.
  func isQuiet(at now: Instant, _ traffic: Traffic, nodes: Int, _ configuration: EngineConfiguration) -> Bool {
    let sent = traffic.since(before)
    let span = Double(now.since(since).milliseconds) / Double(configuration.membership.interval.milliseconds)
    let turns = (span + 1) * Double(nodes)
    let probes = 2 * Double(configuration.membership.fanout &+ 1)
    let messages = turns * (probes * 1.1 + 1)
    let isLarge = nodes > SimulationOptions.smallNodesMax
    let bytes = messages * (isLarge ? CalmTraffic.messageBytesInLargeRuns : CalmTraffic.messageBytes)
    return Double(sent.messages) <= messages && Double(sent.hellos) <= turns
      && Double(sent.bytes &- sent.helloBytes) <= bytes
  }

  /// What was sent, in words.
  func words(at now: Instant, _ traffic: Traffic, nodes: Int) -> String {
    let sent = traffic.since(before)
    return
      "\(sent.messages) messages and \(sent.bytes) bytes, \(sent.hellos) and \(sent.helloBytes) of them hellos, of "
      + "\(nodes) nodes in \(now.since(since).milliseconds) ms"
  }
}
