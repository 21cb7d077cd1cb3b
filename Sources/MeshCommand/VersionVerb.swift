import MeshRuntime

/// `meshkit version`
enum VersionVerb {
  static let json = JSONForm(
    "One document.", [("name", "`meshkit`."), ("version", "As `MAJOR.MINOR.PATCH`.")])

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    switch try OutputForm(values) {
    case .table: output.line("meshkit \(Version.string)")
    case .json: output.object(["name": .string("meshkit"), "version": .string(Version.string)])
    }
    return .ok
  }
}
