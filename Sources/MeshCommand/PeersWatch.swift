import Glibc
import MeshRuntime
import MeshTransport

/// `meshkit mesh peers list --watch`: a line for each member and for each change of one, until a signal ends the
/// process. A stream that breaks off is taken up where it was.
struct PeersWatch {
  /// Longer than two of the node's signs of life.
  static let silence = Duration.seconds(40)
  private static let failing = "Mesh peers watch failed"

  private let values: OptionValues
  private let output: Output
  private let form: OutputForm
  private let pause: Duration
  /// How often it asks; nil for ever.
  private let roundsMax: Int?
  private let now: @Sendable () -> Int64

  init(
    _ values: OptionValues, _ output: Output, form: OutputForm, pause: Duration = .seconds(2), roundsMax: Int? = nil,
    now: @escaping @Sendable () -> Int64 = Clock.unixNanoseconds
  ) {
    self.values = values
    self.output = output
    self.form = form
    self.pause = pause
    self.roundsMax = roundsMax
    self.now = now
  }

  func run() throws(CommandError) -> ExitCode {
    var events = EventStreamReader()
    var rounds = 0
    if form == .table { output.line("\(Column.left("Time", 24)) \(PeersReport.header)") }
    while true {
      do throws(CommandError) {
        try follow(&events)
      } catch {
        // What never worked is a mistake of the command line; what worked once will again.
        if events.lastID == nil { throw error }
        output.complain("\(error.message); trying again")
      }
      rounds += 1
      if let roundsMax, rounds >= roundsMax { return .ok }
      usleep(useconds_t(clamping: pause.milliseconds &* 1_000))
    }
  }

  /// Follows one stream to its end. *Errors*: what ended it, unless the node did.
  func follow(_ events: inout EventStreamReader) throws(CommandError) {
    // Tokens need no percent encoding; what isn't like one is of no use to come back with.
    let token = events.lastID.flatMap { id in id.utf8.allSatisfy(PeersWatch.isOfToken) ? id : nil }
    let after = token.map { "&after=\($0)" } ?? ""
    // A stream that broke off amid an event begins anew.
    var reader = EventStreamReader(lastID: events.lastID)
    // However it ends: what was told is not to be told again.
    defer { events = reader }
    var complaint: String?
    let (url, response) = try ControlAddress.follow(
      "/v1/members?watch=true\(after)", values, silence: PeersWatch.silence, failing: PeersWatch.failing
    ) { piece in
      for event in reader.take(piece) where complaint == nil { complaint = tell(event) }
      return complaint == nil && !reader.isBroken
    }
    if let complaint { throw CommandError("\(PeersWatch.failing): \(url): \(complaint)") }
    guard response.status == 200 else {
      throw CommandError("\(PeersWatch.failing): \(url) answered \(HTTPReason.refusal(response))")
    }
    output.complain("\(url) ended the stream")
  }

  /// Prints one event; what is wrong with it if it can't be read.
  private func tell(_ event: EventStreamReader.Event) -> String? {
    do throws(WireError) {
      let data = try JSONValue.parse(event.data, bytesMax: EventStreamReader.lineBytesMax)
      if form == .json {
        output.object(["event": .string(event.name), "data": data])
      } else {
        try tell(event.name, data)
      }
      return nil
    } catch {
      return "an event can't be read: \(printable(error.description))"
    }
  }

  private func tell(_ name: String, _ data: JSONValue) throws(WireError) {
    switch name {
    case "members.snapshot":
      guard case .array(let members)? = data.member("members") else { throw WireError("members is missing") }
      for (index, member) in members.enumerated() { try row(PeersReport.peer(member, index: index)) }
    case "members.change":
      guard let member = data.member("member") else { throw WireError("member is missing") }
      try row(PeersReport.peer(member, index: 0))
    case "members.removal": line("\(Column.left(printable(data.member("nodeId")?.text ?? ""), 24)) gone")
    case "members.resync": line("all members anew: \(printable(data.member("reason")?.text ?? ""))")
    // Of a later version.
    default: break
    }
  }

  private static func isOfToken(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }

  private func row(_ peer: PeersReport.Peer) {
    line(PeersReport.row(peer) + (peer.isDraining ? " draining" : "") + (peer.hasFallenBack ? " over HTTP/2" : ""))
  }

  private func line(_ text: String) { output.line("\(Clock.timestamp(unixNanoseconds: now())) \(text)") }
}
