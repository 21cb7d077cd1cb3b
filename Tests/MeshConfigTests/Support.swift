import Glibc
import MeshBasics

@testable import MeshConfig

/// A configuration that has all a node needs.
func opened(_ settings: [(String, String)] = []) throws -> Configuration {
  InvariantPolicy.trapsOnViolation = true
  var configuration = Configuration()
  try configuration.set("mesh:gossip:tls:certificatePath", "node.pfx")
  for (path, value) in settings { try configuration.set(path, value) }
  return configuration
}

/// The problems that `body` ends in; none when it succeeds.
func problems(_ body: () throws(ConfigurationError) -> Void) -> [ConfigurationProblem] {
  do throws(ConfigurationError) {
    try body()
    return []
  } catch {
    return error.problems
  }
}

/// The problems of loading a text as JSON.
func problems(json: String) -> [ConfigurationProblem] {
  var configuration = Configuration()
  return problems { () throws(ConfigurationError) in try configuration.load(json: Array(json.utf8)) }
}

/// The problems of setting one key.
func problems(setting path: String, _ value: String) -> [ConfigurationProblem] {
  var configuration = Configuration()
  return problems { () throws(ConfigurationError) in try configuration.set(path, value) }
}

/// The package's folder.
let packageRoot = String(#filePath.prefix(upTo: #filePath.range(of: "/Tests/MeshConfigTests/")))

/// The bytes of a file, nil when it can't be read.
func content(_ path: String) -> [UInt8]? {
  guard let file = fopen(path, "rb") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = fread(&chunk, 1, chunk.count, file)
    if count == 0 { return bytes }
    bytes += chunk.prefix(count)
  }
}

/// The names in a folder, sorted.
func names(in folder: String) -> [String] {
  guard let stream = opendir(folder) else { return [] }
  defer { closedir(stream) }
  var found: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if !name.hasPrefix(".") { found.append(name) }
  }
  return found.sorted()
}

extension String {
  /// Where `literal` begins; the end when it isn't there.
  fileprivate func range(of literal: String) -> Index {
    indices.first { self[$0...].hasPrefix(literal) } ?? endIndex
  }
}
