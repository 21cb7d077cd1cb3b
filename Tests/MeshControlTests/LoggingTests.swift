import MeshBasics
import MeshMembership
import Testing

@testable import MeshControl

private let path = "/omnirelay/control/logging"

private func ask(
  _ method: String, _ body: String = "", type: String? = "application/json", level: MinimumLevel? = nil,
  scopes: ControlScopes = [.read, .observe, .operate], origin: String? = nil
) throws -> (status: Int, text: String, actions: [ControlAction]) {
  let view = NodeView(
    localNodeID: try #require(NodeID("a")), members: [], clock: MemberClock(now: .origin, unixTicks: 0),
    isLeaving: false, notReady: [],
    scopes: scopes, minimumLevel: level, activeRequests: 0)
  var actions: [ControlAction] = []
  let response = Control.respond(
    to: ControlRequest(
      method: method, target: path, host: "127.0.0.1:8080", origin: origin, contentType: type, body: Array(body.utf8)),
    view: view, metrics: { [] },
    perform: {
      actions.append($0)
      return .accepted
    })
  return (response.status, String(decoding: response.body, as: UTF8.self), actions)
}

/// Contracts: http §3.
@Test func theLeastLevelOfRecordsIsTold() throws {
  #expect(try ask("GET") == (200, "{}", []))
  #expect(try ask("GET", level: .warning).text == #"{"minimumLevel":"Warning"}"#)
  #expect(try ask("GET", level: .silent).text == #"{"minimumLevel":"None"}"#)
}

@Test(arguments: MinimumLevel.allCases) func aLevelIsSetByItsNameInAnyCaseOrItsNumber(level: MinimumLevel) throws {
  for text in [level.name, level.name.lowercased(), level.name.uppercased(), "\(level.rawValue)", " \(level.name) "] {
    let answer = try ask("POST", "{\"level\":\"\(text)\"}")
    #expect(answer == (204, "", [.setMinimumLevel(level)]))
  }
}

@Test(arguments: [
  #"{"level":null}"#, #"{"level":""}"#, #"{"level":"  "}"#, "{}", #"{"other":1}"#, #"{"level":"\t\n"}"#,
])
func noLevelLetsAllRecordsPass(body: String) throws {
  #expect(try ask("POST", body) == (204, "", [.setMinimumLevel(nil)]))
}

@Test func theLevelIsFoundUnderItsNameInAnyCaseAmongOthers() throws {
  for body in [#"{"LEVEL":"Debug"}"#, #"{"a":[1,{"level":"x"}],"Level":"debug","b":null}"#] {
    #expect(try ask("POST", body).actions == [.setMinimumLevel(.debug)])
  }
  for type in ["application/json; charset=utf-8", "Application/JSON", "application/problem+json\t;x=1"] {
    #expect(try ask("POST", #"{"level":"3"}"#, type: type).actions == [.setMinimumLevel(.warning)])
  }
}

@Test func whatCannotBeReadIsRefusedAndChangesNothing() throws {
  for (body, message) in [
    (#"{"level":"x"}"#, "Invalid log level 'x'."), (#"{"level":"7"}"#, "Invalid log level '7'."),
    (#"{"level":"-1"}"#, "Invalid log level '-1'."), (#"{"level":"\u0000"}"#, "Request body: "),
    (#"{"level":3}"#, "Invalid log level: it must be a text."), (#"{"level":["Debug"]}"#, "Invalid log level: it must"),
    ("null", "Request body required."), ("[]", "Request body must be an object."), ("", "Request body: "),
    (#"{"level":"Debug""#, "Request body: "), (#"{"level":"Debug","level":"Error"}"#, "Request body: "),
    (
      String(repeating: " ", count: ToggleBody.bytesMax) + "{}", "Request body: JSON: 4098 bytes, allowed are 4096"
    ),
  ] {
    let answer = try ask("POST", body)
    #expect(answer.status == 400 && answer.actions.isEmpty)
    #expect(answer.text.hasPrefix("{\"error\":\"" + message), "\(answer.text)")
  }
  // What is repeated is short and escaped.
  let long = try ask("POST", "{\"level\":\"\(String(repeating: "é\\\"", count: 200))\"}")
  #expect(long.status == 400 && long.text.utf8.count < 600 && long.text.contains("é\\\"é"))
  for type in [nil, "", "text/plain", "application/+json", "application/jsonx", "application/xml", "json"] {
    let answer = try ask("POST", #"{"level":"Debug"}"#, type: type)
    #expect(answer.status == 415 && answer.actions.isEmpty, "\(type ?? "none")")
  }
}

@Test func onlyOperatorsOfThisHostSetTheLevel() throws {
  let watching: ControlScopes = [.read, .observe]
  #expect(try ask("GET", scopes: watching).status == 200)
  #expect(try ask("POST", #"{"level":"None"}"#, scopes: watching).status == 403)
  #expect(try ask("POST", #"{"level":"None"}"#, origin: "http://127.0.0.1:9").status == 403)
}
