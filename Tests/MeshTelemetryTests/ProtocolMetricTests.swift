import MeshBasics
import MeshThreads
import Testing

@testable import MeshTelemetry

private func lines(_ telemetry: Telemetry) -> [String] {
  String(decoding: telemetry.prometheusText(), as: UTF8.self).split(separator: "\n").map(String.init)
}

@Test func theProtocolsFiguresHaveAMetricEach() throws {
  let telemetry = Telemetry()
  let peer = try #require(NodeID("b"))
  for observation: Observation in [
    .membersCounted(alive: 9, suspect: 1, left: 4), .linksCounted(6), .newsQueued(7), .healthChanged(3),
    .isolated(true), .convergenceMeasured(.milliseconds(12)), .newsSpread(peers: 3),
    .messageSent(kind: "ping", bytes: 30), .messageSent(kind: "ping", bytes: 12),
    .messageReceived(kind: "news", bytes: 100), .probeRelayed(peer: peer), .probeReached(peer: peer, path: "relay"),
    .falseSuspicion(peer: peer), .pauseDetected(.seconds(3)), .duplicateNode(node: peer, detail: "d"),
    .memberRemoved(peer, by: "a"), .syncFinished(records: 5), .broadcastDelivered,
    .broadcastDropped(reason: "too old"), .linkDoubted(peer: "b"),
  ] { _ = telemetry.record(observation) }
  let text = lines(telemetry)
  for line in [
    #"mesh_gossip_view_size{mesh_status="active"} 6"#, #"mesh_gossip_view_size{mesh_status="passive"} 3"#,
    "mesh_gossip_links 6", "mesh_gossip_news_queue_depth 7", "mesh_gossip_health_multiplier 3",
    "mesh_gossip_isolated 1", #"mesh_gossip_convergence_seconds_bucket{le="0.01"} 0"#,
    #"mesh_gossip_convergence_seconds_bucket{le="0.025"} 1"#, "mesh_gossip_convergence_seconds_count 1",
    #"mesh_gossip_fanout_bucket{le="2"} 0"#, #"mesh_gossip_fanout_bucket{le="3"} 1"#, "mesh_gossip_fanout_sum 3",
    #"mesh_gossip_message_bytes_total{mesh_kind="ping",mesh_direction="outbound"} 42"#,
    #"mesh_gossip_message_bytes_total{mesh_kind="news",mesh_direction="inbound"} 100"#,
    #"mesh_gossip_messages_total{mesh_direction="outbound",mesh_outcome="success"} 2"#,
    "mesh_gossip_probes_relayed_total 1", #"mesh_gossip_probes_reached_total{path="direct"} 0"#,
    #"mesh_gossip_probes_reached_total{path="relay"} 1"#, "mesh_gossip_false_suspicions_total 1",
    "mesh_gossip_pauses_total 1", "mesh_gossip_duplicates_total 1", "mesh_gossip_removals_total 1",
    "mesh_gossip_syncs_total 1", "mesh_gossip_sync_records_total 5", "mesh_broadcasts_delivered_total 1",
    #"mesh_broadcasts_dropped_total{reason="too old"} 1"#, "mesh_link_doubts_total 1",
  ] {
    #expect(text.contains(line), "\(line)")
  }
  _ = telemetry.record(.isolated(false))
  #expect(lines(telemetry).contains("mesh_gossip_isolated 0"))
}

@Test func aLimitCountsEveryTimeThatItWasReachedAndTethersAreFigures() throws {
  let telemetry = Telemetry()
  let record = try #require(telemetry.record(.limitReached("connections", count: 41)))
  #expect(record.fields == [LogField("Limit", "connections"), LogField("PeerId", ""), LogField("Count", "41")])
  #expect(record.message == "limit reached: connections, 41 times")
  #expect(telemetry.record(.limitReached("connections")) == nil)
  #expect(lines(telemetry).contains(#"mesh_limits_reached_total{limit="connections"} 42"#))
  let text = String(decoding: telemetry.prometheusText(tethers: TetherFigures(open: 7, refused: 2)), as: UTF8.self)
  #expect(text.contains("\nmesh_tethers 7\n") && text.contains("\nmesh_tethers_refused_total 2\n"))
}

