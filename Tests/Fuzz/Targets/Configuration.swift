import MeshConfig

/// A JSON configuration, a text of settings, and the checks across keys: none may trap, whatever comes.
func fuzzConfiguration(_ bytes: [UInt8]) {
  var configuration = Configuration()
  try? configuration.load(json: bytes)
  let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").prefix(64)
  for line in lines {
    let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
    guard let name = parts.first, let value = parts.last else { continue }
    try? configuration.set(name, value)
    try? configuration.load(environment: [(name, value)])
  }
  _ = try? configuration.resolve(hostName: String(decoding: bytes.prefix(32), as: UTF8.self))
  _ = configuration.notices
}
