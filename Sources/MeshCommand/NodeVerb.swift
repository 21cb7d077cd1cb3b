import Glibc
import MeshRuntime
import MeshTransport

/// `meshkit node run`: one node in the foreground.
enum NodeVerb {
  /// How long a graceful stop may take before the command gives up.
  static let stopPatience = Duration.seconds(10)
  private static let streamCapacity = 4_096

  static func run(_ values: OptionValues, _ output: Output) throws(CommandError) -> ExitCode {
    let lines = NodeLines(form: try OutputForm(values), output: output)
    let configuration = try configuration(values, lines.notice)
    let signals = try StopSignals()
    do {
      let stream = try EventStream(capacity: streamCapacity)
      let node = try Node.open(configuration)
      try node.subscribe(stream, topics: .all)
      lines.opening(node)
      return try follow(node, stream, signals, lines)
    } catch {
      throw CommandError("meshkit node run: \(error.message)")
    }
  }

  private static func configuration(
    _ values: OptionValues, _ report: (String) -> Void
  ) throws(CommandError) -> NodeConfiguration {
    var sources = try ConfigurationSources(values)
    guard let resolved = sources.resolve() else {
      let isOfMany = sources.paths.count > 1
      let lines = sources.problems.map { "\n  \(printable($0.text(ofMany: isOfMany)))" }.joined()
      let paths = sources.paths.joined(separator: ", ")
      throw CommandError(
        "meshkit node run: \(paths) with \(isOfMany ? "their" : "its") environment can't be used:\(lines)")
    }
    sources.configuration.notices.forEach(report)
    return resolved
  }

  /// Prints events until the node has stopped. The first signal asks for a graceful stop, the second ends at once.
  private static func follow(
    _ node: Node, _ stream: EventStream, _ signals: StopSignals, _ lines: NodeLines
  ) throws(MeshError) -> ExitCode {
    var deadline: Instant?
    while true {
      waitForEither(stream.descriptor, signals.descriptor, until: deadline)
      if signals.take() {
        guard deadline == nil else { return .error }
        lines.stopping(node)
        deadline = MonotonicClock.now() + stopPatience
        try node.stop(stream: stream, token: 1)
      }
      while let event = try stream.next(timeout: .zero) {
        lines.event(event)
        if case .nodeStopped(let error) = event.payload { return error == nil ? .ok : .error }
      }
      if let deadline, MonotonicClock.now() >= deadline {
        lines.output.complain("meshkit node run: the node didn't stop in \(stopPatience.milliseconds) ms")
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
