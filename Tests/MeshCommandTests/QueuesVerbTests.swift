import MeshTransport
import Testing

@testable import MeshCommand

@Suite struct QueuesVerbTests {
  private let queue =
    #"{"name":"jobs/1","epoch":"7","state":"open","capacity":512,"pending":3,"delayed":0,"leased":2,"dead":1,"#
    + #""oldestAgeMs":1500,"counters":{"admitted":6},"rates":{"windowMs":10000,"admitted":2.5},"monitors":[{"id":1,"#
    + #""overloaded":true,"signal":{"isActive":false,"lowWatermark":2,"highWatermark":4}}]}"#

  private func answering(_ status: String, _ body: String) throws -> PreparedServer {
    try #require(
      PreparedServer(answering: "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"))
  }

  @Test func queuesAreATableOrTheDocument() throws {
    let body = #"{"schemaVersion":"v1","queues":["# + queue + "]}"
    let server = try answering("200 OK", body)
    let run = Collected.running("queues", "list", "--url", server.url)
    let lines = run.results.split(separator: "\n")
    #expect(run.exitCode == .ok && lines.count == 2 && lines[0].hasPrefix("Queue "))
    #expect(
      lines[1].split(separator: " ") == ["jobs/1", "open", "3", "0", "2", "1", "1.5", "2.5", "-", "-", "yes"])
    #expect(server.request.hasPrefix("GET /v1/queues HTTP/1.1\r\n"))
    let again = try answering("200 OK", body)
    #expect(Collected.running("queues", "list", "--url", again.url, "-o", "json").results == body + "\n")
  }

  @Test func oneQueueIsShownWithAllThatIsToldOfIt() throws {
    let server = try answering("200 OK", queue)
    let run = Collected.running("queues", "stats", "jobs/1", "--url", server.url)
    #expect(run.exitCode == .ok && server.request.hasPrefix("GET /v1/queues/jobs%2F1 HTTP/1.1\r\n"))
    for line in ["Queue            jobs/1", "pending          3", "admitted         6", "admitted/s       2.5"] {
      #expect(run.results.contains("\(line)\n"), "\(line)")
    }
    #expect(run.results.hasSuffix("monitor 1        overloaded, marks 2 and 4\n"))
    let none = try answering("404 Not Found", #"{"detail":"No queue"}"#)
    let refused = Collected.running("queues", "stats", "x", "--url", none.url)
    #expect(refused.exitCode == .error && refused.complaints.hasSuffix("answered 404 Not Found: No queue\n"))
    #expect(Collected.running("queues", "stats").complaints.contains("NAME is missing"))
  }

  @Test func aWatchPrintsALineForEachChange() throws {
    let events =
      "id: 1-2\nevent: queues.snapshot\ndata: {\"queues\":[\(queue)]}\n\n"
      + "event: queues.removal\ndata: {\"name\":\"jobs/1\"}\n\n"
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    let server = try #require(PreparedServer(answering: head + events))
    let verb = try #require(Verb.all.first { $0.words == ["queues", "stats"] })
    let values = try OptionValues(parsing: ["jobs/1", "--url", server.url, "--watch"], for: verb)
    let run = Collected.by { (output) throws(CommandError) in
      var watch = QueuesVerb.watch("/v1/queues/jobs%2F1", values, output, form: .table)
      (watch.roundsMax, watch.now) = (1, { 0 })
      watch.pause = .milliseconds(1)
      return try watch.run()
    }
    let lines = run.results.split(separator: "\n")
    #expect(lines.count == 3 && lines[1].hasPrefix("1970-01-01T00:00:00.000Z jobs/1 ") && lines[2].hasSuffix(" gone"))
    #expect(server.request.hasPrefix("GET /v1/queues/jobs%2F1?watch=true HTTP/1.1\r\n"))
  }

  @Test func deadLettersAreListedAndRedriven() throws {
    let letter =
      #"{"id":"7-1","cause":"failed","attempt":5,"payloadBytes":2,"diedAt":"2025-11-24T10:00:00+00:00","#
      + #""lastError":"a\u001Bb"}"#
    let body = #"{"deadLetters":["# + letter + #"],"nextCursor":"v1.7-1"}"#
    let server = try answering("200 OK", body)
    let run = Collected.running(
      "queues", "dead", "list", "q", "--url", server.url, "--limit", "1", "--cursor", "v1.7-0", "--payload")
    let lines = run.results.split(separator: "\n")
    #expect(
      server.request.hasPrefix("GET /v1/queues/q/dead-letters?pageSize=1&cursor=v1.7-0&payload=true HTTP/1.1\r\n"))
    #expect(lines.count == 2 && lines[1].hasPrefix("7-1 ") && lines[1].hasSuffix(" a?b"))
    #expect(run.complaints == "there are more: --cursor v1.7-1\n")
    #expect(Collected.running("queues", "dead", "list", "q", "--limit", "201").exitCode == .error)

    let done = try #require(PreparedServer(answering: "HTTP/1.1 204 No Content\r\n\r\n"))
    let redriven = Collected.running("queues", "dead", "redrive", "q", "7-1", "--url", done.url)
    #expect(redriven.exitCode == .ok && redriven.results == "7-1 is a task of q again\n")
    #expect(done.request.hasPrefix("POST /v1/queues/q/dead-letters/7-1:redrive HTTP/1.1\r\n"))
    let full = try answering("429 Too Many Requests", #"{"detail":"All places"}"#)
    let refused = Collected.running("queues", "dead", "redrive", "q", "7-1", "--url", full.url)
    #expect(refused.exitCode == .error && refused.complaints.contains("429 Too Many Requests: All places"))
    let missing = Collected.running("queues", "dead", "redrive", "q")
    #expect(
      missing.complaints.hasPrefix("meshkit queues dead redrive: ID is missing: meshkit queues dead redrive NAME"))
    #expect(Collected.running("queues", "dead", "redrive", "q", "7-1", "x").complaints.contains("unexpected argument"))
  }
}
