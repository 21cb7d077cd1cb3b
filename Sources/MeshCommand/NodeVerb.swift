import Glibc
import MeshRuntime
import MeshTransport

/// `meshkit node run`: one node in the foreground.
enum NodeVerb {
  /// How long a graceful stop may take before the command gives up.
  static let stopPatience = Duration.seconds(10)
  private static let streamCapacity = 4_096

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let configuration = try configuration(values, output)
    let signals = try StopSignals()
    do {
      let stream = try EventStream(capacity: streamCapacity)
      let node = try Node.open(configuration)
      try node.subscribe(stream, topics: .all)
      output.line(opening(node))
      return try follow(node, stream, signals, output)
    } catch {
      throw CommandError("meshkit node run: \(error.message)")
    }
  }

  /// What the command prints first; scripts read the ports from it.
  private static func opening(_ node: Node) -> String {
    let configuration = node.configuration
    let mesh = listener(configuration.bindAddress, node.meshPort)
    let control = listener(configuration.controlAddress, node.controlPort)
    return "node \(configuration.nodeID) open mesh=\(mesh) control=\(control)"
  }

  /// `host:port`, with brackets around an IPv6 address; `off` for port 0.
  static func listener(_ host: String, _ port: UInt16) -> String {
    Endpoint(host: host, port: port)?.description ?? "off"
  }

  /// File, then environment, then `--set`.
  private static func configuration(
    _ values: OptionValues, _ output: Output
  ) throws(CommandError) -> NodeConfiguration {
    let path = values.value("--config") ?? ""
    let document = try SystemFiles.read(path)
    let environment = try SystemFiles.environment()
    var settings: [(key: String, value: String)] = []
    for text in values.all("--set") {
      guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
        throw CommandError("meshkit node run: --set '\(text)' is refused; allowed: KEY=VALUE")
      }
      settings.append((String(text[..<sign]), String(text[text.index(after: sign)...])))
    }
    var configuration = Configuration()
    var problems: [ConfigurationProblem] = []
    func merge(_ source: (inout Configuration) throws(ConfigurationError) -> Void) {
      do { try source(&configuration) } catch { problems += error.problems }
    }
    // Every source is looked at, so that all mistakes show at once.
    merge { target throws(ConfigurationError) in try target.load(json: document) }
    merge { target throws(ConfigurationError) in try target.load(environment: environment) }
    for setting in settings {
      merge { target throws(ConfigurationError) in try target.set(setting.key, setting.value) }
    }
    guard problems.isEmpty else { throw refusal(of: path, problems) }
    do {
      let resolved = try configuration.resolve(hostName: HostName.current)
      for notice in configuration.notices { output.line("notice \(printable(notice))") }
      return resolved
    } catch {
      throw refusal(of: path, error.problems)
    }
  }

  private static func refusal(of path: String, _ problems: [ConfigurationProblem]) -> CommandError {
    let lines = problems.map { "\n  \(printable($0.description))" }.joined()
    return CommandError("meshkit node run: \(path) with its environment can't be used:\(lines)")
  }

  /// Prints events until the node has stopped. The first signal asks for a graceful stop, the second ends at once.
  private static func follow(
    _ node: Node, _ stream: EventStream, _ signals: StopSignals, _ output: Output
  ) throws(MeshError) -> ExitCode {
    var deadline: Instant?
    while true {
      waitForEither(stream.descriptor, signals.descriptor, until: deadline)
      if signals.take() {
        guard deadline == nil else { return .error }
        output.line("node \(node.configuration.nodeID) stopping")
        deadline = MonotonicClock.now() + stopPatience
        try node.stop(stream: stream, token: 1)
      }
      while let event = try stream.next(timeout: .zero) {
        output.line(EventLine.text(of: event))
        if case .nodeStopped(let error) = event.payload { return error == nil ? .ok : .error }
      }
      if let deadline, MonotonicClock.now() >= deadline {
        output.complain("meshkit node run: the node didn't stop in \(stopPatience.milliseconds) ms")
        return .timeout
      }
    }
  }

  private static func waitForEither(_ first: Int32, _ second: Int32, until deadline: Instant?) {
    var descriptors = [
      pollfd(fd: first, events: Int16(POLLIN), revents: 0), pollfd(fd: second, events: Int16(POLLIN), revents: 0),
    ]
    let patience = deadline.map { Int32(clamping: max(0, $0.since(MonotonicClock.now()).milliseconds) &+ 1) } ?? -1
    poll(&descriptors, nfds_t(descriptors.count), patience)
  }
}