@Test func whatTheQUICSidesOfBothListenersDoIsInTheMetrics() {
  let telemetry = Telemetry()
  let names = [
    "handshakesAccepted", "connectionsRefused", "retriesSent", "datagramsReceived", "datagramsSent", "bytesReceived",
    "bytesSent",
  ]
  let figures = names.enumerated().map { (name: $1, value: Int64($0 + 1)) }
  let quic = [QUICFigures(listener: "control", figures), QUICFigures(listener: "mesh", [])]
  let text = String(decoding: telemetry.prometheusText(quic: quic), as: UTF8.self)
  for line in [
    #"mesh_quic_handshakes_total{listener="control"} 1"#, #"mesh_quic_handshakes_total{listener="mesh"} 0"#,
    #"mesh_quic_connections_refused_total{listener="control"} 2"#, #"mesh_quic_retries_total{listener="control"} 3"#,
    #"mesh_quic_datagrams_total{listener="control",direction="inbound"} 4"#,
    #"mesh_quic_datagrams_total{listener="control",direction="outbound"} 5"#,
    #"mesh_quic_bytes_total{listener="control",direction="inbound"} 6"#,
    #"mesh_quic_bytes_total{listener="control",direction="outbound"} 7"#,
  ] { #expect(text.contains(line + "\n"), "\(line)") }
}

@Test func recordsOfRequestsAndOfSlowReadersNameTheCallerByItsOwnWord() throws {
  let telemetry = Telemetry()
  let request = Observation.requestAnswered(protocol: "HTTP/2", encoding: "json", status: 200, caller: "a\nb")
  let record = try #require(telemetry.record(request))
  #expect(record.message == "answered 200 over HTTP/2 in json to a b" && record.fields.last?.value == "a b")
  let other = Observation.requestAnswered(protocol: "HTTP/2", encoding: "json", status: 200, caller: "c")
  #expect(telemetry.record(other) == nil, "who changes its name gets no further record")
  let lagged = try #require(telemetry.record(.watchLagged(resource: "members", caller: "board")))
  #expect(lagged.message == "board that watches members lagged behind" && lagged.fields.last?.value == "board")
}

@Test func everyFamilyOfTheTableIsInTheTextOnce() {
  let types = lines(Telemetry()).filter { $0.hasPrefix("# TYPE ") }
  #expect(types == MetricFamily.all.map { "# TYPE \($0.name) \($0.kind.rawValue)" })
}

@Test func kindsOfMessagesAndReasonsOfBroadcastsAreBounded() {
  let telemetry = Telemetry()
  for number in 0..<(MetricTable.kindsMax + 3) {
    _ = telemetry.record(.messageSent(kind: "kind-\(number)", bytes: 2))
    _ = telemetry.record(.broadcastDropped(reason: "reason \(number)"))
  }
  let text = lines(telemetry)
  #expect(
    text.filter { $0.hasPrefix("mesh_gossip_message_bytes_total{") }.count == 2 * (MetricTable.kindsMax + 1))
  #expect(text.contains(#"mesh_gossip_message_bytes_total{mesh_kind="other",mesh_direction="outbound"} 6"#))
  #expect(text.filter { $0.hasPrefix("mesh_broadcasts_dropped_total{") }.count == MetricTable.reasonsMax + 1)
}

/// A clock that a test sets.
private final class TestClock: @unchecked Sendable {
  private let lock = Lock()
  private var seconds: UInt64 = 0
  func advance(_ more: UInt64) { lock.locked { seconds += more } }
  var now: Instant { lock.locked { Instant(nanoseconds: seconds * 1_000_000_000) } }
}

@Test func aCauseIsLoggedOncePerIntervalAndSummedUpAtItsEnd() throws {
  let clock = TestClock()
  let telemetry = Telemetry(now: { clock.now })
  let rejected = Observation.messageRejected(peer: "b", reason: "news: too long")
  #expect(telemetry.record(rejected)?.eventID == 102)
  for _ in 0..<41 { #expect(telemetry.record(rejected) == nil) }
  #expect(telemetry.record(.messageRejected(peer: "c", reason: "news: too long")) != nil, "another peer")
  #expect(telemetry.record(.messageRejected(peer: "b", reason: "view: too long")) != nil, "another reason")
  #expect(telemetry.record(.trustRefused(peer: "b", reason: "news: too long", inbound: true)) != nil, "another kind")
  clock.advance(9)
  #expect(telemetry.summaries().isEmpty)
  clock.advance(1)
  let summaries = telemetry.summaries()
  #expect(summaries.map(\.eventName) == ["MeshRecordsRepeated"], "causes that came once need no summary")
  #expect(
    summaries.first?.fields == [
      LogField("EventName", "MeshMessageRejected"), LogField("PeerId", "b"), LogField("Reason", "news: too long"),
      LogField("Count", "41"),
    ])
  #expect(telemetry.summaries().isEmpty)
  #expect(telemetry.record(rejected)?.eventID == 102, "a new interval begins")
  let text = lines(telemetry)
  #expect(text.contains("mesh_log_records_repeated_total 41"))
  #expect(text.contains(#"mesh_gossip_rejected_total{reason="news: too long"} 44"#), "every one is counted")
}

