// The right half of the one table: which metrics there are. OmniRelay's names stay as they are (contracts: gossip §9),
// its dotted tags with underscores, as every OpenTelemetry exporter writes them for Prometheus.

/// One metric: a family of series.
struct MetricFamily: Equatable {
  /// The kinds of the Prometheus text format that MeshKit uses.
  enum Kind: String {
    case counter, gauge, histogram
  }

  let name: String
  let kind: Kind
  /// The names of its labels, in their order.
  let labels: [String]
  let help: String

  init(_ kind: Kind, _ name: String, _ labels: [String], _ help: String) {
    self.kind = kind
    self.name = name
    self.labels = labels
    self.help = help
  }

  static let members = MetricFamily(
    .gauge, "mesh_gossip_members", ["mesh_status"],
    "Members known to this node by status (alive, suspect, left), itself included.")
  static let roundTrip = MetricFamily(
    .histogram, "mesh_gossip_rtt_ms", ["mesh_peer"],
    "Round trip of gossip probes in milliseconds, by peer; peers beyond the first 64 share the peer other.")
  static let messages = MetricFamily(
    .counter, "mesh_gossip_messages_total", ["mesh_direction", "mesh_outcome"],
    "Gossip messages by direction (inbound, outbound) and outcome (success, failure).")
  static let viewSize = MetricFamily(
    .gauge, "mesh_gossip_view_size", ["mesh_status"],
    "Members that this node is linked to (active), and others that have not left (passive).")
  static let fanout = MetricFamily(
    .histogram, "mesh_gossip_fanout", [], "Peers that a piece of news was sent to at once.")
  static let messageBytes = MetricFamily(
    .counter, "mesh_gossip_message_bytes_total", ["mesh_kind", "mesh_direction"],
    "Encoded gossip messages in bytes, by kind of message and direction, without QUIC's and TLS's share.")
  static let links = MetricFamily(.gauge, "mesh_gossip_links", [], "Peers with an open link.")
  static let newsQueue = MetricFamily(
    .gauge, "mesh_gossip_news_queue_depth", [], "Claims about members that wait to be told.")
  static let convergence = MetricFamily(
    .histogram, "mesh_gossip_convergence_seconds", [],
    "Seconds from a change of this node's view until all members that it watches show an equal view.")
  static let health = MetricFamily(
    .gauge, "mesh_gossip_health_multiplier", [],
    "Local health, 0 (well) to 8: this node stretches its own timeouts by one more than that.")
  static let isolated = MetricFamily(
    .gauge, "mesh_gossip_isolated", [],
    "1 while this node would declare a member dead, but has heard nobody for two intervals and judges nobody; else 0."
  )
  static let probesRelayed = MetricFamily(
    .counter, "mesh_gossip_probes_relayed_total", [], "Late probes that other members were asked to try.")
  static let probesReached = MetricFamily(
    .counter, "mesh_gossip_probes_reached_total", ["path"],
    "Probes that found their peer alive, by path (direct, relay).")
  static let falseSuspicions = MetricFamily(
    .counter, "mesh_gossip_false_suspicions_total", [],
    "Suspicions that were refuted, or whose member was heard again.")
  static let pauses = MetricFamily(
    .counter, "mesh_gossip_pauses_total", [], "Times that this process did not run for too long to judge its peers.")
  static let duplicates = MetricFamily(
    .counter, "mesh_gossip_duplicates_total", [], "Times that two live processes were seen under one name.")
  static let removed = MetricFamily(
    .counter, "mesh_gossip_removals_total", [], "Members that an operator declared gone.")
  static let syncs = MetricFamily(
    .counter, "mesh_gossip_syncs_total", [], "Comparisons of views that differed.")
  static let syncRecords = MetricFamily(
    .counter, "mesh_gossip_sync_records_total", [], "Records that crossed in comparisons of views.")
  static let broadcastsDelivered = MetricFamily(
    .counter, "mesh_broadcasts_delivered_total", [], "Broadcasts that were handed to this node's host.")
  static let broadcastsDropped = MetricFamily(
    .counter, "mesh_broadcasts_dropped_total", ["reason"],
    "Broadcasts that could not be passed on or delivered.")
  static let linksDoubted = MetricFamily(
    .counter, "mesh_link_doubts_total", [], "Times that a link looked dead and a probe was begun at once.")
  static let recordsRepeated = MetricFamily(
    .counter, "mesh_log_records_repeated_total", [],
    "Log records that were counted in a summary in place of being repeated.")
  static let minimumLevel = MetricFamily(
    .gauge, "mesh_log_minimum_level", [],
    "Least level of log records that hosts get: 0 (all) to 5 (critical), 6 for none. Operators set it at run time."
  )
  static let probeFailures = MetricFamily(
    .counter, "mesh_gossip_probe_failures_total", [], "Probes that no acknowledgement answered in time.")
  static let rejected = MetricFamily(
    .counter, "mesh_gossip_rejected_total", ["reason"], "Messages that could not be read or broke a limit.")
  static let suspicions = MetricFamily(
    .counter, "mesh_gossip_suspicions_total", [], "Times that this node saw a member become suspect.")
  static let deaths = MetricFamily(
    .counter, "mesh_gossip_departures_total", ["kind"],
    "Members that left: graceful (said goodbye) or dead (declared so).")
  static let refutations = MetricFamily(
    .counter, "mesh_gossip_refutations_total", [], "Times that this node was suspected while alive and said so.")
  static let linksOpened = MetricFamily(.counter, "mesh_link_opened_total", [], "Links to peers that came up.")
  static let linksClosed = MetricFamily(.counter, "mesh_link_closed_total", [], "Links to peers that ended.")
  static let dialFailures = MetricFamily(
    .counter, "mesh_link_dial_failures_total", [], "Attempts to reach a peer or a seed that came to nothing.")
  static let trustRefused = MetricFamily(
    .counter, "mesh_trust_refused_total", ["reason", "direction"],
    "Certificates, or names they claim, that were refused; by reason and direction (inbound, outbound).")
  static let peerCalls = MetricFamily(
    .counter, "mesh_peer_calls_total", ["method", "outcome"],
    "Calls that this node made to its peers over the mesh, by method and outcome (answered, deadline, cancelled, "
      + "unreachable, circuit-open, busy, stopped).")
  static let peerCallRetries = MetricFamily(
    .counter, "mesh_peer_call_retries_total", ["method"],
    "Times that a call to a peer was made again: it never reached the peer, or does no harm when made twice.")
  static let peerCircuitsOpened = MetricFamily(
    .counter, "mesh_peer_circuits_opened_total", [],
    "Times that calls to a peer failed so often that no more were made for a while.")
  static let datagramsDropped = MetricFamily(
    .counter, "mesh_transport_datagrams_dropped_total", ["reason"],
    "Datagrams that are no traffic of this mesh or could not be read.")
  static let certificateReloads = MetricFamily(
    .counter, "mesh_certificate_reloads_total", ["outcome"],
    "Replaced certificates that were picked up (success) or could not be (failure).")
  static let lateness = MetricFamily(
    .histogram, "mesh_engine_lateness_seconds", [],
    "Seconds from when the engine had something to do by its clock until it did it: long where the host is overloaded.")
  static let requests = MetricFamily(
    .counter, "mesh_control_requests_total", ["protocol", "encoding", "status"],
    "Requests answered on the control listener, by version of HTTP, encoding of the answer (none without a body) and "
      + "class of its status (2xx, 4xx ...).")
  static let calls = MetricFamily(
    .counter, "mesh_control_calls_total", ["method", "code"],
    "Calls of gRPC that ended on the control listener, by method and status code (0 is OK).")
  static let watches = MetricFamily(
    .gauge, "mesh_control_watches", [],
    "Callers that watch a resource of this node, or have another call open that may last.")
  static let watchLags = MetricFamily(
    .counter, "mesh_control_watch_lags_total", ["resource"],
    "Times that a caller that watches read so slowly that it had to begin anew.")
  static let callersRefused = MetricFamily(
    .counter, "mesh_control_refused_total", ["reason"],
    "Callers that the control listener turned away, by reason (no-credential, unknown-token, untrusted-certificate, "
      + "scope, foreign-host, foreign-origin).")
  static let principalsReloads = MetricFamily(
    .counter, "mesh_principals_reloads_total", ["outcome"],
    "Replaced files of principals that were picked up (success) or could not be (failure).")
  static let limits = MetricFamily(
    .counter, "mesh_limits_reached_total", ["limit"],
    "Times that something was over a limit and was dropped or made to wait; a full table of members counts once."
  )
  static let tethers = MetricFamily(.gauge, "mesh_tethers", [], "Idle TCP connections that stand beside links.")
  static let tethersRefused = MetricFamily(
    .counter, "mesh_tethers_refused_total", [],
    "TCP connections turned away or cut off on the mesh port, and own tethers that came to nothing.")
  static let quicHandshakes = MetricFamily(
    .counter, "mesh_quic_handshakes_total", ["listener"],
    "Handshakes of QUIC that others completed, by listener (control, mesh).")
  static let quicRefused = MetricFamily(
    .counter, "mesh_quic_connections_refused_total", ["listener"],
    "Connections of QUIC that were refused for a limit, by listener.")
  static let quicRetries = MetricFamily(
    .counter, "mesh_quic_retries_total", ["listener"],
    "Times that a client of QUIC was asked under load to prove its address, by listener.")
  static let quicDatagrams = MetricFamily(
    .counter, "mesh_quic_datagrams_total", ["listener", "direction"],
    "UDP datagrams by listener and direction (inbound, outbound).")
  static let quicBytes = MetricFamily(
    .counter, "mesh_quic_bytes_total", ["listener", "direction"],
    "Bytes in UDP datagrams by listener and direction.")
  static let storeFailures = MetricFamily(
    .counter, "mesh_store_failures_total", [], "Writes under the data directory that failed.")
  static let eventsDropped = MetricFamily(
    .counter, "mesh_events_dropped_total", [], "Events lost because the host read an event stream too slowly.")

