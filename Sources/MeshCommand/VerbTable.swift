extension Verb {
  /// Everything the command can do, in the order of its help.
  static let all: [Verb] = [
    version, certDev, tokenNew, nodeRun, meshPeersList, meshPeersPing, meshPeersRemove, meshConfigValidate, meshDrain,
    meshResume,
    meshLeave, queuesList, queuesStats, queuesDeadList, queuesDeadRedrive, completion,
  ]

  private static let version = Verb(
    words: ["version"], summary: "Print the version.", options: [OutputForm.option()], json: VersionVerb.json,
    run: { values, output throws(CommandError) in try VersionVerb.run(values, output) })

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
      OutputForm.option(),
    ], json: CertificateVerb.json,
    run: { values, output throws(CommandError) in try CertificateVerb.run(values, output) })

  private static let tokenNew = Verb(
    words: ["token", "new"], summary: "Make a token for a caller of control listeners.",
    details: """
      Writes the token into a new file that only its owner may read, and prints the entry that makes a node know it:
      one for the list in the file of mesh:control:principalsPath. The entry holds no secret,
      and is JSON in either form of output.
      """,
    options: [
      Option(
        name: "--name", placeholder: "NAME", summary: "name of the principal, for log records", isRequired: true),
      Option(
        name: "--scope", placeholder: "SCOPE", summary: "mesh.read, mesh.observe, mesh.operate or mesh.admin",
        isRequired: true, repeats: true),
      Option(name: "--out", placeholder: "FILE", summary: "file for the token; it must not exist", isRequired: true),
      OutputForm.option(),
    ], json: TokenVerb.json,
    run: { values, output throws(CommandError) in try TokenVerb.run(values, output) })

  private static let nodeRun = Verb(
    words: ["node", "run"], summary: "Run one node until SIGTERM or SIGINT.",
    details: """
      Reads the JSON files, then the environment (MESH_GOSSIP__PORT=0), then --set; what is later wins. Prints one line
      for each change of the membership and each log record. A signal makes the node say goodbye and stop. Passwords
      belong in the file or the environment, because every user of the machine sees the arguments of a command.
      """,
    options: [
      ConfigurationSources.files(isRequired: true), ConfigurationSources.settings, OutputForm.option(),
    ], json: NodeLines.json,
    run: { values, output throws(CommandError) in try NodeVerb.run(values, output) })

  private static let meshPeersList = Verb(
    words: ["mesh", "peers", "list"], summary: "List the members that a node knows.",
    options: ControlAddress.options + [
      OutputForm.option(alias: "--format"),
      Option(
        name: "--watch", placeholder: "",
        summary: "go on with each change, a line each, until Ctrl-C; comes back after a break"),
    ], json: PeersVerb.json,
    run: { values, output throws(CommandError) in try PeersVerb.run(values, output) })

  private static let meshPeersPing = Verb(
    words: ["mesh", "peers", "ping"], summary: "Let a node ask a member over the mesh whether it is well.",
    details: """
      Prints what the member says of itself, how long that took and over what: HTTP/2 where UDP is blocked between the
      two. Fails where the member can't be reached, or isn't serving.
      """,
    operand: "ID", options: ControlAddress.options + [OutputForm.option()], json: PingVerb.json,
    run: { values, output throws(CommandError) in try PingVerb.run(values, output) })

  private static let meshPeersRemove = Verb(
    words: ["mesh", "peers", "remove"], summary: "Declare a dead or lost member gone, in the whole mesh.",
    details: """
      A member that lives and can be reached comes back by itself. \(scopeNote)
      """,
    operand: "ID", options: operateOptions, json: OperateVerb.json,
    run: { values, output throws(CommandError) in try OperateVerb.remove(values, output) })

  private static let meshConfigValidate = Verb(
    words: ["mesh", "config", "validate"], summary: "Check a node's configuration without starting the node.",
    details: """
      Reads the JSON files, then the environment, then --set, as node run does, and lists every key that is set with its
      value and its source. Checks each value, what keys ask of each other, that the certificate, its key, the trust
      bundle and the revocation list can be read and belong together, that the certificate is valid now and names the
      node, that the file of principals can be used, and that the data folder can be made or written. Opens no port, asks no name server, and writes, creates and
      locks nothing, so that a port in use, an address of another machine and a second node in the data folder show only
      at the start.
      """,
    options: [
      ConfigurationSources.files(isRequired: false), ConfigurationSources.settings,
      OutputForm.option(alias: "--format"),
    ], json: ConfigVerb.json,
    run: { values, output throws(CommandError) in try ConfigVerb.run(values, output) })

  private static let meshDrain = Verb(
    words: ["mesh", "drain"], summary: "Let a node tell the mesh that it wants no new work.", details: scopeNote,
    options: operateOptions, json: OperateVerb.json,
    run: { values, output throws(CommandError) in try OperateVerb.drain(values, output) })

  private static let meshResume = Verb(
    words: ["mesh", "resume"], summary: "Let a drained node want work again.", details: scopeNote,
    options: operateOptions, json: OperateVerb.json,
    run: { values, output throws(CommandError) in try OperateVerb.resume(values, output) })

  private static let meshLeave = Verb(
    words: ["mesh", "leave"], summary: "Let a node say goodbye to the mesh and stop.", details: scopeNote,
    options: operateOptions, json: OperateVerb.json,
    run: { values, output throws(CommandError) in try OperateVerb.leave(values, output) })

  private static let completion = Verb(
    words: ["completion"], summary: "Print a script that lets a shell complete this command.",
    details: """
      bash: source <(meshkit completion bash), or keep it as ~/.local/share/bash-completion/completions/meshkit.
      zsh: keep it as _meshkit in a folder of $fpath. fish: keep it as ~/.config/fish/completions/meshkit.fish.
      """,
    operand: "SHELL", operandChoices: Completion.shells,
    run: { values, output throws(CommandError) in try Completion.run(values, output) })

  static let operateOptions = ControlAddress.options + [OutputForm.option()]

  static let scopeNote = """
    It takes the scope mesh.operate: of the principal whose token or certificate is shown, or, for callers on the node's
    host without one, in mesh:control:loopbackScopes.
    """
}