@Test func requestsAreCountedOneByOneAndLoggedNowAndThenWithoutASummary() throws {
  let clock = TestClock()
  let telemetry = Telemetry(now: { clock.now })
  let request = Observation.requestAnswered(protocol: "HTTP/2", encoding: "json", status: 200)
  let record = try #require(telemetry.record(request))
  #expect(record.level == .debug && record.message == "answered 200 over HTTP/2 in json")
  #expect(record.fields.map(\.value) == ["HTTP/2", "json", "200", ""])
  #expect(telemetry.record(request) == nil)
  #expect(telemetry.record(.requestAnswered(protocol: "HTTP/1.1", encoding: "", status: 404)) != nil, "another version")
  clock.advance(10)
  #expect(telemetry.summaries().isEmpty && telemetry.record(request) != nil)
  let text = lines(telemetry)
  #expect(text.contains("mesh_log_records_repeated_total 0"), "that is about what peers provoke")
  #expect(text.contains(#"mesh_control_requests_total{protocol="HTTP/2",encoding="json",status="2xx"} 3"#))
  #expect(text.contains(#"mesh_control_requests_total{protocol="HTTP/1.1",encoding="none",status="4xx"} 1"#))
}

@Test func recordsBelowTheLeastLevelAreCountedAndNotGivenOut() throws {
  let clock = TestClock()
  let telemetry = Telemetry(now: { clock.now })
  let warning = Observation.pauseDetected(.seconds(3))
  #expect(telemetry.minimumLevel == nil && telemetry.record(warning)?.level == .warning)
  telemetry.minimumLevel = LogLevel.warning.rawValue
  #expect(telemetry.record(warning) != nil && telemetry.record(.listening(address: "a", port: 1, fanout: 3)) == nil)
  telemetry.minimumLevel = LogLevel.error.rawValue
  #expect(telemetry.record(warning) == nil && telemetry.record(.storeFailed(reason: "full")) != nil)
  for _ in 0..<2 { _ = telemetry.record(.limitReached("connections")) }
  clock.advance(10)
  #expect(telemetry.summaries().isEmpty, "summaries are warnings too")
  telemetry.minimumLevel = 6
  #expect(telemetry.record(.poisoned("x")) == nil)
  #expect(telemetry.record(.logLevelChanged("None"))?.eventName == "MeshLogLevelChanged", "it explains the silence")
  let asked = Observation.operationAsked("drain", principal: "anna", peer: "10.0.0.7:1", verdict: "accepted")
  #expect(telemetry.record(asked)?.eventName == "MeshControlOperation", "who asks for silence must not hide by it")
  let text = lines(telemetry)
  #expect(text.contains("mesh_gossip_pauses_total 3") && text.contains("mesh_log_minimum_level 6"))
  telemetry.minimumLevel = nil
  #expect(telemetry.record(warning) != nil && lines(telemetry).contains("mesh_log_minimum_level 0"))
}

@Test func callersThatAreTurnedAwayAreLoggedOnceForEachHostAndReason() throws {
  let clock = TestClock()
  let telemetry = Telemetry(now: { clock.now })
  func refuse(_ reason: String, _ peer: String, _ principal: String = "(unknown)", _ scope: String = "") -> LogRecord? {
    telemetry.record(.callerRefused(reason: reason, peer: peer, principal: principal, scope: scope))
  }
  let first = try #require(refuse("unknown-token", "10.0.0.7:1"))
  #expect(first.level == .warning && first.fields.map(\.value) == ["10.0.0.7:1", "unknown-token", "(unknown)", ""])
  let lacking = try #require(refuse("scope", "10.0.0.9:1", "anna", "mesh.operate"))
  #expect(
    lacking.message == "turned anna at 10.0.0.9:1 away from the control listener: scope, for want of mesh.operate")
  #expect(lacking.fields.map(\.value) == ["10.0.0.9:1", "scope", "anna", "mesh.operate"])
  #expect(refuse("scope", "10.0.0.9:2", "anna", "mesh.operate") == nil)
  #expect(
    refuse("scope", "10.0.0.9:2", "bert", "mesh.operate") != nil
      && refuse("scope", "10.0.0.9:2", "anna", "mesh.read") != nil)
  #expect(refuse("unknown-token", "10.0.0.7:2") == nil && refuse("scope", "10.0.0.7:2") != nil)
  #expect(refuse("unknown-token", "10.0.0.8:1") != nil)
  _ = telemetry.record(.principalsReloaded(count: 3))
  let text = lines(telemetry)
  for line in [
    #"mesh_control_refused_total{reason="unknown-token"} 3"#, #"mesh_control_refused_total{reason="scope"} 5"#,
    #"mesh_control_refused_total{reason="no-credential"} 0"#, #"mesh_principals_reloads_total{outcome="success"} 1"#,
  ] {
    #expect(text.contains(line), "\(line)")
  }
}

