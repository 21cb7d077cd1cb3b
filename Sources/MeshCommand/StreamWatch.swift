import Glibc
import MeshRuntime
import MeshTransport

/// A line for each event of a resource that is watched, until a signal ends the process. A stream that breaks off is
/// taken up where it was.
struct StreamWatch {
  /// Longer than two of the node's signs of life.
  static let silence = Duration.seconds(40)

  let values: OptionValues
  let output: Output
  let form: OutputForm
  /// What is watched: `/v1/members?watch=true`.
  let path: String
  /// What its complaints begin with.
  let failing: String
  /// The titles of the columns behind the time.
  let header: String
  var pause = Duration.seconds(2)
  /// How often it asks; nil for ever.
  var roundsMax: Int?
  var now: @Sendable () -> Int64 = Clock.unixNanoseconds
  /// The lines for an event; none for one of a later version.
  let lines: (_ name: String, _ data: JSONValue) throws(WireError) -> [String]

  func run() throws(CommandError) -> ExitCode {
    var events = EventStreamReader()
    var rounds = 0
    if form == .table { output.line("\(Column.left("Time", 24)) \(header)") }
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
    let token = events.lastID.flatMap { id in id.utf8.allSatisfy(StreamWatch.isOfToken) ? id : nil }
    let after = token.map { "&after=\($0)" } ?? ""
    // A stream that broke off amid an event begins anew.
    var reader = EventStreamReader(lastID: events.lastID)
    // However it ends: what was told is not to be told again.
    defer { events = reader }
    var complaint: String?
    let (url, response) = try ControlAddress.follow(
      "\(path)\(after)", values, silence: StreamWatch.silence, failing: failing
    ) { piece in
      for event in reader.take(piece) where complaint == nil { complaint = tell(event) }
      return complaint == nil && !reader.isBroken
    }
    if let complaint { throw CommandError("\(failing): \(url): \(complaint)") }
    guard response.status == 200 else {
      throw CommandError("\(failing): \(url) answered \(HTTPReason.refusal(response))")
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
        for line in try lines(event.name, data) {
          output.line("\(Clock.timestamp(unixNanoseconds: now())) \(line)")
        }
      }
      return nil
    } catch {
      return "an event can't be read: \(printable(error.description))"
    }
  }

  private static func isOfToken(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }
}
