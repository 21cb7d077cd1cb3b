// swift-tools-version:6.2
// MeshKit builds with the Swift toolchain and Debian's C libraries alone; it depends on no other Swift package.
// The layers, and which may import which, are in docs/architecture.md; Tests/TidyTests enforces them.
import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// What MeshRuntime re-exports. The faces name these too, because an incremental build rebuilds only what depends directly
/// on a module whose types have changed their layout.
let throughRuntime: [Target.Dependency] = [
  "MeshBasics", "MeshWire", "MeshConfig", "MeshMembership", "MeshTasks", "MeshTelemetry",
]

let package = Package(
  name: "MeshKit",
  products: [
    .library(name: "MeshKit", targets: ["MeshKit"]),
    .library(name: "meshkit", type: .dynamic, targets: ["MeshKitABI"]),
    .executable(name: "meshkit-cli", targets: ["MeshCommand"]),
    .executable(name: "meshsim", targets: ["MeshSimCommand"]),
  ],
  targets: [
    // C libraries
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl"),
    .systemLibrary(name: "CGnuTLS", pkgConfig: "gnutls"),
    .systemLibrary(name: "CNgtcp2", pkgConfig: "libngtcp2_crypto_gnutls"),
    .systemLibrary(name: "CNghttp3", pkgConfig: "libnghttp3"),
    .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
    .systemLibrary(name: "CMeshKit", path: "include"),
    .target(name: "CLinux"),
    // rooms: pure, no IO
    module("MeshBasics"),
    .target(
      name: "MeshWire", dependencies: ["MeshBasics"], exclude: ["proto"], swiftSettings: strict),
    module("MeshConfig", ["MeshBasics", "MeshWire"]),
    module("MeshMembership", ["MeshBasics", "MeshWire"]),
    module("MeshControl", ["MeshBasics", "MeshWire", "MeshMembership", "MeshTasks"]),
    module("MeshEngine", ["MeshBasics", "MeshWire", "MeshMembership"]),
    module("MeshGossipV1", ["MeshBasics", "MeshWire"]),
    module("MeshTasks", ["MeshBasics", "MeshWire"]),
    // shell: IO
    module("MeshThreads", ["MeshBasics", "CLinux"]),
    module("MeshTelemetry", ["MeshBasics", "MeshThreads"]),
    module("MeshSecurity", ["MeshBasics", "MeshThreads", "COpenSSL"]),
    module(
      "MeshTransport",
      [
        "MeshBasics", "MeshThreads", "MeshSecurity", "CLinux", "CNgtcp2", "CNghttp3", "CNghttp2", "CGnuTLS", "COpenSSL",
        "CZlib",
      ]),
    module("MeshStore", ["MeshBasics", "MeshWire", "MeshEngine"]),
    module(
      "MeshRuntime",
      [
        "MeshBasics", "MeshWire", "MeshConfig", "MeshMembership", "MeshControl", "MeshEngine", "MeshGossipV1",
        "MeshTasks", "MeshTelemetry", "MeshThreads", "MeshSecurity", "MeshTransport", "MeshStore", "CLinux",
      ]),
    // faces
    module("MeshKit", ["MeshRuntime", "MeshThreads"] + throughRuntime),
    // Package holds what CMake installs beside the library.
    .target(
      name: "MeshKitABI", dependencies: ["MeshRuntime", "MeshThreads", "CMeshKit"] + throughRuntime,
      exclude: ["Package"],
      swiftSettings: strict),
    .executableTarget(
      name: "MeshCommand", dependencies: ["MeshRuntime", "MeshSecurity", "MeshTransport"] + throughRuntime,
      swiftSettings: strict),
    module("MeshSim", ["MeshBasics", "MeshWire", "MeshMembership", "MeshEngine", "MeshTasks"]),
    .executableTarget(name: "MeshSimCommand", dependencies: ["MeshSim"], swiftSettings: strict),
    // tests: one target per module, and those that cross modules
    tests("MeshBasicsTests", ["MeshBasics"]),
    tests("MeshWireTests", ["MeshWire"]),
    tests("MeshConfigTests", ["MeshConfig"]),
    tests("MeshMembershipTests", ["MeshMembership"]),
    tests("MeshEngineTests", ["MeshEngine"]),
    tests("MeshControlTests", ["MeshControl", "MeshTasks"]),
    tests("MeshGossipV1Tests", ["MeshGossipV1"]),
    tests("MeshTasksTests", ["MeshTasks"]),
    tests("MeshTelemetryTests", ["MeshTelemetry", "MeshThreads"]),
    tests("MeshThreadsTests", ["MeshThreads", "MeshBasics"]),
    tests("MeshSecurityTests", ["MeshSecurity", "COpenSSL"]),
    tests("MeshTransportTests", ["MeshTransport", "MeshThreads", "MeshSecurity", "CNghttp2", "COpenSSL"]),
    tests("MeshStoreTests", ["MeshStore"] + throughRuntime),
    tests(
      "MeshRuntimeTests",
      ["MeshRuntime", "MeshGossipV1", "MeshThreads", "MeshSecurity", "MeshTransport"] + throughRuntime),
    tests("MeshKitTests", ["MeshKit", "MeshSecurity", "MeshRuntime"] + throughRuntime),
    tests("MeshCommandTests", ["MeshCommand", "MeshRuntime", "MeshTransport"] + throughRuntime),
    tests("SimulationTests", ["MeshSim"]),
    tests("TidyTests", []),
    // what `make bench` runs beside the C programs in Tests/Benchmarks
    .executableTarget(
      name: "LinkBench", dependencies: ["MeshTransport", "MeshSecurity"], path: "Tests/Benchmarks/LinkBench",
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)

// The fuzzer's executable brings libFuzzer's own main(), so that it exists only where Tests/Fuzz/run asks for it.
if Context.environment["MESHKIT_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "MeshFuzz",
      dependencies: [
        "MeshWire", "MeshConfig", "MeshControl", "MeshEngine", "MeshGossipV1", "MeshSecurity", "MeshTransport",
        "MeshStore", "MeshTasks",
      ],
      path: "Tests/Fuzz", exclude: ["run"], swiftSettings: strict))
}
