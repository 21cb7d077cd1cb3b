import MeshBasics
import MeshMembership
import Testing

@testable import MeshControl
@testable import MeshWire

/// Members that nothing happens to, and their node.
private struct Quiet: WatchedResource {
  let view: NodeView
  func items() -> (items: WatchedItems<MemberView>, revision: UInt64) { (WatchedItems(view.members), view.revision) }
  func place(after revision: UInt64) -> UInt64? { revision == view.revision ? 0 : nil }
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<MemberView>.Change]? { place == 0 ? [] : nil }
}

@Suite struct RPCTests {
  private func view(
    scopes: ControlScopes = [.read, .observe], notReady: [String] = [], mayWatch: Bool = true
  ) throws -> NodeView {
    let members = try ["a", "b", "c"].map { name in
      var metadata = NodeMetadata()
      metadata.region = name == "b" ? "north" : "south"
      return MemberView(
        nodeID: try #require(NodeID(name)), status: .alive, isDead: false, epoch: 36, incarnation: 0,
        metadata: metadata, lastHeard: .origin, roundTrip: .milliseconds(2), isLocal: name == "a")
    }
    return NodeView(
      localNodeID: try #require(NodeID("a")), members: members,
      clock: MemberClock(now: .origin + .seconds(1), unixTicks: 20_000_000), isLeaving: false, notReady: notReady,
      scopes: scopes, activeRequests: 0, mayWatch: mayWatch, life: 36, revision: 7)
  }

  private func world(_ view: NodeView, at seconds: Int64 = 1) -> RPCWorld {
    RPCWorld(
      view: { view }, members: Quiet(view: view),
      clock: MemberClock(now: .origin + .seconds(seconds), unixTicks: 20_000_000))
  }

  /// All that a call says to these messages, until it ends or waits.
  private func ask(
    _ path: String, _ messages: [[UInt8]], _ view: NodeView
  ) -> (answers: [[UInt8]], end: RPCStatus?, due: Instant?) {
    var answers: [[UInt8]] = []
    do throws(RPCStatus) {
      var call = try ControlCall(path: path, view: view)
      for message in messages where call.wantsMessage { call.received(message, world(view)) }
      call.ended()
      while true {
        switch call.next(world(view)) {
        case .message(let bytes): answers.append(bytes)
        case .nothing(let time): return (answers, nil, time)
        case .end(let status): return (answers, status, nil)
        }
      }
    } catch {
      return (answers, error, nil)
    }
  }

  @Test func aCallKnowsWhoMakesItByItsCallersWord() throws {
    var metadata = CallMetadata([("rpc-caller", "billing"), ("rpc-caller", "second")])
    metadata.add("x-any-bin", [0, 255])
    let call = try ControlCall(path: list, metadata: metadata, view: try view())
    #expect(call.callerName == "billing" && call.metadata["x-any-bin"] == [[0, 255]])
    #expect(try ControlCall(path: list, view: try view()).callerName.isEmpty)
  }

  @Test func aReasonIsToldInTheTrailersAsWell() throws {
    let status = try #require(ask(list, [[0x1A, 1, 0x78]], try view()).end)
    #expect(status.metadata == CallMetadata([("error-code", "INVALID_FILTER")]))
    #expect(RPCStatus.ok.metadata == CallMetadata())
  }

  private let list = "/meshkit.control.v1.Members/List"
  private let watch = "/meshkit.control.v1.Members/Watch"
  private let check = "/grpc.health.v1.Health/Check"
  private let watchHealth = "/grpc.health.v1.Health/Watch"
  private let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

  @Test func aMethodThatTakesOneMessageTakesNeitherNoneNorTwo() throws {
    let view = try view()
    var endless = try ControlCall(path: list, view: view)
    #expect(endless.heldBytes == 0)
    endless.received([], world(view))
    #expect(endless.next(world(view)) == .nothing(until: .distantFuture))
    #expect(endless.heldBytes == 1, "an empty message is held too, so that the transport's limit of time holds")
    #expect(ask(list, [], view).end?.code == 13 && ask(list, [[], []], view).end?.code == 13)
    let answer = ask(list, [[]], view)
    #expect(answer.end == .ok && answer.answers.count == 1)
    // {"localNodeId":"a","token":"10-7", three members ...}: protobuf as Google's runtime reads it in `make interop`.
    #expect(answer.answers.first?.starts(with: [0x0A, 1, 0x61, 0x12, 4] + Array("10-7".utf8)) == true)
  }

  @Test func whatCannotBeServedEndsWithAStatusThatSaysWhy() throws {
    #expect(ask("/meshkit.control.v1.Members/None", [[]], try view()).end?.code == 12)
    #expect(ask("", [[]], try view()).end?.code == 12)
    let forbidden = try #require(ask(list, [[]], try view(scopes: [.observe])).end)
    #expect(forbidden.code == 7 && forbidden.message.contains("mesh.read") && forbidden.reason == "SCOPE_MISSING")
    #expect(ask(check, [[]], try view(scopes: [.read])).end?.code == 7)
    let full = try view(mayWatch: false)
    #expect(ask(watch, [[]], full).end?.code == 8 && ask(list, [[]], full).end == .ok)
    for (bytes, reason) in [([0x08] as [UInt8], "MALFORMED_MESSAGE"), ([0x1A, 1, 0x78], "INVALID_FILTER")] {
      let status = try #require(ask(list, [bytes], try view()).end)
      #expect(status.code == 3 && status.reason == reason && !status.details.isEmpty)
    }
  }

