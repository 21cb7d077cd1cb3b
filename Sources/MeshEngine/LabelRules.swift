import MeshBasics
import MeshWire

/// What labels a host may set: what peers would refuse to read is refused here, with its reason.
enum LabelRules {
  struct Problem: Error, Equatable { let text: String }

  /// The labels sorted by key, or what is wrong with them. `own` is the claim that will carry them.
  static func check(
    _ labels: [Label], for node: NodeID, _ own: MemberRecord
  ) -> Result<[Label], Problem> {
    guard labels.count <= WireLimits.labels else {
      return .failure(Problem(text: "labels: \(labels.count), allowed are \(WireLimits.labels)"))
    }
    let sorted = labels.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for (label, next) in zip(sorted, sorted.dropFirst()) where label.key == next.key {
      return .failure(Problem(text: "labels: '\(label.key)' is there twice"))
    }
    for label in sorted {
      let keySize = label.key.utf8.count
      guard (1...WireLimits.labelKeyBytes).contains(keySize) else {
        return .failure(
          Problem(text: "labels: a key of \(keySize) bytes, allowed are 1 to \(WireLimits.labelKeyBytes)"))
      }
      guard label.value.utf8.count <= WireLimits.labelValueBytes else {
        return .failure(
          Problem(
            text: "labels: the value of '\(label.key)' has \(label.value.utf8.count) bytes, "
              + "allowed are \(WireLimits.labelValueBytes)"))
      }
    }
    // The codec knows best what peers will read; the total is limited too. What this node may come to say of itself
    // beside its labels must find room later.
    var record = own
    record.metadata?.labels = sorted
    record.metadata?.draining = true
    record.metadata?.metadataVersion = .max
    record.metadata?.security.mutualTLS = true
    record.metadata?.security.revocationChecked = true
    record.metadata?.security.certificateExpiresAt = .max
    do {
      _ = try MemberRecord.decode(record.encoded())
    } catch {
      return .failure(Problem(text: "labels: \(error.description)"))
    }
    return .success(sorted)
  }
}
