import MeshSecurity

/// A revocation list file, PEM or DER.
func fuzzRevocationList(_ bytes: [UInt8]) {
  if let lists = try? RevocationList(reading: bytes, name: "fuzz"), lists.count == 0 { found("a file without lists") }
}
