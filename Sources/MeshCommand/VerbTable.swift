extension Verb {
  /// Everything the command can do, in the order of its help.
  static let all: [Verb] = [
    version, certDev, nodeRun, meshPeersList, meshPeersRemove, meshDrain, meshResume, meshLeave,
  ]

  private static let version = Verb(
    words: ["version"], summary: "Print the version.",
    run: { _, output throws(CommandError) in VersionVerb.run(output) })

  private static let certDev = Verb(
    words: ["cert", "dev"], summary: "Make a certificate authority and node certificates for development.",
    details: """
      Keeps the authority in DIR and reuses it, so that nodes can be added later. Not for production: the authority's
      key lies unprotected beside the certificates. With --revoke and --node for one node, the old certificate is
      revoked and the new one is not.
      """,
    options: [
      Option(name: "--out", placeholder: "DIR", summary: "directory for the files", isRequired: true),
      Option(name: "--cluster", placeholder: "ID", summary: "cluster that the certificates name", standard: "local"),
      Option(
        name: "--node", placeholder: "ID[:ROLE]", summary: "issue a certificate for this node; the role is worker",
        repeats: true),
      Option(name: "--days", placeholder: "N", summary: "validity of node certificates, 1 to 3650", standard: "7"),
      Option(
        name: "--password-file", placeholder: "FILE", summary: "its first line is the password of the .pfx files"),
      Option(
        name: "--revoke", placeholder: "ID",
        summary: "put this node's present certificate on DIR/crl.pem", repeats: true),
    ],
    run: { values, output throws(CommandError) in try CertificateVerb.run(values, output) })

  private static let nodeRun = Verb(
    words: ["node", "run"], summary: "Run one node until SIGTERM or SIGINT.",
    details: """
      Reads the JSON file, then the environment (MESH_GOSSIP__PORT=0), then --set; the later one wins. Prints one line
      for each change of the membership and each log record. A signal makes the node say goodbye and stop. Passwords
      belong in the file or the environment, because every user of the machine sees the arguments of a command.
      """,
    options: [
      Option(name: "--config", short: "-c", placeholder: "FILE", summary: "JSON configuration", isRequired: true),
      Option(
        name: "--set", placeholder: "KEY=VALUE", summary: "set one key, such as mesh:gossip:port=0", repeats: true),
    ],
    run: { values, output throws(CommandError) in try NodeVerb.run(values, output) })

  private static let meshPeersList = Verb(
    words: ["mesh", "peers", "list"], summary: "List the members that a node knows.",
    options: ControlAddress.options + [
      Option(name: "--format", placeholder: "table|json", summary: "form of the answer", standard: "table"),
      Option(
        name: "--watch", placeholder: "",
        summary: "go on with each change, a line each, until Ctrl-C; comes back after a break"),
    ],
    run: { values, output throws(CommandError) in try PeersVerb.run(values, output) })

  private static let meshPeersRemove = Verb(
    words: ["mesh", "peers", "remove"], summary: "Declare a dead or lost member gone, in the whole mesh.",
    details: """
      A member that lives and can be reached comes back by itself. \(scopeNote)
      """,
    operand: "ID", options: ControlAddress.options,
    run: { values, output throws(CommandError) in try OperateVerb.remove(values, output) })

  private static let meshDrain = Verb(
    words: ["mesh", "drain"], summary: "Let a node tell the mesh that it wants no new work.", details: scopeNote,
    options: ControlAddress.options,
    run: { values, output throws(CommandError) in try OperateVerb.drain(values, output) })

  private static let meshResume = Verb(
    words: ["mesh", "resume"], summary: "Let a drained node want work again.", details: scopeNote,
    options: ControlAddress.options,
    run: { values, output throws(CommandError) in try OperateVerb.resume(values, output) })

  private static let meshLeave = Verb(
    words: ["mesh", "leave"], summary: "Let a node say goodbye to the mesh and stop.", details: scopeNote,
    options: ControlAddress.options,
    run: { values, output throws(CommandError) in try OperateVerb.leave(values, output) })

  private static let scopeNote = """
    The node must allow this to callers on its host: mesh:control:loopbackScopes with mesh.operate.
    """
}
