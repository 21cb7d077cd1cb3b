import Foundation
import MeshRuntime
import Testing

@testable import MeshCommand

@Suite struct PeersReportTests {
  private static let answer = """
    {"schemaVersion":"v1","generatedAt":"2025-11-24T10:00:00.12+00:00","localNodeId":"mesh-b",
     "peers":[{"nodeId":"mesh-c","status":2,"lastSeen":null,
       "metadata":{"role":"worker","clusterId":"alpha","region":"iad","meshVersion":"dev","http3Support":false}},
      {"nodeId":"mesh-a","status":"suspect","rttMs":4.214,"extra":[1, {"a":"b"}],
       "metadata":{"role":"a-role-longer-than-12","clusterId":"alpha","region":"iad","meshVersion":"1.0","http3Support":true}},
      {"nodeId":"mesh-b","status":"Alive","rttMs":10,
       "metadata":{"role":"gateway","clusterId":"alpha","region":"iad","meshVersion":"dev","http3Support":true}}]}
    """

  private func report(_ text: String) throws -> PeersReport { try PeersReport(parsing: Array(text.utf8)) }

  @Test func theTableIsOmniRelays() throws {
    let expected = """
      Generated at: 2025-11-24T10:00:00.1200000+00:00
      Local node: mesh-b

      Node                     Status   Role         Cluster            Region             Version      HTTP/3  rtt (ms)
      mesh-b                   Alive    gateway      alpha              iad                dev          yes           10
      mesh-a                   Suspect  a-role-longer-than-12 alpha              iad                1.0          yes         4.21
      mesh-c                   Left     worker       alpha              iad                dev          no             -
      """
    #expect(try report(Self.answer).table == expected)
  }

