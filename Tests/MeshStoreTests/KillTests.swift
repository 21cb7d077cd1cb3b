import Glibc
import MeshEngine
import Testing

@testable import MeshStore

/// Kills a real process while it writes. The process is this test program, started once more with a variable that
/// turns `childWritesEpochsUntilKilled` on; it acknowledges each epoch through a pipe after `write` returned.
@Suite(.serialized) struct KillTests {
  private static let variable = "MESHKIT_STORE_TEST_CHILD"
  private static let acknowledgements: Int32 = 9
  private static var childFolder: String? { getenv(variable).map { String(cString: $0) } }

  @Test(.enabled(if: KillTests.childFolder != nil))
  func childWritesEpochsUntilKilled() throws {
    let store = try NodeStore(directory: #require(KillTests.childFolder))
    var epoch = try store.load().state.epoch
    while true {
      epoch &+= 1
      try store.write(.epoch(epoch))
      var bytes: [UInt8] = []
      bytes.append(littleEndian: epoch, count: 8)
      guard write(KillTests.acknowledgements, bytes, 8) == 8 else { return }
    }
  }

  @Test(.enabled(if: KillTests.childFolder == nil))
  func killedProcessesLoseNothingAcknowledged() throws {
    let root = TemporaryFolder()
    var last: UInt64 = 0
    for round in 1...5 {
      let acknowledged = try runAndKill(in: root.path, after: round * 37)
      #expect(acknowledged > last)
      // The lock went with the process, whatever it was doing.
      last = try NodeStore(directory: root.path).load().state.epoch
      #expect(last == acknowledged || last == acknowledged + 1)
    }
  }

  /// Starts the child, kills it after `count` acknowledgements, answers the last epoch that it acknowledged.
  private func runAndKill(in folder: String, after count: Int) throws -> UInt64 {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let child = try start(folder, ends[1])
    close(ends[1])
    defer { close(ends[0]) }
    var last: UInt64 = 0
    for _ in 0..<count { last = try #require(next(ends[0])) }
    kill(child, SIGKILL)
    while let more = next(ends[0]) { last = more }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    return last
  }

  private func next(_ descriptor: Int32) -> UInt64? {
    var bytes = [UInt8](repeating: 0, count: 8)
    guard read(descriptor, &bytes, 8) == 8 else { return nil }
    var reader = ByteReader(bytes)
    return reader.number(8)
  }

  private func start(_ folder: String, _ output: Int32) throws -> pid_t {
    let files = LinuxFiles()
    let words = try #require(try files.read("/proc/self/cmdline", bytesMax: 1 << 20)).split(separator: 0)
    var arguments = words.map { String(decoding: $0, as: UTF8.self) }
    while let filter = arguments.firstIndex(of: "--filter"), filter + 1 < arguments.count {
      arguments.removeSubrange(filter...(filter + 1))
    }
    arguments += ["--filter", "KillTests"]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, output, KillTests.acknowledgements)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var own: [String] = ["\(KillTests.variable)=\(folder)"]
    var position = 0
    while let entry = environ[position] {
      own.append(String(cString: entry))
      position += 1
    }
    let argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    let envp: [UnsafeMutablePointer<CChar>?] = own.map { strdup($0) } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var child: pid_t = 0
    try #require(posix_spawn(&child, "/proc/self/exe", &actions, nil, argv, envp) == 0)
    return child
  }
}
