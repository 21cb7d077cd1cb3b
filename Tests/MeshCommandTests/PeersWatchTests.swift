import MeshTransport
import Testing

@testable import MeshCommand

@Suite struct PeersWatchTests {
  private let member = #"{"nodeId":"NAME","status":"STATUS","metadata":{"role":"worker","http3Support":true}}"#

  private func member(_ name: String, _ status: String) -> String {
    String(member.replacing("NAME", with: name).replacing("STATUS", with: status))
  }

  /// What one answer of a node makes the command print.
  private func watching(_ body: String, _ form: OutputForm = .table) throws -> Collected {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    let server = try #require(PreparedServer(answering: head + body))
    let verb = try #require(Verb.all.first { $0.words == ["mesh", "peers", "list"] })
    let values = try OptionValues(parsing: ["--url", server.url, "--watch"], for: verb)
    return Collected.by { (output) throws(CommandError) in
      var watch = PeersWatch.watch(values, output, form: form)
      (watch.pause, watch.roundsMax, watch.now) = (.milliseconds(1), 1, { 0 })
      return try watch.run()
    }
  }

  private var snapshot: String {
    "retry: 2000\n\nid: 1-2\nevent: members.snapshot\ndata: {\"members\":[\(member("a", "Alive"))]}\n\n"
  }

  @Test func eachMemberAndEachChangeIsALineWithItsTime() throws {
    let change = "id: 1-3\nevent: members.change\ndata: {\"member\":\(member("b", "Suspect"))}\n\n"
    let removal = "event: members.removal\ndata: {\"nodeId\":\"b\"}\n\n"
    let run = try watching(snapshot + change + ": heartbeat\n\n" + removal)
    let lines = run.results.split(separator: "\n")
    #expect(run.exitCode == .ok && lines.count == 4 && lines.first?.hasPrefix("Time ") == true)
    #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("1970-01-01T00:00:00.000Z ") })
    #expect(lines[1].contains(" a ") && lines[1].contains(" Alive ") && lines[2].contains(" Suspect "))
    #expect(lines[3].hasSuffix(" gone") && run.complaints.hasSuffix("ended the stream\n"))
  }

  @Test func jsonIsALineForEachEvent() throws {
    let run = try watching(snapshot, .json)
    #expect(run.results.hasPrefix(#"{"event":"members.snapshot","data":{"members":[{"nodeId":"a""#))
    #expect(run.results.split(separator: "\n").count == 1)
  }

  @Test func anEventThatCannotBeReadIsToldOnceTheStreamHasBegun() throws {
    let run = try watching(snapshot + "event: members.change\ndata: {\n\n")
    #expect(run.exitCode == .ok && run.complaints.contains("an event can't be read"))
    #expect(run.complaints.hasSuffix("; trying again\n"))
    let never = try watching("event: members.snapshot\ndata: {}\n\n")
    #expect(never.exitCode == .error && never.complaints.contains("members is missing"))
  }

  @Test func aStreamThatBreaksOffIsTakenUpAfterTheLastWholeEvent() throws {
    // A chunk that is cut, amid the second event.
    let body = "id: 1-2\nevent: members.snapshot\ndata: {\"members\":[]}\n\nid: 1-3\nevent: mem"
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + body
    let server = try #require(PreparedServer(answering: answer))
    let verb = try #require(Verb.all.first { $0.words == ["mesh", "peers", "list"] })
    let values = try OptionValues(parsing: ["--url", server.url, "--watch"], for: verb)
    let run = Collected.by { (output) throws(CommandError) in
      var events = EventStreamReader()
      let watch = PeersWatch.watch(values, output, form: .json)
      #expect(throws: CommandError.self) { try watch.follow(&events) }
      #expect(events.lastID == "1-2")
      return .ok
    }
    #expect(run.results.hasPrefix(#"{"event":"members.snapshot""#))
  }

  @Test func aRefusalIsOneClearLine() throws {
    let server = try #require(
      PreparedServer(answering: "HTTP/1.1 503 Nope\r\nContent-Length: 21\r\n\r\n{\"detail\":\"too many\"}"))
    let run = Collected.running("mesh", "peers", "list", "--watch", "--url", server.url)
    #expect(run.exitCode == .error && run.complaints.hasSuffix("answered 503 Service Unavailable: too many\n"))
    #expect(server.request.hasPrefix("GET /v1/members?watch=true HTTP/1.1\r\n"))
  }

  /// 100 ms, where silence is borne for 40 s.
  @Test func anAnswerThatDoesNotBeginInTimeIsATimeout() throws {
    let server = try #require(PreparedServer(answering: nil))
    let run = Collected.running("mesh", "peers", "list", "--watch", "--url", server.url, "--timeout", "100ms")
    #expect(run.exitCode == .timeout)
    #expect(run.complaints.hasSuffix("/v1/members?watch=true: no answer within 100 ms\n"), "\(run.complaints)")
  }

  @Test func aSwitchTakesNoValue() {
    let run = Collected.running("mesh", "peers", "list", "--watch=yes")
    #expect(run.exitCode == .error && run.complaints == "meshkit mesh peers list: --watch takes no value\n")
  }

  @Test(arguments: [1, 2, 7, 1_000]) func eventsAreReadHoweverTheyAreCut(_ step: Int) {
    let text = Array(
      ": c\r\nid: 7\r\nevent:x\r\ndata: 1\r\ndata:2\r\n\r\nid: 8\n\ndata: 3\nevent: y\nunknown: z\n\n".utf8)
    var reader = EventStreamReader()
    var events: [EventStreamReader.Event] = []
    var start = 0
    while start < text.count {
      events += reader.take(Array(text[start..<min(text.count, start + step)]))
      start += step
    }
    #expect(
      events == [
        EventStreamReader.Event(name: "x", data: Array("1\n2".utf8)),
        EventStreamReader.Event(name: "y", data: Array("3".utf8)),
      ])
    #expect(reader.lastID == "8" && !reader.isBroken)
  }

  @Test func aLineWithoutEndIsGivenUp() {
    var reader = EventStreamReader()
    let piece = [UInt8](repeating: 0x61, count: 1 << 20)
    for _ in 0..<16 { #expect(reader.take(piece).isEmpty && !reader.isBroken) }
    #expect(reader.take([0x61]).isEmpty && reader.isBroken)
  }
}
