@testable import MeshStore

/// The bytes of `known-peers` and `epoch`: a rotten file is an error, never a trap.
func fuzzKnownPeers(_ bytes: [UInt8]) {
  let file = SmallFile(path: "known-peers", kind: "PEER", contentMax: KnownPeersFile.bytesMax)
  _ = try? file.decode(bytes)
  // The checksum keeps mutations out of the records, so they are tried without it as well.
  _ = try? KnownPeersFile.decode(bytes)
}
