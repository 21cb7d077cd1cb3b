import MeshRuntime
import MeshSecurity

/// `meshkit token new`: a token in a file of its own, and the entry by which nodes know it.
enum TokenVerb {
  static let json = JSONForm(
    "One entry for the list `principals` of the file.",
    [
      ("name", "The principal's name."), ("scopes", "What it may do."),
      ("tokenSha256", "A list of one: the SHA-256 of the token, in hexadecimal digits."),
    ])

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let scopes = values.all("--scope").map { $0.lowercased() }
    let token = BearerToken.make()
    let entry = JSONText.compact(
      .object([
        JSONMember("name", .string(values.value("--name") ?? "")),
        JSONMember("scopes", .array(scopes.map { .string($0) })),
        JSONMember("tokenSha256", .array([.string(token.sha256)])),
      ]))
    // What a node would refuse is refused before a file is made.
    if let mistake = PrincipalsCheck.mistake(in: "{\"principals\":[\(entry)]}") {
      throw CommandError("\(values.title): \(printable(mistake))")
    }
    do throws(SecurityError) {
      try token.save(to: values.value("--out") ?? "")
    } catch {
      throw CommandError("\(values.title): \(error.description)")
    }
    output.line(entry)
    return .ok
  }
}
