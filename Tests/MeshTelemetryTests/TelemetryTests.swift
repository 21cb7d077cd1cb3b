import Foundation
import MeshBasics
import Testing

@testable import MeshTelemetry

private func facts(_ name: String) throws -> MemberFacts {
  MemberFacts(
    peer: try #require(NodeID(name)), clusterID: "local", role: "worker", region: "eu", meshVersion: "dev", http3: true)
}

private func node(_ name: String) throws -> NodeID { try #require(NodeID(name)) }

private func lines(_ telemetry: Telemetry) -> [String] {
  String(decoding: telemetry.prometheusText(), as: UTF8.self).split(separator: "\n").map(String.init)
}

private func names(_ record: LogRecord) -> [String] { record.fields.map(\.name) }

@Test func membershipRecordsCarryOmniRelaysIdsAndFields() throws {
  let telemetry = Telemetry()
  let joined = try #require(telemetry.record(.memberJoined(facts("mesh-b"), correlation: 7)))
  #expect(joined.category == "MeshGossipHost" && joined.eventID == 3 && joined.level == .information)
  #expect(joined.correlation == 7)
  #expect(
    joined.fields == [
      LogField("PeerId", "mesh-b"), LogField("ClusterId", "local"), LogField("Role", "worker"),
      LogField("Region", "eu"),
      LogField("Version", "dev"), LogField("Http3", "true"),
    ])
  let recovered = try #require(
    telemetry.record(.memberRecovered(facts("mesh-b"), previousStatus: "Suspect", correlation: 8)))
  #expect(recovered.eventID == 4 && names(recovered) == ["PeerId", "PreviousStatus", "ClusterId", "Role"])
  let suspect = try #require(
    telemetry.record(
      .memberSuspected(
        facts("mesh-b"), silence: .milliseconds(5500), accuser: node("mesh-c"), correlation: 9)))
  #expect(suspect.eventID == 5 && suspect.level == .warning && suspect.correlation == 9)
  #expect(names(suspect).prefix(4) == ["PeerId", "ClusterId", "Role", "LastSeen"])
  #expect(suspect.fields.contains(LogField("SilenceMs", "5500")))
  let left = try #require(telemetry.record(.memberLeft(facts("mesh-b"), graceful: false, correlation: 10)))
  #expect(left.eventID == 6 && left.level == .warning && names(left).prefix(3) == ["PeerId", "ClusterId", "Role"])
  let listening = try #require(telemetry.record(.listening(address: "0.0.0.0", port: 17421, fanout: 3)))
  #expect(listening.eventID == 1 && listening.eventName == "MeshGossipListening")
  #expect(names(listening) == ["Address", "Port", "Fanout"])
}

@Test func lastSeenIsTheWallTimeSinceWhichAPeerIsSilent() throws {
  let observation = Observation.memberSuspected(
    try facts("b"), silence: .milliseconds(6500), accuser: try node("c"), correlation: 1)
  let record = try #require(ObservationLog.record(observation, unixNanoseconds: 1_763_978_400_000_000_000))
  #expect(record.fields.contains(LogField("LastSeen", "2025-11-24T09:59:53.5+00:00")))
}

@Test func idsAreUniqueWithinTheirCategoryAndEveryRecordFillsItsFields() throws {
  let ids = LogKind.all.map { "\($0.category) \($0.eventID)" }
  #expect(Set(ids).count == ids.count)
  let telemetry = Telemetry()
  let rest: [Observation] = [
    .messageRejected(peer: "p", reason: "r"), .limitReached("l"),
    .linkOpened(peer: "p", transport: "http3", dialed: true),
    .linkClosed(peer: "p", reason: "r"), .dialFailed(target: "t", reason: "r", retryIn: .seconds(1)),
    .trustRefused(peer: "p", reason: "expired", inbound: true), .certificateReloaded(subject: "s", notAfter: "n"),
    .certificateReloadFailed(reason: "r"), .datagramsDropped(count: 2, reason: "r"), .storeFailed(reason: "r"),
    .configurationNotice("n"), .poisoned("p"), .conflicted("c"), .falseSuspicion(peer: try node("b")),
    .healthChanged(3), .duplicateNode(node: try node("b"), detail: "d"), .memberRemoved(try node("b"), by: "a"),
    .pauseDetected(.seconds(3)), .isolated(true), .isolated(false), .linkDoubted(peer: "b"),
    .peerCircuit(peer: try node("b"), isOpen: true, reason: "r"),
    .broadcastDropped(reason: "r"), .schemaRejected(schema: "v2"), .requestFailed(target: "b:1", reason: "r"),
    .queueAttached("q"), .queueDetached("q", reason: "ended"), .deadLettersFull(queue: "q", count: 3),
    .backpressureChanged(queue: "q", isActive: true, pending: 9, high: 8, low: 4, after: .zero),
  ]
  for observation in rest {
    let record = telemetry.record(observation)
    let kind = LogKind.all.first { $0.eventID == record?.eventID && $0.category == record?.category }
    #expect(kind != nil && kind?.fields == record?.fields.map(\.name))
  }
}

