import MeshRuntime
import MeshSecurity

/// `meshkit cert dev`: a certificate authority and node certificates for development and tests.
enum CertificateVerb {
  private static let title = "meshkit cert dev"

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
    do {
      let authority = try DevelopmentAuthority(directory: directory, cluster: cluster)
      // Before issuing: a node in both lists gets a new certificate, and it is the old one that is revoked.
      if !revoked.isEmpty {
        try authority.revoke(revoked)
        output.line("revoked    \(revoked.map(\.name).joined(separator: ", ")) in \(authority.revocationListPath)")
      }
      if !subjects.isEmpty || revoked.isEmpty {
        let issued = try authority.issue(subjects, days: days, password: password)
        report(issued, by: authority, output)
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
      let end = Clock.timestamp(
        unixNanoseconds: one.notAfter.multipliedReportingOverflow(by: 1_000_000_000).partialValue)
      output.line("node       \(one.pkcs12Path) \(one.identity) until \(end)")
    }
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
