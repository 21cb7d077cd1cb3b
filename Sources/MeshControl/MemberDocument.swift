import MeshBasics
import MeshMembership
import MeshWire

/// One member in JSON, byte for byte as OmniRelay writes it (contracts: http §1, §2): nulls are left out, arrays and
/// maps never.
enum MemberDocument {
  static func write(_ member: MemberView, at clock: MemberClock, to json: inout JSONWriter) {
    json.beginObject()
    json.name("nodeId")
    json.string(member.nodeID.name)
    json.name("status")
    json.string(member.status.rawValue)
    if let ticks = lastSeen(member, clock) {
      json.name("lastSeen")
      json.string(DotNetTime.text(unixTicks: ticks))
    }
    if let roundTrip = member.roundTrip {
      json.name("rttMs")
      json.double(milliseconds(roundTrip))
    }
    // OmniRelay's document has no such member, so that it comes only where it says something.
    if member.isDraining {
      json.name("draining")
      json.bool(true)
    }
    json.name("metadata")
    write(member.metadata, speaksHTTP3: member.speaksHTTP3, to: &json)
    // The same: a link that is what links are says nothing.
    if let transport = member.linkTransport, transport != usualTransport { write(link: transport, to: &json) }
    json.endObject()
  }

  /// What carries links where nothing stands in their way.
  private static let usualTransport = "http3"

  /// The same with its link, whatever carries that: MeshKit's own resources tell it of every linked member.
  static func writeWithLink(
    _ member: MemberView, at clock: MemberClock, _ texts: (any MemberTexts)?, to json: inout JSONWriter
  ) {
    guard member.linkTransport == usualTransport else { return write(member, at: clock, texts, to: &json) }
    var own = JSONWriter()
    write(member, at: clock, texts, to: &own)
    var bytes = own.bytes
    bytes.removeLast()
    bytes += usualLink
    json.written(bytes)
  }

  /// What such a link adds to the end of a member.
  private static let usualLink: [UInt8] = {
    var json = JSONWriter()
    json.beginObject()
    json.name("nodeId")
    json.string("")
    let head = json.bytes.count
    write(link: usualTransport, to: &json)
    json.endObject()
    return Array(json.bytes.dropFirst(head))
  }()

  private static func write(link transport: String, to json: inout JSONWriter) {
    json.name("link")
    json.beginObject()
    json.name("transport")
    json.string(transport)
    json.endObject()
  }

  /// A node always hears itself. A moment after `now` is one that the snapshot was too old for.
  static func lastSeen(_ member: MemberView, _ clock: MemberClock) -> Int64? {
    if member.isLocal { return clock.unixTicks }
    guard let heard = member.lastHeard else { return nil }
    let silence = max(0, clock.now.since(heard).nanoseconds / 100)
    return clock.unixTicks.subtractingReportingOverflow(silence).partialValue
  }

  /// To the microsecond: more digits would be noise.
  static func milliseconds(_ span: Duration) -> Double {
    let microseconds = span.nanoseconds / 1_000 + (span.nanoseconds % 1_000 >= 500 ? 1 : 0)
    return Double(microseconds) / 1_000
  }

  private static func write(_ metadata: NodeMetadata, speaksHTTP3: Bool, to json: inout JSONWriter) {
    json.beginObject()
    json.name("role")
    json.string(metadata.role)
    json.name("clusterId")
    json.string(metadata.clusterID)
    json.name("region")
    json.string(metadata.region)
    json.name("meshVersion")
    json.string(metadata.meshVersion)
    json.name("http3Support")
    json.bool(speaksHTTP3)
    if !metadata.endpoint.isEmpty {
      json.name("endpoint")
      json.string(metadata.endpoint)
    }
    json.name("metadataVersion")
    json.integer(metadata.metadataVersion)
    json.name("labels")
    json.beginObject()
    for label in metadata.labels {
      json.name(label.key)
      json.string(label.value)
    }
    json.endObject()
    json.endObject()
  }
}