@Test func metricsOnlyObservationsMakeNoRecord() throws {
  let telemetry = Telemetry()
  let peer = try node("b")
  for observation: Observation in [
    .messageSent(kind: "ping", bytes: 1), .messageReceived(kind: "ack", bytes: 1), .messageFailed(outbound: true),
    .probeFailed(peer: peer), .probeRelayed(peer: peer), .probeReached(peer: peer, path: "relay"), .newsQueued(1),
    .newsSpread(peers: 3), .linksCounted(1), .convergenceMeasured(.milliseconds(1)), .broadcastDelivered,
    .syncFinished(records: 1), .roundTripMeasured(peer: peer, .milliseconds(1)),
    .membersCounted(alive: 1, suspect: 0, left: 0), .peerCallEnded(method: "m", outcome: "answered"),
    .peerCallRetried(method: "m"), .queueSampled("q", pending: 1, leased: 1),
  ] {
    #expect(telemetry.record(observation) == nil)
  }
}

@Test func callsToPeersAreCountedByMethodAndOutcome() throws {
  let telemetry = Telemetry()
  let peer = try node("b")
  for outcome in ["answered", "answered", "deadline"] {
    _ = telemetry.record(.peerCallEnded(method: "a.B/C", outcome: outcome))
  }
  _ = telemetry.record(.peerCallRetried(method: "a.B/C"))
  let opened = try #require(telemetry.record(.peerCircuit(peer: peer, isOpen: true, reason: "gone")))
  let closed = try #require(telemetry.record(.peerCircuit(peer: peer, isOpen: false, reason: "it has answered")))
  #expect(opened.eventID == 135 && opened.fields.contains(LogField("State", "open")))
  #expect(closed.fields.contains(LogField("State", "closed")))
  let text = lines(telemetry)
  for line in [
    #"mesh_peer_calls_total{method="a.B/C",outcome="answered"} 2"#,
    #"mesh_peer_calls_total{method="a.B/C",outcome="deadline"} 1"#,
    #"mesh_peer_call_retries_total{method="a.B/C"} 1"#, "mesh_peer_circuits_opened_total 1",
  ] {
    #expect(text.contains(line), "\(line)")
  }
}

@Test func omniRelaysMetricsHaveItsNamesAndLabels() throws {
  let telemetry = Telemetry()
  _ = telemetry.record(.membersCounted(alive: 3, suspect: 1, left: 2))
  _ = telemetry.record(.messageSent(kind: "ping", bytes: 10))
  _ = telemetry.record(.messageFailed(outbound: false))
  let peer = try node("mesh-b")
  for milliseconds in [Int64(0), 5, 10_000] {
    _ = telemetry.record(.roundTripMeasured(peer: peer, .milliseconds(milliseconds)))
  }
  let text = lines(telemetry)
  for line in [
    #"mesh_gossip_members{mesh_status="alive"} 3"#, #"mesh_gossip_members{mesh_status="suspect"} 1"#,
    #"mesh_gossip_members{mesh_status="left"} 2"#,
    #"mesh_gossip_messages_total{mesh_direction="outbound",mesh_outcome="success"} 1"#,
    #"mesh_gossip_messages_total{mesh_direction="inbound",mesh_outcome="failure"} 1"#,
    #"mesh_gossip_rtt_ms_bucket{mesh_peer="mesh-b",le="0.25"} 1"#,
    #"mesh_gossip_rtt_ms_bucket{mesh_peer="mesh-b",le="5"} 2"#,
    #"mesh_gossip_rtt_ms_bucket{mesh_peer="mesh-b",le="5000"} 2"#,
    #"mesh_gossip_rtt_ms_bucket{mesh_peer="mesh-b",le="+Inf"} 3"#,
    #"mesh_gossip_rtt_ms_sum{mesh_peer="mesh-b"} 10005"#, #"mesh_gossip_rtt_ms_count{mesh_peer="mesh-b"} 3"#,
    "# TYPE mesh_gossip_members gauge", "# TYPE mesh_gossip_rtt_ms histogram",
    "# TYPE mesh_gossip_messages_total counter",
  ] {
    #expect(text.contains(line), "\(line)")
  }
}

