import MeshBasics
import MeshWire

// Reading v1's JSON: names in v1's case, unknown ones ignored, null the same as left out. What is wrong with the
// envelope itself is thrown, naming the field. What is wrong with one of its members leaves out that member alone: v1
// nodes pass on what they were told, and one poisoned member must not make all of them unreadable.

extension V1Envelope {
  /// The envelope in `bytes`; nil for the JSON `null`, which v1 answers in a way of its own.
  ///
  /// *Limits*: `GossipV1Limits`. *Errors* name the field and what is allowed, never what it holds.
  public static func read(_ bytes: [UInt8]) throws(WireError) -> V1Envelope? {
    let json = try JSONValue.parse(bytes, bytesMax: GossipV1Limits.bodyBytesMax, takesNUL: true)
    if json == .null { return nil }
    let object = try V1Object(json, "envelope", path: "")
    let sender = try object.object("sender")
    var envelope = V1Envelope(sender: try V1Profile.read(sender), schema: try object.optionalText("schema"))
    envelope.unixTicks = try object.moment("timestamp") ?? 0
    envelope.sequence = try object.integer("sequence") ?? 0
    // Any value but null and false: newer nodes may tell more of themselves.
    envelope.isMeshKit = object.value(V1Envelope.meshKitKey).map { $0 != .bool(false) } ?? false
    try envelope.readMembers(try object.array("members", max: GossipV1Limits.membersReadMax))
    return envelope
  }

  /// The key that MeshKit nodes add to v1's.
  static let meshKitKey = "meshkit"

  private mutating func readMembers(_ items: [JSONValue]) throws(WireError) {
    for (index, item) in items.enumerated() {
      do throws(WireError) {
        members.append(try V1Member.read(try V1Object(item, "members[\(index)]", path: "members[\(index)].")))
      } catch {
        if refusals.count < GossipV1Limits.refusalsKept { refusals.append(error) }
      }
    }
  }
}

extension V1Shuffle {
  /// The shuffle in `bytes`; nil for the JSON `null`. *Errors* as for envelopes; endpoints that are none are left out.
  public static func read(_ bytes: [UInt8]) throws(WireError) -> V1Shuffle? {
    let json = try JSONValue.parse(bytes, bytesMax: GossipV1Limits.bodyBytesMax, takesNUL: true)
    if json == .null { return nil }
    let object = try V1Object(json, "shuffle", path: "")
    let sender = try object.text("sender", .requiredText)
    let items = try object.array("endpoints", max: GossipV1Limits.shuffleReadMax)
    let endpoints = items.compactMap { item in
      if case .string(let text) = item { Endpoint(parsing: text) } else { nil }
    }
    return V1Shuffle(sender: sender, endpoints: endpoints)
  }
}

extension V1Member {
  static func read(_ object: V1Object) throws(WireError) -> V1Member {
    let name = try object.text("nodeId", .nodeID)
    let profile = try V1Profile.read(try object.object("metadata"))
    guard profile.nodeID.name == name else { throw object.error("metadata.nodeId", "not the name of the member") }
    var member = V1Member(profile: profile, status: try status(object))
    member.lastSeenUnixTicks = try object.moment("lastSeen")
    member.roundTripMilliseconds = try object.number("rttMs")
    return member
  }

  private static func status(_ object: V1Object) throws(WireError) -> V1Status {
    let name: String
    switch object.value("status") {
    case .string(let text): name = text.lowercased()
    case .number(let text): name = Int(text).flatMap { ["alive", "suspect", "left"].element($0) } ?? ""
    default: name = ""
    }
    guard let status = V1Status.allCases.first(where: { $0.rawValue.lowercased() == name }) else {
      throw object.error("status", "none of Alive, Suspect, Left")
    }
    return status
  }
}

extension V1Profile {
  static func read(_ object: V1Object) throws(WireError) -> V1Profile {
    guard let nodeID = NodeID(try object.text("nodeId", .nodeID)) else {
      throw object.error("nodeId", "not the name of a node")
    }
    var metadata = NodeMetadata()
    metadata.role = try object.text("role", .text)
    metadata.clusterID = try object.text("clusterId", .text)
    metadata.region = try object.text("region", .text)
    metadata.meshVersion = try object.text("meshVersion", .text)
    metadata.http3Support = try object.bool("http3Support") ?? false
    metadata.metadataVersion = try object.integer("metadataVersion") ?? 0
    metadata.labels = try labels(object)
    let endpoint = Endpoint(parsing: try object.text("endpoint", .endpointOrEmpty))
    return V1Profile(nodeID: nodeID, metadata: metadata, endpoint: endpoint)
  }

  /// By the bytes of their keys, as everywhere in MeshKit. Of keys that differ in case only the first is taken: v1 puts
  /// labels into a map that doesn't mind it.
  private static func labels(_ object: V1Object) throws(WireError) -> [Label] {
    let pairs = try object.members("labels")
    guard pairs.count <= GossipV1Limits.labelsMax else {
      throw object.error("labels", "\(pairs.count) labels, allowed are \(GossipV1Limits.labelsMax)")
    }
    var labels: [Label] = []
    for pair in pairs {
      guard case .string(let value) = pair.value else {
        if pair.value == .null { continue }
        throw object.error("labels", "a value that is no text")
      }
      try TextRule.labelKey.check(pair.name, object.path + "labels.key")
      try TextRule.labelValue.check(value, object.path + "labels.value")
      labels.append(Label(key: pair.name, value: value))
    }
    return labels.withoutTwins.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }
}

extension [Label] {
  /// Without those whose key an earlier one has in another case.
  var withoutTwins: [Label] {
    var keys = OrderedMap<String, Bool>()
    return filter { label in
      let key = label.key.lowercased()
      defer { keys[key] = true }
      return keys[key] == nil
    }
  }
}

extension Array {
  /// The element at `index`; nil beyond the ends.
  fileprivate func element(_ index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
