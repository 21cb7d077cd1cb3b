import MeshWire

/// A claim as the known-peers file holds it.
func fuzzMemberRecord(_ bytes: [UInt8]) {
  guard let record = try? MemberRecord.decode(bytes) else { return }
  let encoded = record.encoded()
  if record.encodedSize != encoded.count { found("reckoned \(record.encodedSize) of \(encoded.count) bytes") }
  if encoded.count > bytes.count { found("grew from \(bytes.count) to \(encoded.count) bytes") }
  if (try? MemberRecord.decode(encoded)) != record { found("protobuf changed the record") }
}
