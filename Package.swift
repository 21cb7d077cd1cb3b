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

let package = Package(
  name: "MeshKit",
  products: [],
  targets: [
    // rooms: pure, no IO
    module("MeshBasics"),
    .target(
      name: "MeshWire", dependencies: ["MeshBasics"], exclude: ["proto"], swiftSettings: strict),
    module("MeshMembership", ["MeshBasics", "MeshWire"]),
    // tests: one target per module, and those that cross modules
    tests("MeshBasicsTests", ["MeshBasics"]),
    tests("MeshWireTests", ["MeshWire"]),
    tests("MeshMembershipTests", ["MeshMembership"]),
  ],
  swiftLanguageModes: [.v6]
)
