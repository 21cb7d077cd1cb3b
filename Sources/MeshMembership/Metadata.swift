// Metadata is a register of its own, ordered by (epoch, metadata version), which only its owner writes. A change of
// labels travels as a difference; whoever lacks its beginning asks for the whole.
import MeshBasics
import MeshWire

/// What a claim's metadata did to what was known.
enum MetadataChange {
  case none
  /// The same under a newer version, which counts in the digest.
  case version
  case content
  /// A difference to something that isn't known here.
  case gap
  /// A difference that would make it larger than metadata may be.
  case tooLarge
}

extension Membership {
  /// Takes newer metadata from a claim. At equal versions the owner's own word replaces what others made up.
  func takeMetadata(
    of record: MemberRecord, into member: inout Member, isOwner: Bool, now: Instant
  ) -> MetadataChange {
    let old = member.metadata.value
    let known = (member.metadataEpoch, old.metadataVersion)
    if let shared = record.sharedMetadata {
      let metadata = shared.value
      let offered = (record.epoch, metadata.metadataVersion)
      guard offered > known || (isOwner && offered == known && metadata != old) else { return .none }
      member.metadata = shared
      member.metadataEpoch = record.epoch
      if isOwner {
        member.endpointSince = .origin
      } else if metadata.endpoint != old.endpoint {
        member.endpointSince = now
      }
      return metadata.says(sameAs: old) ? .version : .content
    }
    guard let delta = record.metadataDelta, (record.epoch, delta.toVersion) > known else { return .none }
    guard (record.epoch, delta.fromVersion) == known else { return .gap }
    // Legal differences in a row could otherwise grow what peers would refuse to read, and its teller with it.
    guard let metadata = delta.applied(to: old) else { return .tooLarge }
    member.metadata = Shared(metadata)
    return .content
  }

  /// The host replaced the labels.
  mutating func setLabels(_ labels: [Label], now: Instant) {
    let old = local.metadata.value
    guard labels != old.labels else { return }
    let delta = MetadataDelta(from: old, to: labels)
    changeMetadata(now: now) { $0.labels = labels }
    guard isRunning, old.encodedSize > MembershipLimits.wholeMetadataMax, local.version.state == .alive else { return }
    var record = record(of: nodeID, local, withMetadata: false)
    record.metadataDelta = delta
    record.metadataDelta?.toVersion = local.metadata.value.metadataVersion
    if record.encodedSize < localRecord.encodedSize {
      news.put(record, about: nodeID, rank: .metadata, wide: true, source: nil)
    }
  }

  /// The owner's change of its own metadata: a greater version, told at once.
  mutating func changeMetadata(now: Instant, _ change: (inout NodeMetadata) -> Void) {
    guard isRunning else { return }
    updateLocal(now: now, rank: .metadata) { local in
      var metadata = local.metadata.value
      change(&metadata)
      metadata.metadataVersion = metadata.metadataVersion.next
      local.metadata = Shared(metadata)
    }
  }

  /// Changes the local claim and makes it news for all links.
  mutating func updateLocal(now: Instant, rank: NewsClass, _ change: (inout Member) -> Void) {
    let before = local.digestTerm(of: nodeID)
    change(&local)
    mixIntoDigest(before ^ local.digestTerm(of: nodeID), key: local.key, now: now)
    // A goodbye needs no metadata, and small as it is finds room on any probe.
    let told = record(of: nodeID, local, withMetadata: !local.version.state.isTerminal)
    news.put(told, about: nodeID, rank: rank, wide: true, source: nil)
    noteChange(of: nodeID, now: now)
  }

  /// From time to time this node's own claim rides on its probes although nothing changed.
  mutating func refresh(now: Instant) {
    timers.set(.refresh, at: now + random.jittered(configuration.metadataRefreshPeriod, percent: 10))
    guard local.metadata.value.encodedSize <= MembershipLimits.wholeMetadataMax, news[nodeID] == nil else { return }
    news.putReminder(localRecord, about: nodeID)
  }
}

extension MetadataDelta {
  /// How `old` becomes metadata with `labels`; its own version is set by who tells it.
  init(from old: NodeMetadata, to labels: [Label]) {
    self.init()
    fromVersion = old.metadataVersion
    changed = labels.filter { !old.labels.contains($0) }
    removed = old.labels.filter { label in !labels.contains { $0.key == label.key } }.map(\.key)
  }

  /// The metadata after the change, its labels sorted by key; nil when that is more than metadata may hold.
  func applied(to old: NodeMetadata) -> NodeMetadata? {
    var kept = old.labels.filter { label in
      !removed.contains(label.key) && !changed.contains { $0.key == label.key }
    }
    kept += changed
    var metadata = old
    metadata.labels = kept.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    metadata.metadataVersion = toVersion
    return kept.count <= WireLimits.labels && metadata.encodedSize <= WireLimits.metadataBytes ? metadata : nil
  }
}

extension NodeMetadata {
  /// Whether both say the same, whatever their versions.
  fileprivate func says(sameAs other: NodeMetadata) -> Bool {
    var same = other
    same.metadataVersion = metadataVersion
    return same == self
  }
}

extension Int64 {
  /// One more, or the same at the end.
  var next: Int64 {
    let (sum, overflow) = addingReportingOverflow(1)
    return overflow ? self : sum
  }
}
