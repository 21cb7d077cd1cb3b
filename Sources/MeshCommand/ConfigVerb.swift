import MeshRuntime

/// `meshkit mesh config validate`: what a node would make of a configuration, found out without one.
enum ConfigVerb {
  static let json = JSONForm(
    "One document, whether the configuration can be used or not.",
    [
      ("valid", "Whether a node can be opened with it, as far as the checks tell."),
      ("files", "An array of the files that were given, in their order."),
      (
        "problems",
        "An array of what is wrong, each with `message`, which holds the value and what is allowed, and where they are "
          + "known `key` and `file`."
      ),
      (
        "settings",
        "An array of the keys that are set, each with `key`, `value` (secrets are `***`) and `source`: a file, "
          + "`environment` or `--set`."
      ),
      ("nodeId", "The node; absent while the settings have mistakes, as are the next three."),
      ("clusterId", "Its cluster."),
      ("certificate", "`subject` and `notAfter` (ISO 8601); absent when it can't be used."),
      ("notices", "An array of sentences about what an operator should look at."),
    ])

  /// What is found out about one configuration.
  private struct Finding {
    var sources: ConfigurationSources?
    var node: NodeConfiguration?
    var inspection: NodeInspection?
    var problems: [ConfigurationSources.Problem] = []
  }

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let form = try OutputForm(values)
    let finding = find(values)
    switch form {
    case .table: report(finding, output)
    case .json: output.object(document(finding, files: values.all("--config")))
    }
    if form == .table, !finding.problems.isEmpty {
      let isOfMany = values.all("--config").count > 1
      let lines = finding.problems.map { "\n  \(printable($0.text(ofMany: isOfMany)))" }.joined()
      throw CommandError("\(values.title): the configuration can't be used:\(lines)")
    }
    return finding.problems.isEmpty ? .ok : .error
  }

  private static func find(_ values: OptionValues) -> Finding {
    var finding = Finding()
    do throws(CommandError) {
      var sources = try ConfigurationSources(values)
      finding.node = sources.resolve()
      finding.inspection = finding.node.map(NodeInspection.init)
      finding.problems = sources.problems
      finding.problems +=
        finding.inspection?.problems.map { ConfigurationSources.Problem(key: $0.path, message: $0.message) } ?? []
      finding.sources = sources
    } catch {
      finding.problems = [ConfigurationSources.Problem(message: error.message)]
    }
    return finding
  }

  /// What was read, and what it comes to; the problems are the end of the command.
  private static func report(_ finding: Finding, _ output: Output) {
    guard finding.problems.isEmpty, let node = finding.node, let sources = finding.sources else { return }
    let rows = sources.effective
    let width = rows.map(\.key.count).max() ?? 0
    for row in rows {
      output.line("\(Column.left(row.key, width))  \(printable(row.value))  (\(printable(row.source)))")
    }
    for notice in finding.inspection?.notices ?? [] { output.line("notice \(printable(notice))") }
    let certificate = finding.inspection?.certificate.map { certificate in
      ", certificate \(printable(certificate.subject)) until \(Clock.timestamp(unixSeconds: certificate.notAfter))"
    }
    output.line("valid: node \(node.nodeID) in cluster \(node.clusterID)\(certificate ?? "")")
  }

  private static func document(_ finding: Finding, files: [String]) -> KeyValuePairs<String, JSONValue> {
    let settings = finding.sources?.effective ?? []
    return [
      "valid": .bool(finding.problems.isEmpty), "files": .array(files.map { .string($0) }),
      "problems": .array(
        finding.problems.map { problem in
          .members([
            "file": .text(problem.source), "key": .text(problem.key.isEmpty ? nil : problem.key),
            "message": .string(problem.message),
          ])
        }),
      "settings": .array(
        settings.map { row in
          .members(["key": .string(row.key), "value": .string(row.value), "source": .string(row.source)])
        }), "nodeId": .text(finding.node?.nodeID.name), "clusterId": .text(finding.node?.clusterID),
      "certificate": finding.inspection?.certificate.map { certificate in
        .members([
          "subject": .string(certificate.subject),
          "notAfter": .string(Clock.timestamp(unixSeconds: certificate.notAfter)),
        ])
      } ?? .null,
      "notices": finding.inspection.map { .array($0.notices.map { .string($0) }) } ?? .null,
    ]
  }
}