@Test func causesBeyondTheLimitAreOneForEachKindAndLeaveOtherKindsTheirs() throws {
  let clock = TestClock()
  let telemetry = Telemetry(now: { clock.now })
  for number in 0..<RepeatLimiter.causesPerKindMax {
    #expect(telemetry.record(.messageRejected(peer: "p\(number)", reason: "r")) != nil, "\(number)")
  }
  #expect(telemetry.record(.messageRejected(peer: "one more", reason: "r")) != nil, "it stands for the rest")
  #expect(telemetry.record(.messageRejected(peer: "two more", reason: "s")) == nil)
  for peer in ["x", "y"] { #expect(telemetry.record(.trustRefused(peer: peer, reason: "r", inbound: true)) != nil) }
  #expect(telemetry.record(.trustRefused(peer: "y", reason: "r", inbound: true)) == nil)
  clock.advance(10)
  #expect(
    telemetry.summaries().map { $0.fields.map(\.value) } == [
      ["MeshMessageRejected", "other", "other", "1"], ["MeshTrustRefused", "y", "r", "1"],
    ])
  for number in 0..<RepeatLimiter.causesPerKindMax {
    #expect(telemetry.record(.messageRejected(peer: "q\(number)", reason: "r")) != nil, "its places are free again")
  }
}

@Test func aStrangerIsOneCauseFromWhateverPortItComes() throws {
  let clock = TestClock()
  let telemetry = Telemetry(now: { clock.now })
  var records = 0
  for port in 1...500 {
    for peer in ["10.0.0.7:\(port)", "[2001:db8::7]:\(port)", "mesh-c at 10.0.0.8:\(port)"] {
      let all: [Observation] = [
        .trustRefused(peer: peer, reason: "no-certificate", inbound: true), .messageRejected(peer: peer, reason: "r"),
        .limitReached("connections of one identity", peer: peer),
      ]
      for observation in all where telemetry.record(observation) != nil { records += 1 }
    }
  }
  #expect(records == 9)
  // A peer that this node dials is another one at another port.
  for port in 1...2 {
    #expect(telemetry.record(.trustRefused(peer: "10.0.0.7:\(port)", reason: "expired", inbound: false)) != nil)
  }
  clock.advance(10)
  #expect(telemetry.summaries().map { $0.fields[1].value }.first == "10.0.0.7")
}

@Test(arguments: [
  ("10.0.0.7:443", "10.0.0.7"), ("[::1]:443", "::1"), ("::1", "::1"), ("fe80::1%2", "fe80::1%2"), ("mesh-b", "mesh-b"),
  ("mesh-b at [2001:db8::1]:1", "mesh-b at 2001:db8::1"), ("10.0.0.7:", "10.0.0.7:"), ("", ""), (":", ":"), (":1", ""),
  ("seed.example:17421", "seed.example"), ("a:b", "a:b"),
])
func theHostOfAPeerIsWithoutItsPort(_ peer: String, _ host: String) {
  #expect(RepeatLimiter.host(of: peer) == host)
}

@Test func aLinkThatComesAndGoesInALoopIsLoggedAFewTimesAndThenCounted() throws {
  let clock = TestClock()
  let telemetry = Telemetry(now: { clock.now })
  var records: [Int32] = []
  for number in 0..<100 {
    let observations: [Observation] = [
      .linkOpened(peer: "10.0.0.7:1", transport: "http3", dialed: false),
      .linkClosed(peer: "mesh-c", reason: "its own words \(number)"),
    ]
    records += observations.compactMap { telemetry.record($0)?.eventID }
  }
  #expect(records == [110, 111, 110, 111, 110, 111, 110, 111])
  clock.advance(10)
  #expect(
    telemetry.summaries().map { $0.fields.map(\.value) } == [
      ["MeshLinkOpened", "10.0.0.7:1", "", "96"], ["MeshLinkClosed", "mesh-c", "", "96"],
    ])
  #expect(telemetry.record(.linkClosed(peer: "mesh-c", reason: "r")) != nil)
  #expect(lines(telemetry).contains("mesh_link_closed_total 101"))
}

@Test func whatAnOperatorMustSeeIsNeverHeldBack() throws {
  let telemetry = Telemetry()
  let peer = try #require(NodeID("b"))
  for _ in 0..<3 {
    #expect(telemetry.record(.memberRemoved(peer, by: "a")) != nil)
    #expect(telemetry.record(.pauseDetected(.seconds(1))) != nil)
    #expect(telemetry.record(.storeFailed(reason: "disk")) != nil)
  }
}