  /// Every family, in the order of the text and of the reference page.
  static let all: [MetricFamily] =
    [
      .members, .viewSize, .roundTrip, .messages, .fanout, .messageBytes, .links, .newsQueue, .convergence, .health,
      .isolated, .probeFailures, .probesRelayed, .probesReached, .rejected, .suspicions, .falseSuspicions, .deaths,
      .refutations, .pauses, .duplicates, .removed, .syncs, .syncRecords, .broadcastsDelivered, .broadcastsDropped,
      .linksOpened, .linksClosed, .linksDoubted, .tethers, .tethersRefused, .dialFailures, .trustRefused,
      .peerCalls, .peerCallRetries, .peerCircuitsOpened, .datagramsDropped, .quicHandshakes, .quicRefused, .quicRetries,
      .quicDatagrams, .quicBytes, .certificateReloads,
      .lateness, .requests, .calls, .watches, .watchLags, .callersRefused, .principalsReloads, .limits, .storeFailures,
      .recordsRepeated, .minimumLevel,
      .eventsDropped,
    ] + queues
}

/// What bounds the number of series, whatever peers do.
enum MetricTable {
  /// Upper bounds of the buckets of depths, in tasks, and of times between signals, in milliseconds.
  static let depthBounds: [Double] = [0, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536]
  static let signalBounds: [Double] = [10, 100, 1_000, 5_000, 15_000, 60_000, 600_000]
  /// Queues with series of their own: as many as may be attached.
  static let queuesMax = 64
  /// Peers with round-trip series of their own.
  static let peersMax = 64
  /// Values of a label that holds a reason or a limit.
  static let reasonsMax = 32
  /// The longest label value, in bytes.
  static let labelBytesMax = 128
  /// What all beyond a limit is counted under.
  static let other = "other"
  /// Kinds of messages with series of their own: more than the schema has.
  static let kindsMax = 32
  /// Upper bounds of the buckets of convergence, in seconds, and of fanout, in peers.
  static let convergenceBounds: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
  static let fanoutBounds: [Double] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
  /// Upper bounds of the buckets of the engine's lateness, in seconds.
  static let latenessBounds: [Double] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
  /// Upper bounds of the round-trip buckets, in milliseconds: from a loopback to two intervals of a slow mesh.
  static let roundTripBounds: [Double] = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000]

  /// `2xx` for 200 and its like.
  static func statusClass(_ status: Int) -> String {
    switch status {
    case 200..<300: "2xx"
    case 300..<400: "3xx"
    case 400..<500: "4xx"
    case 500..<600: "5xx"
    default: "\(status / 100)xx"
    }
  }

  /// What OmniRelay calls the level of a monitor.
  static func level(_ isActive: Bool) -> String { isActive ? "active" : "inactive" }

  static func direction(inbound: Bool) -> String { inbound ? "inbound" : "outbound" }
}