  @Test func aListTellsWhatCarriesTheLinkOfEachMember() throws {
    var view = try view()
    (view.members[1].linkTransport, view.members[2].linkTransport) = ("http2", "http3")
    let bytes = try #require(ask(list, [[]], view).answers.first)
    let members = try ProtobufReader.read(ListMembersResponse.self, bytes, "response", max: 1 << 20).members
    #expect(members.map(\.linkTransport) == ["", "http2", "http3"])
    #expect(members.map(\.metadata.http3Support) == [true, false, true])
  }

  @Test func oneMessageAnswersACallWhoseCallerWaitsForIt() throws {
    let view = try view()
    var health = try ControlCall(path: check, view: view)
    #expect(try health.answer(to: [], world(view)) == [8, 1])
    var unknown = try ControlCall(path: check, view: view)
    #expect(throws: RPCStatus.self) { try unknown.answer(to: [0x0A, 1, 0x78], world(view)) }
  }

  @Test func healthIsWhatReadinessIs() throws {
    #expect(ask(check, [[]], try view()).answers == [[8, 1]])
    #expect(ask(check, [[]], try view(notReady: ["x:starting"])).answers == [[8, 2]])
    let name = Array("grpc.health.v1.Health".utf8)
    #expect(ask(check, [[0x0A, UInt8(name.count)] + name], try view()).answers == [[8, 1]])
    #expect(ask(check, [[0x0A, 1, 0x78]], try view()).end?.code == 5)
    let unknown = ask(watchHealth, [[0x0A, 1, 0x78]], try view())
    #expect(unknown.answers == [[8, 3]] && unknown.end == nil && unknown.due == .origin + .seconds(2))
  }

  @Test func aHealthWatchTellsEachChangeOnce() throws {
    let (ready, not) = (try view(), try view(notReady: ["x:starting"]))
    var call = try ControlCall(path: watchHealth, view: ready)
    call.received([], world(ready))
    call.ended()
    let parts = [ready, ready, not, not, ready].map { call.next(world($0)) }
    let later = RPCPart.nothing(until: .origin + .seconds(2))
    #expect(parts == [.message([8, 1]), later, .message([8, 2]), later, .message([8, 1])])
  }

  @Test func aWatchTellsASnapshotAndSignsOfLife() throws {
    let view = try view()
    var call = try ControlCall(path: watch, view: view)
    // {"filter":{"region":"NORTH"}}
    call.received([0x0A, 7, 0x1A, 5] + Array("NORTH".utf8), world(view))
    call.ended()
    var query = MemberFilterMessage()
    query.region = "north"
    let filter = try MembersQuery(query, pageSize: 0, cursor: "").filterHash
    let text = Array(WatchToken(life: 36, revision: 7, filter: filter).text.utf8)
    let token = [0x0A, UInt8(text.count)] + text
    guard case .message(let snapshot) = call.next(world(view)) else {
      Issue.record("no snapshot")
      return
    }
    #expect(
      snapshot.starts(with: token) && holds(snapshot, [0x0A, 1, 0x62]) && !holds(snapshot, [0x0A, 1, 0x63]))
    #expect(call.next(world(view)) == .nothing(until: .origin + .seconds(16)))
    #expect(call.next(world(view, at: 16)) == .message(token))
    #expect(call.next(world(view, at: 17)) == .nothing(until: .origin + .seconds(31)))
  }

  @Test func aWatchThatGoesOnWithNothingMissedGivesASignOfLifeAtOnce() throws {
    let view = try view()
    let filter = try MembersQuery(MemberFilterMessage(), pageSize: 0, cursor: "").filterHash
    let text = Array(WatchToken(life: 36, revision: 7, filter: filter).text.utf8)
    var call = try ControlCall(path: watch, view: view)
    call.received([0x12, UInt8(text.count)] + text, world(view))
    call.ended()
    #expect(call.next(world(view)) == .message([0x0A, UInt8(text.count)] + text))
    #expect(call.next(world(view, at: 2)) == .nothing(until: .origin + .seconds(16)))
    #expect(call.next(world(view, at: 16)) == .message([0x0A, UInt8(text.count)] + text))
  }

  @Test func reflectionAnswersEachMessageInTurnAndHoldsItsCallerBack() throws {
    let view = try view()
    var call = try ControlCall(path: reflection, view: view)
    var asked = 0
    while call.wantsMessage, asked < 100 {
      call.received([0x3A, 0], world(view))
      asked += 1
    }
    #expect(asked == 4)
    for _ in 0..<asked {
      guard case .message(let bytes) = call.next(world(view)) else {
        Issue.record("no answer")
        return
      }
      #expect(bytes.starts(with: [0x12, 2, 0x3A, 0]), "it repeats the question")
    }
    #expect(call.wantsMessage && call.next(world(view)) == .nothing(until: .distantFuture))
    call.received([0xFF], world(view))
    guard case .end(let status) = call.next(world(view)) else { throw status13 }
    #expect(status.code == 3)
  }

  private func holds(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: part) }
  }

  private var status13: RPCStatus { RPCStatus(13, "no end") }

  @Test func everyMethodIsDeclaredInAFileThatReflectionGives() {
    for entry in RPCTable.methods {
      let symbol = String(entry.name.map { $0 == "/" ? "." : $0 })
      let file = DescriptorFile.all.first { $0.symbols.contains(symbol) }
      #expect(file.flatMap { Base64.decode($0.encoded) }?.isEmpty == false, "\(symbol)")
      for name in file?.imports ?? [] { #expect(DescriptorFile.all.contains { $0.name == name }, "\(name)") }
    }
  }
}
