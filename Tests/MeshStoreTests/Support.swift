import Glibc
import MeshBasics
import MeshEngine
import MeshWire

@testable import MeshStore

/// A folder of its own for one test, removed at the end.
final class TemporaryFolder {
  let path: String

  init() {
    InvariantPolicy.trapsOnViolation = true
    var template = Array("/tmp/meshkit-store-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? ""
  }

  deinit {
    // Two levels are all that the tests make.
    for name in names(in: path) {
      for inner in names(in: "\(path)/\(name)") { remove("\(path)/\(name)/\(inner)") }
      remove("\(path)/\(name)")
    }
    remove(path)
  }
}

/// The names in a folder, sorted.
func names(in folder: String) -> [String] {
  guard let stream = opendir(folder) else { return [] }
  defer { closedir(stream) }
  var found: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name != ".", name != ".." { found.append(name) }
  }
  return found.sorted()
}

/// The permission bits of a path.
func mode(_ path: String) -> UInt32 {
  var status = stat()
  return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
}

/// A record with an endpoint, as the engine keeps them.
func peer(_ number: Int, label: String = "") -> MemberRecord {
  var record = MemberRecord()
  record.nodeID = "mesh-\(number)"
  record.epoch = UInt64(number)
  record.metadata = NodeMetadata()
  record.metadata?.endpoint = "10.0.0.1:\(1_000 + number % 60_000)"
  if !label.isEmpty { record.metadata?.labels = [Label(key: "k", value: label)] }
  return record
}

/// The error that `body` ends in.
func failure(_ body: () throws(StoreError) -> Void) -> StoreError? {
  do throws(StoreError) {
    try body()
    return nil
  } catch {
    return error
  }
}
