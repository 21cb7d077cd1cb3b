import MeshTransport

/// Bytes as a compressed message may be, expanded within a limit that the first byte chooses. What can be expanded must
/// be the same once it is compressed and expanded again.
func fuzzGZip(_ bytes: [UInt8]) {
  guard let choice = bytes.first else { return }
  let bytesMax = Int(choice) * 64
  guard case .success(let plain) = GZip.expand(Array(bytes.dropFirst()), bytesMax: bytesMax) else { return }
  if plain.count > bytesMax { found("\(plain.count) bytes for \(bytesMax)") }
  guard let small = GZip.compress(plain) else { found("no memory to compress \(plain.count) bytes") }
  guard case .success(plain) = GZip.expand(small, bytesMax: plain.count) else { found("it comes back otherwise") }
  if plain.count > 0, case .success = GZip.expand(small, bytesMax: plain.count - 1) { found("a byte over the limit") }
}
