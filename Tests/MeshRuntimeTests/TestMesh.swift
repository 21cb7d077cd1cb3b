import Foundation
import MeshSecurity
import Testing

@testable import MeshRuntime

/// Real nodes on loopback, with certificates of a development authority in a folder that goes away with this object.
final class TestMesh {
  let folder: String
  let authority: DevelopmentAuthority

  init(_ names: [String]) throws {
    folder = NSTemporaryDirectory() + "meshkit-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    authority = try DevelopmentAuthority(directory: folder + "/certs", cluster: "local")
    try issue(names)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func issue(_ names: [String]) throws {
    let subjects = try names.map { DevelopmentAuthority.Subject(node: try #require(NodeID($0)), role: "worker") }
    _ = try authority.issue(subjects, days: 1, password: nil)
  }

  /// A node on free ports, with quick timers so that tests don't wait for defaults.
  func configuration(_ name: String, seeds: [UInt16] = [], dataDirectory: Bool = false) throws -> NodeConfiguration {
    var configuration = NodeConfiguration(nodeID: try #require(NodeID(name)))
    configuration.bindAddress = "127.0.0.1"
    configuration.advertiseHost = "127.0.0.1"
    configuration.port = 0
    configuration.controlPort = 0
    configuration.interval = .milliseconds(100)
    configuration.pingTimeout = .milliseconds(500)
    configuration.suspicionInterval = .milliseconds(1_500)
    configuration.seeds = try seeds.map { try #require(Endpoint(host: "127.0.0.1", port: $0)) }
    configuration.certificatePath = "\(folder)/certs/\(name).pem"
    configuration.keyPath = "\(folder)/certs/\(name)-key.pem"
    configuration.trustBundlePath = authority.authorityPath
    if dataDirectory { configuration.dataDirectory = "\(folder)/data-\(name)" }
    return configuration
  }
}

/// Waits up to `seconds` for `condition`; liveness, never speed, is what this tests.
func eventually(_ what: String, within seconds: Double = 30, _ condition: () throws -> Bool) throws {
  let end = Date().addingTimeInterval(seconds)
  while Date() < end {
    if try condition() { return }
    usleep(10_000)
  }
  Issue.record("\(what): not within \(seconds) s")
}

extension Node {
  /// The names of the members with `status`, in order.
  func names(_ status: MemberStatus) -> [String] {
    members().members.filter { $0.status == status }.map(\.nodeID.name).sorted()
  }
}

/// The number of open descriptors of this process.
func openDescriptors() -> Int {
  (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
}

/// The threads of this process whose names start with `name`.
func threads(_ name: String) -> Int {
  let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
  return tasks.count { task in
    (try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8))?.hasPrefix(name) == true
  }
}
