import MeshBasics
import MeshWire

// Writing v1's JSON: every key in v1's order, nulls left out. A property that v1 doesn't find loses its default there,
// and missing labels crash a loop of it, so that all are written always.

extension V1Envelope {
  /// The envelope as v1 nodes read it.
  public func encoded() -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    if let schema { json.member("schema", schema) }
    json.member("timestamp", DotNetTime.text(unixTicks: unixTicks))
    json.member("sequence", sequence)
    json.name("sender")
    sender.write(to: &json)
    json.name("members")
    json.beginArray()
    for member in members { member.write(to: &json) }
    json.endArray()
    if isMeshKit {
      json.name(V1Envelope.meshKitKey)
      json.bool(true)
    }
    json.endObject()
    return json.bytes
  }
}

extension V1Shuffle {
  /// The shuffle as v1 nodes read it.
  public func encoded() -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.member("sender", sender)
    json.name("endpoints")
    json.beginArray()
    for endpoint in endpoints { json.string(endpoint.description) }
    json.endArray()
    json.endObject()
    return json.bytes
  }
}

extension V1Member {
  fileprivate func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("nodeId", profile.nodeID.name)
    json.member("status", status.rawValue)
    if let ticks = lastSeenUnixTicks { json.member("lastSeen", DotNetTime.text(unixTicks: ticks)) }
    if let milliseconds = roundTripMilliseconds, milliseconds.isFinite {
      json.name("rttMs")
      json.double(milliseconds)
    }
    json.name("metadata")
    profile.write(to: &json)
    json.endObject()
  }
}

extension V1Profile {
  fileprivate func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("nodeId", nodeID.name)
    json.member("role", metadata.role)
    json.member("clusterId", metadata.clusterID)
    json.member("region", metadata.region)
    json.member("meshVersion", metadata.meshVersion)
    json.name("http3Support")
    json.bool(metadata.http3Support)
    json.member("metadataVersion", metadata.metadataVersion)
    json.name("labels")
    json.beginObject()
    for label in metadata.labels { json.member(label.key, label.value) }
    json.endObject()
    if let endpoint { json.member("endpoint", endpoint.description) }
    json.endObject()
  }

  /// About how many bytes it takes: what its texts need, and what stands around them in a member.
  var estimatedBytes: Int {
    let labels = metadata.labels.reduce(0) { $0 &+ $1.key.utf8.count &+ $1.value.utf8.count &+ 6 }
    let texts =
      metadata.role.utf8.count &+ metadata.clusterID.utf8.count &+ metadata.region.utf8.count
      &+ metadata.meshVersion.utf8.count &+ (endpoint?.host.utf8.count ?? 0)
    return 320 &+ texts &+ 2 &* nodeID.name.utf8.count &+ labels
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, _ value: String) {
    self.name(name)
    string(value)
  }

  fileprivate mutating func member(_ name: String, _ value: Int64) {
    self.name(name)
    integer(value)
  }
}
