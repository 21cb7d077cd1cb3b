import MeshBasics
import Testing

@testable import MeshControl

private func ask(
  _ method: String, _ body: String = "", type: String? = "application/json", probability: Double? = nil,
  scopes: ControlScopes = [.read, .observe, .operate], origin: String? = nil
) throws -> (status: Int, text: String, actions: [ControlAction]) {
  let view = NodeView(
    localNodeID: try #require(NodeID("a")), members: [], clock: MemberClock(now: .origin, unixTicks: 0),
    isLeaving: false, notReady: [], scopes: scopes, traceSampling: probability, activeRequests: 0)
  var actions: [ControlAction] = []
  let response = Control.respond(
    to: ControlRequest(
      method: method, target: "/omnirelay/control/tracing", host: "127.0.0.1:8080", origin: origin, contentType: type,
      body: Array(body.utf8)),
    view: view, metrics: { [] },
    perform: {
      actions.append($0)
      return .accepted
    })
  return (response.status, String(decoding: response.body, as: UTF8.self), actions)
}

/// Contracts: http §4.
@Test func theSamplingOfTracesIsTold() throws {
  #expect(try ask("GET") == (200, "{}", []))
  for (probability, text) in [(0.25, "0.25"), (0, "0"), (1, "1"), (1e-7, "1e-07")] {
    #expect(try ask("GET", probability: probability).text == "{\"samplingProbability\":\(text)}")
  }
}

@Test(arguments: [
  ("0.1", 0.1), ("0", 0), ("1", 1), ("1.0", 1), ("-0", 0), ("1e-3", 0.001), ("\"0.5\"", 0.5),
])
func theSamplingOfTracesIsSetByANumberAlsoInQuotes(text: String, probability: Double) throws {
  let answer = try ask("POST", "{\"probability\":\(text)}")
  #expect(answer == (204, "", [.setTraceSampling(probability)]))
  #expect(TracingDocument.bytes(probability).contains(UInt8(ascii: "-")) == false)
}

@Test func whoNamesNoProbabilityWantsNoTraces() throws {
  for body in ["{}", #"{"other":0.5}"#] { #expect(try ask("POST", body).actions == [.setTraceSampling(0)]) }
  #expect(try ask("POST", #"{"Probability":0.5,"x":null}"#).actions == [.setTraceSampling(0.5)])
}

@Test func aSamplingThatCannotBeReadIsRefusedAndChangesNothing() throws {
  let range = "The probability must be between 0 and 1. (Parameter 'probability')"
  let kind = "Invalid probability: it must be a number."
  for (value, message) in [
    ("1.0000001", range), ("-0.1", range), ("2", range), ("1e400", range), ("-1e400", range), ("null", kind),
    ("true", kind), ("[0.1]", kind), ("\"\"", kind), ("\"nan\"", kind), ("\"inf\"", kind), ("\"0x1p-1\"", kind),
    ("\" 0.5\"", kind), ("\"half\"", kind), ("\"0.\(String(repeating: "1", count: 100))\"", kind),
  ] {
    let answer = try ask("POST", "{\"probability\":\(value)}")
    #expect(answer.status == 400 && answer.actions.isEmpty && answer.text == "{\"error\":\"\(message)\"}", "\(value)")
  }
  #expect(try ask("POST", "null").text == #"{"error":"Request body required."}"#)
  for body in ["", "[]", "0.5", #"{"probability":0.5"#, #"{"probability":0.5,"probability":1}"#] {
    #expect(try ask("POST", body).status == 400, "\(body)")
  }
  #expect(try ask("POST", #"{"probability":0.5}"#, type: "text/plain").status == 415)
}

@Test func onlyOperatorsOfThisHostSetTheSampling() throws {
  #expect(try ask("GET", scopes: [.observe]).status == 200 && ask("GET", scopes: [.read]).status == 403)
  #expect(try ask("POST", #"{"probability":0}"#, scopes: [.read, .observe]).status == 403)
  #expect(try ask("POST", #"{"probability":0}"#, origin: "http://127.0.0.1:9").status == 403)
}