@Test func theSixtyFifthPeerIsCountedWithTheOthersAndALeaverGivesItsPlaceBack() throws {
  let telemetry = Telemetry()
  for number in 1...(MetricTable.peersMax + 1) {
    _ = telemetry.record(.roundTripMeasured(peer: try node("peer-\(number)"), .milliseconds(1)))
  }
  #expect(lines(telemetry).contains(#"mesh_gossip_rtt_ms_count{mesh_peer="peer-64"} 1"#))
  #expect(lines(telemetry).contains(#"mesh_gossip_rtt_ms_count{mesh_peer="other"} 1"#))
  #expect(!lines(telemetry).contains { $0.contains("peer-65") })
  _ = telemetry.record(.memberLeft(try facts("peer-1"), graceful: true, correlation: 1))
  _ = telemetry.record(.roundTripMeasured(peer: try node("peer-65"), .milliseconds(1)))
  #expect(lines(telemetry).contains(#"mesh_gossip_rtt_ms_count{mesh_peer="peer-65"} 1"#))
}

@Test func reasonsAreBoundedInNumber() {
  let telemetry = Telemetry()
  for number in 0..<(MetricTable.reasonsMax + 5) {
    _ = telemetry.record(.trustRefused(peer: "p", reason: "reason \(number)", inbound: true))
  }
  let series = lines(telemetry).filter { $0.hasPrefix("mesh_trust_refused_total{") }
  #expect(series.count == MetricTable.reasonsMax + 1)
  #expect(series.contains(#"mesh_trust_refused_total{reason="other",direction="other"} 5"#))
}

@Test func hostileTextIsEscapedAndCut() throws {
  let telemetry = Telemetry()
  let hostile = "a\"b\\c\nd\u{1B}[31m\u{202E}" + String(repeating: "é", count: 2000)
  let record = try #require(telemetry.record(.messageRejected(peer: hostile, reason: hostile)))
  #expect(!record.message.unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{202E}" })
  #expect(record.message.utf8.count <= CleanText.messageBytesMax)
  #expect(record.fields.allSatisfy { $0.value.utf8.count <= CleanText.fieldBytesMax })
  let series = try #require(lines(telemetry).first { $0.hasPrefix("mesh_gossip_rejected_total{") })
  #expect(series.hasPrefix(#"mesh_gossip_rejected_total{reason="a\"b\\c d [31m "#))
  #expect(series.utf8.count < 200)
  #expect(PrometheusText.escape("a\n\"\\", quotes: true) == #"a\n\"\\"#)
}

private let promtool = "/usr/bin/promtool"

@Test(.enabled(if: FileManager.default.isExecutableFile(atPath: promtool), "make setup installs promtool"))
func promtoolAcceptsTheMetrics() throws {
  let telemetry = Telemetry()
  _ = telemetry.record(.roundTripMeasured(peer: try node("b"), .microseconds(1234)))
  _ = telemetry.record(.trustRefused(peer: "p", reason: "q\"\\\n", inbound: false))
  _ = telemetry.record(.datagramsDropped(count: 3, reason: "r"))
  let file = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-metrics-\(getpid()).txt")
  try Data(telemetry.prometheusText()).write(to: file)
  defer { try? FileManager.default.removeItem(at: file) }
  let check = Process()
  check.executableURL = root.appendingPathComponent("Tests/InteropTests/promtool/check")
  check.arguments = [file.path]
  try check.run()
  check.waitUntilExit()
  #expect(check.terminationStatus == 0)
}

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

@Test(arguments: [
  ("metrics.md", TelemetryReference.metricsMarkdown()), ("logs.md", TelemetryReference.logsMarkdown()),
])
func theReferencePagesAreWhatTheTableSays(name: String, generated: String) throws {
  let page = root.appendingPathComponent("docs/reference/\(name)")
  if ProcessInfo.processInfo.environment["MESHKIT_UPDATE_DOCS"] == "1" {
    try FileManager.default.createDirectory(
      at: page.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(generated.utf8).write(to: page)
  }
  #expect(try String(contentsOf: page, encoding: .utf8) == generated, "run with MESHKIT_UPDATE_DOCS=1 to rewrite it")
}

@Test func manyThreadsCountWithoutLosingOne() {
  let telemetry = Telemetry()
  DispatchQueue.concurrentPerform(iterations: 4) { _ in
    for _ in 0..<1000 { _ = telemetry.record(.messageSent(kind: "ping", bytes: 10)) }
  }
  telemetry.recordDroppedEvents(3)
  #expect(
    lines(telemetry).contains(#"mesh_gossip_messages_total{mesh_direction="outbound",mesh_outcome="success"} 4000"#))
  #expect(lines(telemetry).contains("mesh_events_dropped_total 3"))
}
