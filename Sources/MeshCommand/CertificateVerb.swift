import MeshRuntime
import MeshSecurity

/// `meshkit cert dev`: a certificate authority and node certificates for development and tests.
enum CertificateVerb {
  private static let title = "meshkit cert dev"

  static let json = JSONForm(
    "One document.",
    [
      ("authority", "The path of the authority's certificate."), ("revocationList", "The path of the list."),
      ("revoked", "An array of the node ids that were put on it."),
      (
        "nodes",
        "An array of what was issued, each with `nodeId`, `identity`, `notAfter` (ISO 8601), and the paths `pkcs12`, "
          + "`certificate` and `key`."
      ),
    ])

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let directory = values.value("--out") ?? ""
    let cluster = values.value("--cluster") ?? ""
    guard NodeID(cluster) != nil else { throw CommandError("\(title): --cluster '\(cluster)' is refused; \(nameRule)") }
    let days = try days(values.value("--days") ?? "")
    let password = try values.value("--password-file").map { path throws(CommandError) in
      try CertificateVerb.password(inFile: path)
    }
    var subjects: [DevelopmentAuthority.Subject] = []
    for text in values.all("--node") { subjects.append(try subject(text)) }
    var revoked: [NodeID] = []
    for text in values.all("--revoke") { revoked.append(try node(text, option: "--revoke")) }
    let form = try OutputForm(values)
    do {
      let authority = try DevelopmentAuthority(directory: directory, cluster: cluster)
      // Before issuing: a node in both lists gets a new certificate, and it is the old one that is revoked.
      if !revoked.isEmpty { try authority.revoke(revoked) }
      if !revoked.isEmpty, form == .table {
        output.line("revoked    \(revoked.map(\.name).joined(separator: ", ")) in \(authority.revocationListPath)")
      }
      let isToIssue = !subjects.isEmpty || revoked.isEmpty
      let issued = isToIssue ? try authority.issue(subjects, days: days, password: password) : []
      switch form {
      case .table: if isToIssue { report(issued, by: authority, output) }
      case .json: output.object(document(issued, revoked, authority))
      }
      return .ok
    } catch {
      throw CommandError("\(title): \(error.description)")
    }
  }

  private static func report(
    _ issued: [DevelopmentAuthority.Issued], by authority: DevelopmentAuthority, _ output: Output
  ) {
    output.line("authority  \(authority.authorityPath)")
    output.line("revocation \(authority.revocationListPath)")
    for one in issued {
      output.line("node       \(one.pkcs12Path) \(one.identity) until \(Clock.timestamp(unixSeconds: one.notAfter))")
    }
  }

  private static func document(
    _ issued: [DevelopmentAuthority.Issued], _ revoked: [NodeID], _ authority: DevelopmentAuthority
  ) -> KeyValuePairs<String, JSONValue> {
    let nodes = issued.map { one in
      JSONValue.members([
        "nodeId": .string(one.node.name), "identity": .string(one.identity),
        "notAfter": .string(Clock.timestamp(unixSeconds: one.notAfter)), "pkcs12": .string(one.pkcs12Path),
        "certificate": .string(one.certificatePath), "key": .string(one.keyPath),
      ])
    }
    return [
      "authority": .string(authority.authorityPath), "revocationList": .string(authority.revocationListPath),
      "revoked": .array(revoked.map { .string($0.name) }), "nodes": .array(nodes),
    ]
  }

  private static let nameRule = "allowed: 1 to 128 letters, digits, '.', '-' and '_'"

  /// `ID` or `ID:ROLE`
  static func subject(_ text: String) throws(CommandError) -> DevelopmentAuthority.Subject {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let role = parts.count == 2 ? String(parts[1]) : "worker"
    guard NodeID(role) != nil else {
      throw CommandError("\(title): --node '\(text)' has an impossible role; \(nameRule)")
    }
    return DevelopmentAuthority.Subject(
      node: try node(parts.first.map { String($0) } ?? "", option: "--node"), role: role)
  }

  private static func node(_ text: String, option: String) throws(CommandError) -> NodeID {
    guard let node = NodeID(text) else {
      throw CommandError("\(title): \(option) '\(text)' is no node id; \(nameRule)")
    }
    return node
  }

  /// The first line of the file at `path`. A file, because every user of the machine sees a command's arguments.
  static func password(inFile path: String) throws(CommandError) -> String {
    let line = try SystemFiles.read(path).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard let password = String(validating: line, as: UTF8.self), (1...1024).contains(line.count), !line.contains(0)
    else { throw CommandError("\(title): the first line of \(path) is no password; allowed: 1 to 1024 bytes of UTF-8") }
    return password
  }

  static func days(_ text: String) throws(CommandError) -> Int {
    guard let days = Int(text), (1...3650).contains(days) else {
      throw CommandError("\(title): --days '\(text)' is refused; allowed: 1 to 3650")
    }
    return days
  }
}
