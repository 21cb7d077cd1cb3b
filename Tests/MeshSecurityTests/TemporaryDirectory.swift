import Glibc

@testable import MeshSecurity

/// A directory for one test, removed with it.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/meshkit-security-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SecurityError("no temporary directory") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { _ = run(["rm", "-rf", path]) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes `bytes` to `name` and gives its path.
  @discardableResult
  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    try ReplacingFile.write(bytes.withUnsafeBytes { SecretBytes(copying: $0) }, to: file(name), mode: 0o600)
    return file(name)
  }

  func read(_ name: String) throws -> [UInt8] { try readFile(file(name)) }
}

func readFile(_ path: String) throws -> [UInt8] {
  try WatchedFile(reading: path, as: "test", sizeMax: 1 << 26).content.withBytes { Array($0) }
}

/// Runs a program of the system, its output thrown away; gives its exit status.
func run(_ words: [String]) -> Int32 {
  var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
  arguments.append(nil)
  defer { arguments.forEach { free($0) } }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for descriptor: Int32 in 0...2 {
    posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
  }
  var child: pid_t = 0
  guard posix_spawnp(&child, words.first ?? "", &actions, nil, arguments, environ) == 0 else { return -1 }
  var status: Int32 = 0
  while waitpid(child, &status, 0) < 0 && errno == EINTR {}
  return status >> 8 & 0xff
}
