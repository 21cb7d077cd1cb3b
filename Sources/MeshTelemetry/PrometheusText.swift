/// Writes the Prometheus text exposition format, version 0.0.4. Pure: the same numbers give the same bytes.
struct PrometheusText {
  private(set) var bytes: [UInt8] = []

  /// The text of all families in `values`.
  static func render(_ values: MetricValues) -> [UInt8] {
    var text = PrometheusText()
    text.bytes.reserveCapacity(16 * 1024)
    text.family(
      .members,
      [(["alive"], "\(values.alive)"), (["left"], "\(values.left)"), (["suspect"], "\(values.suspect)")])
    text.family(.viewSize, [(["active"], "\(values.links)"), (["passive"], "\(values.passiveView)")])
    text.header(.roundTrip)
    for (peer, series) in values.roundTrips { text.histogram(.roundTrip, peer, series) }
    if values.otherRoundTrips.count > 0 { text.histogram(.roundTrip, MetricTable.other, values.otherRoundTrips) }
    text.family(
      .messages,
      [
        (["inbound", "failure"], "\(values.receiveFailures)"), (["inbound", "success"], "\(values.received)"),
        (["outbound", "failure"], "\(values.sendFailures)"), (["outbound", "success"], "\(values.sent)"),
      ])
    text.gossip(values)
    text.counter(.linksOpened, values.linksOpened)
    text.counter(.linksClosed, values.linksClosed)
    text.counter(.linksDoubted, values.linksDoubted)
    text.family(.tethers, [([], "\(values.tethers.open)")])
    text.family(.tethersRefused, [([], "\(values.tethers.refused)")])
    text.counter(.dialFailures, values.dialFailures)
    text.counter(.trustRefused, values.trustRefused)
    text.counter(.peerCalls, values.peerCalls)
    text.counter(.peerCallRetries, values.peerCallRetries)
    text.counter(.peerCircuitsOpened, values.peerCircuitsOpened)
    text.counter(.datagramsDropped, values.datagramsDropped)
    text.quic(values.quic)
    text.counter(.certificateReloads, values.certificateReloads)
    text.header(.lateness)
    text.histogram(.lateness, nil, values.lateness)
    text.counter(.requests, values.requests)
    text.counter(.calls, values.calls)
    text.family(.watches, [([], "\(values.watches)")])
    text.counter(.watchLags, values.watchLags)
    text.counter(.callersRefused, values.callersRefused)
    text.counter(.principalsReloads, values.principalsReloads)
    text.counter(.limits, values.limits)
    text.counter(.storeFailures, values.storeFailures)
    text.counter(.recordsRepeated, values.recordsRepeated)
    text.family(.minimumLevel, [([], "\(values.minimumLevel ?? 0)")])
    text.counter(.eventsDropped, values.eventsDropped)
    text.queues(values)
    return text.bytes
  }

  /// The families of the protocol between `messages` and the links.
  private mutating func gossip(_ values: MetricValues) {
    header(.fanout)
    histogram(.fanout, nil, values.fanout)
    family(
      .messageBytes,
      values.bytes.entries.sorted { $0.kind < $1.kind }.flatMap {
        [([$0.kind, "inbound"], "\($0.inbound)"), ([$0.kind, "outbound"], "\($0.outbound)")]
      })
    family(.links, [([], "\(values.links)")])
    family(.newsQueue, [([], "\(values.newsQueued)")])
    header(.convergence)
    histogram(.convergence, nil, values.convergence)
    family(.health, [([], "\(values.health)")])
    family(.isolated, [([], values.isIsolated ? "1" : "0")])
    counter(.probeFailures, values.probeFailures)
    counter(.probesRelayed, values.probesRelayed)
    counter(.probesReached, values.probesReached)
    counter(.rejected, values.rejected)
    counter(.suspicions, values.suspicions)
    counter(.falseSuspicions, values.falseSuspicions)
    counter(.deaths, values.departures)
    counter(.refutations, values.refutations)
    counter(.pauses, values.pauses)
    counter(.duplicates, values.duplicates)
    counter(.removed, values.removals)
    counter(.syncs, values.syncs)
    counter(.syncRecords, values.syncRecords)
    counter(.broadcastsDelivered, values.broadcastsDelivered)
    counter(.broadcastsDropped, values.broadcastsDropped)
  }

  private mutating func quic(_ listeners: [QUICFigures]) {
    family(.quicHandshakes, listeners.map { ([$0.listener], "\($0.handshakes)") })
    family(.quicRefused, listeners.map { ([$0.listener], "\($0.refused)") })
    family(.quicRetries, listeners.map { ([$0.listener], "\($0.retries)") })
    family(.quicDatagrams, listeners.flatMap { directions($0.listener, $0.datagramsReceived, $0.datagramsSent) })
    family(.quicBytes, listeners.flatMap { directions($0.listener, $0.bytesReceived, $0.bytesSent) })
  }

  private func directions(_ listener: String, _ inbound: Int64, _ outbound: Int64) -> [([String], String)] {
    [([listener, "inbound"], "\(inbound)"), ([listener, "outbound"], "\(outbound)")]
  }

  private mutating func counter(_ family: MetricFamily, _ value: UInt64) { self.family(family, [([], "\(value)")]) }

  mutating func counter(_ family: MetricFamily, _ counter: LabelledCounter) {
    let samples = zip(counter.labels, counter.values).sorted { $0.0.lexicographicallyPrecedes($1.0) }
    self.family(family, samples.map { ($0.0, "\($0.1)") })
  }

  mutating func family(_ family: MetricFamily, _ samples: [(labels: [String], value: String)]) {
    header(family)
    for sample in samples { line(family.name, Array(zip(family.labels, sample.labels)), sample.value) }
  }

  mutating func header(_ family: MetricFamily) {
    append("# HELP \(family.name) \(PrometheusText.escape(family.help, quotes: false))\n")
    append("# TYPE \(family.name) \(family.kind.rawValue)\n")
  }

  mutating func histogram(_ family: MetricFamily, _ peer: String?, _ series: Histogram) {
    let own: [(name: String, value: String)] =
      if let label = family.labels.first, let peer { [(label, peer)] } else { [] }
    var running: UInt64 = 0
    for (bound, count) in zip(series.bounds, series.buckets) {
      running &+= count
      line(family.name + "_bucket", own + [("le", PrometheusText.number(bound))], "\(running)")
    }
    line(family.name + "_bucket", own + [("le", "+Inf")], "\(series.count)")
    line(family.name + "_sum", own, PrometheusText.number(series.sum))
    line(family.name + "_count", own, "\(series.count)")
  }

  private mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: String) {
    append(name)
    if !labels.isEmpty {
      let pairs = labels.map { "\($0.name)=\"\(PrometheusText.escape($0.value, quotes: true))\"" }
      append("{" + pairs.joined(separator: ",") + "}")
    }
    append(" \(value)\n")
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// Whole numbers without a fraction, as Prometheus itself writes them.
  static func number(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// Backslash and line feed are escaped everywhere, quotes in label values only.
  static func escape(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
