/// The reference pages of metrics and log records, written from the table itself so that they can't be wrong.
public enum TelemetryReference {
  /// The text of `docs/reference/metrics.md`.
  public static func metricsMarkdown() -> String {
    var text = """
      # Metrics

      Served on the control listener at `/metrics` and `/omnirelay/metrics`, in the Prometheus text format. This page is
      generated from the table in `Sources/MeshTelemetry`; a test fails when it is stale. The first five metrics carry
      OmniRelay's names; `mesh_gossip_fanout` comes without its labels of numbers, which would be a series each, and the
      others with OmniRelay's. `taskqueue_*` and `hugo_*` carry Hugo's names, `omnirelay_*` OmniRelay's, with the unit behind
      as their exporter writes them. Alert rules on them: [gossip.yml](../operations/alerts/gossip.yml).

      | name | kind | labels | meaning |
      |---|---|---|---|

      """
    for family in MetricFamily.all {
      let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
      text += "| `\(family.name)` | \(family.kind.rawValue) | \(labels) | \(family.help) |\n"
    }
    let convergence = MetricTable.convergenceBounds.map(PrometheusText.number).joined(separator: ", ")
    let fanout = MetricTable.fanoutBounds.map(PrometheusText.number).joined(separator: ", ")
    let bounds = MetricTable.roundTripBounds.map(PrometheusText.number).joined(separator: ", ")
    text += """

      ## Limits
      - `mesh_gossip_rtt_ms` has the bucket bounds \(bounds) and `+Inf`.
        At most \(MetricTable.peersMax) peers have series of their own; further ones are counted together as
        `mesh_peer="\(MetricTable.other)"`. The series of a peer ends when it leaves.
      - `mesh_gossip_convergence_seconds` has the bucket bounds \(convergence) and `+Inf`,
        `mesh_gossip_fanout` \(fanout) and `+Inf`.
      - `mesh_kind` is the name of a message in the schema; at most \(MetricTable.kindsMax) kinds have series of their own.
      - A label of reasons or limits has at most \(MetricTable.reasonsMax) values; further ones are counted together as
        `\(MetricTable.other)`. Label values are cut at \(MetricTable.labelBytesMax) bytes, and control characters
        in them are replaced by blanks.
      - `taskqueue_name` is the name of an attached lease queue, of which there are at most \(MetricTable.queuesMax); its
        series end when it is detached, and begin anew with another life of it. Depths have the bucket bounds
        \(MetricTable.depthBounds.map(PrometheusText.number).joined(separator: ", ")) and `+Inf`.
      - Counters start at zero with the node. Series of open-ended labels appear with their first count.

      """
    return text
  }

  /// The text of `docs/reference/logs.md`.
  public static func logsMarkdown() -> String {
    var text = """
      # Log records

      MeshKit writes no log: its records come to the host as events of the topic `log`, with level, category, event id,
      name, message and fields. This page is generated from the table in `Sources/MeshTelemetry`; a test fails when it
      is stale. Ids below 100 are OmniRelay's, with its fields first; ids from 100 are MeshKit's own. Messages are for
      people and may change; ids, names and fields are for code.

      Records of membership carry the correlation number of the membership event of the same change.

      | level | category | id | name | fields | meaning |
      |---|---|---|---|---|---|

      """
    for kind in LogKind.all {
      let fields = kind.fields.map { "`\($0)`" }.joined(separator: ", ")
      let cells = [kind.level.name, kind.category, "\(kind.eventID)", kind.eventName, fields, kind.meaning]
      text += "| " + cells.joined(separator: " | ") + " |\n"
    }
    text += """

      ## Limits
      A message has at most \(CleanText.messageBytesMax) bytes, a field value at most \(CleanText.fieldBytesMax);
      longer text is cut. Control characters, line separators and marks that turn the direction of text are replaced by
      blanks: peers choose some of this text.

      A record that peers can provoke at will (a rejected message, refused trust, a reached limit, dropped datagrams or
      broadcasts, a refuted or false suspicion, a doubted link, a duplicate, a caller turned away), or a host with the
      queues that it attaches, is logged once per peer, or queue, and reason in
      \(RepeatLimiter.interval.milliseconds / 1_000) seconds, that a link opened or closed
      \(RepeatLimiter.linkRecordsMax) times per peer. Who comes from another port of the same address is the same peer
      there, except for links. What comes again meanwhile is counted, and told at the end of that time by one
      `MeshRecordsRepeated`. At most
      \(RepeatLimiter.causesPerKindMax) causes of a kind of record are told apart at a time; those beyond are one cause,
      with the peer and reason `\(MetricTable.other)`. Of requests on the control listener one for each protocol and
      encoding is logged in that time, and no summary: the metric counts them.

      """
    return text
  }
}