  @Test func whileSomeoneDrainsTheTableHasOneColumnMore() throws {
    let text = Self.answer.replacingOccurrences(
      of: #""nodeId":"mesh-a","#, with: #""nodeId":"mesh-a","draining":true,"#)
    let rows = try report(text).table.split(separator: "\n").dropFirst(2).map(String.init)
    #expect(rows.count == 4)
    #expect(rows[0].hasSuffix(" HTTP/3  rtt (ms) Drain"))
    #expect(rows[1].hasSuffix(" 10 no") && rows[1].hasPrefix("mesh-b"))
    #expect(rows[2].hasSuffix(" 4.21 yes") && rows[2].hasPrefix("mesh-a"))
    #expect(try report(text).json.contains(#""draining":true"#))
  }

  @Test func whileALinkIsOnHTTP2TheTableHasOneColumnMore() throws {
    let text = Self.answer.replacingOccurrences(
      of: #""nodeId":"mesh-a","#, with: #""nodeId":"mesh-a","draining":true,"link":{"transport":"http2"},"#)
    let rows = try report(text).table.split(separator: "\n").dropFirst(2).map(String.init)
    #expect(rows[0].hasSuffix(" rtt (ms) Drain Link"))
    #expect(rows[1].hasSuffix(" 10 no -") && rows[2].hasSuffix(" 4.21 yes HTTP/2"))
  }

  @Test func jsonIsCompactWithStatusesAsNamesAndWithoutNulls() throws {
    let expected = """
      {"schemaVersion":"v1","generatedAt":"2025-11-24T10:00:00.12+00:00","localNodeId":"mesh-b","peers":[\
      {"nodeId":"mesh-c","status":"Left","metadata":{"role":"worker","clusterId":"alpha","region":"iad",\
      "meshVersion":"dev","http3Support":false}},\
      {"nodeId":"mesh-a","status":"Suspect","rttMs":4.214,"extra":[1,{"a":"b"}],\
      "metadata":{"role":"a-role-longer-than-12","clusterId":"alpha","region":"iad","meshVersion":"1.0",\
      "http3Support":true}},{"nodeId":"mesh-b","status":"Alive","rttMs":10,"metadata":{"role":"gateway",\
      "clusterId":"alpha","region":"iad","meshVersion":"dev","http3Support":true}}]}
      """
    #expect(try report(Self.answer).json == expected)
  }

  @Test func namesAreReadInAnyCase() throws {
    let text = """
      {"GeneratedAt":"2025-11-24T10:00:00Z","LOCALNODEID":"a","Peers":[{"NodeId":"a","Status":"LEFT","Metadata":{}}]}
      """
    let peer = try #require(try report(text).peers.first)
    #expect(peer.nodeID == "a")
    #expect(peer.status == "Left")
    #expect(!peer.http3Support)
  }

  /// U+202E turns the direction of all that follows, so that one member's row could pass for another's.
  @Test func aNameCannotTurnTheDirectionOfALine() {
    #expect(printable("a\u{202E}b\u{2028}c\u{2066}d\u{9B}e\u{7F}é\u{200F}") == "a?b?c?d?e?é?")
  }

  @Test func aNameCannotSteerTheTerminal() throws {
    let text = """
      {"generatedAt":"2025-11-24T10:00:00Z","localNodeId":"\\u001b[2J","peers":[]}
      """
    #expect(try report(text).table.contains("Local node: ?[2J"))
  }

  @Test(
    arguments: [
      ("", nil), ("null", "object"), ("[]", "object"), ("{", nil), (#"{"peers":[]}"#, "generatedAt"),
      (#"{"generatedAt":"yesterday","peers":[]}"#, "generatedAt"),
      (#"{"generatedAt":"2025-11-24T10:00:00Z"}"#, "peers"),
      (#"{"generatedAt":"2025-11-24T10:00:00Z","peers":null}"#, "peers"),
      (#"{"generatedAt":"2025-11-24T10:00:00Z","peers":[{"status":"Alive"}]}"#, "metadata"),
      (#"{"generatedAt":"2025-11-24T10:00:00Z","peers":[{"status":"Alive","metadata":null}]}"#, "metadata"),
      (#"{"generatedAt":"2025-11-24T10:00:00Z","peers":[{"status":"Dead","metadata":{}}]}"#, "Alive, Suspect, Left"),
      (#"{"generatedAt":"2025-11-24T10:00:00Z","peers":[{"status":3,"metadata":{}}]}"#, "Alive, Suspect, Left"),
      (#"{"generatedAt":"2025-11-24T10:00:00Z","peers":[{"metadata":{}}]}"#, "Alive, Suspect, Left"),
      (#"{"generatedAt":"2025-11-24T10:00:00Z","peers":[7]}"#, "metadata"),
    ] as [(String, String?)])
  func aBrokenAnswerIsAnErrorThatNamesTheField(text: String, field: String?) {
    let error = #expect(throws: WireError.self) { try report(text) }
    if let field { #expect(error?.description.contains(field) == true) }
  }

  @Test(arguments: [
    (0.0, "0"), (4.21, "4.21"), (4.2, "4.2"), (4.0, "4"), (0.05, "0.05"), (0.004, "0"), (0.125, "0.13"),
    (-1.5, "-1.5"), (1234.567, "1234.57"), (1e16, "1e+16"),
  ])
  func roundTripsHaveAtMostTwoPlaces(value: Double, text: String) {
    #expect(PeersReport.twoPlaces(value) == text)
  }

  @Test(arguments: [
    ("2025-11-24T10:00:00Z", "2025-11-24T10:00:00.0000000+00:00"),
    ("2025-11-24T10:00:00.1234567+00:00", "2025-11-24T10:00:00.1234567+00:00"),
    ("2025-11-24T10:00:00.5-05:30", "2025-11-24T10:00:00.5000000-05:30"),
  ])
  func timesTakeTheRoundTripForm(text: String, expected: String) {
    #expect(RoundTripTime.format(text) == expected)
  }

  @Test(arguments: [
    "", "2025-11-24", "2025-11-24T10:00:00", "2025-11-24T10:00:00.Z", "2025-11-24T10:00:00.12345678Z",
    "2025-11-24 10:00:00Z", "2025-11-24T10:00:00+0000", "2025-11-24T10:00:00Zz",
  ])
  func otherTextsAreNoTimes(text: String) { #expect(RoundTripTime.format(text) == nil) }
}
