import MeshBasics

extension ConfigurationTable {
  /// Keys that OmniRelay has and that change nothing here. They are checked all the same, so that a typing error shows.
  static let accepted: [ConfigurationKey] = overlay + leadership

  private static let overlay: [ConfigurationKey] = [
    .accepted("mesh:gossip:adaptiveFanout", .boolean, default: "true", why: fixedDegree),
    .accepted("mesh:gossip:fanoutFloor", .integer(1...1_000_000), default: "3", why: fixedDegree),
    .accepted("mesh:gossip:fanoutCeiling", .integer(1...1_000_000), default: "32", why: fixedDegree),
    .accepted("mesh:gossip:fanoutCoefficient", .number(0...1_000_000), default: "1.5", why: fixedDegree),
    .accepted("mesh:gossip:maxOutboundPerRound", .integer(1...1_000_000), default: "20", why: fixedDegree),
    .accepted("mesh:gossip:activeViewSize", .integer(1...1_000_000), default: "16", why: fixedDegree),
    .accepted("mesh:gossip:passiveViewSize", .integer(1...1_000_000), default: "64", why: noShuffle),
    .accepted(
      "mesh:gossip:shuffleInterval", .duration(.milliseconds(1)...(.seconds(86_400))), default: "2s", why: noShuffle),
    .accepted("mesh:gossip:shuffleSampleSize", .integer(1...1_000_000), default: "10", why: noShuffle),
  ]

  private static let leadership: [ConfigurationKey] = [
    .accepted("mesh:leadership:enabled", .boolean, default: "true", why: noLeadership),
    .accepted(
      "mesh:leadership:leaseDuration", .duration(.seconds(1)...(.seconds(600))), default: "8s", why: noLeadership),
    .accepted(
      "mesh:leadership:renewalLeadTime", .duration(.seconds(1)...(.seconds(300))), default: "3s", why: noLeadership),
    .accepted(
      "mesh:leadership:evaluationInterval", .duration(.milliseconds(100)...(.seconds(10))), default: "750ms",
      why: noLeadership),
    .accepted(
      "mesh:leadership:maxElectionWindow", .duration(.seconds(1)...(.seconds(30))), default: "5s", why: noLeadership),
    .accepted(
      "mesh:leadership:electionBackoff", .duration(.milliseconds(100)...(.seconds(5))), default: "500ms",
      why: noLeadership),
    .accepted("mesh:leadership:nodeId", .name, default: "`mesh:gossip:nodeId`", why: noLeadership),
    .accepted("mesh:leadership:scopes", .anything, default: "none", why: noLeadership),
    .accepted("mesh:leadership:shards", .anything, default: "none", why: noLeadership),
  ]

  private static let fixedDegree = "A node watches `mesh:gossip:fanout` peers, however large the mesh is."
  private static let noShuffle = "Every node knows all members, so there is no partial view to shuffle."
  private static let noLeadership = "This version elects no leaders."
}
