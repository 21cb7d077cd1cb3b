import MeshRuntime

/// `meshkit version`
enum VersionVerb {
  static func run(_ output: Output) -> ExitCode {
    output.line("meshkit \(Version.string)")
    return .ok
  }
}
