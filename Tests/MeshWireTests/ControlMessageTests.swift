import MeshBasics
import Testing

@testable import MeshWire

@Suite struct ControlMessageTests {
  private func survives<Message: WireMessage>(_ message: Message) throws {
    let bytes = ProtobufBytes.of(message)
    #expect(try ProtobufReader.read(Message.self, bytes, "message", max: 1 << 20) == message)
    var json = JSONWriter()
    MessageJSONWriter.write(message, to: &json)
    #expect(try MessageJSONReader.read(Message.self, try JSONValue.parse(json.bytes), "message") == message)
  }

  private var member: MemberMessage {
    var member = MemberMessage()
    (member.nodeID, member.status) = ("a", MemberStatusCode.suspect)
    (member.lastSeenUnixMilliseconds, member.roundTripMicroseconds) = (-1, .max)
    (member.metadata.labels, member.linkTransport) = ([Label(key: "zone", value: "z")], "http2")
    return member
  }

  @Test func everyMessageOfTheControlPlaneSurvivesBothForms() throws {
    var filter = MemberFilterMessage()
    (filter.role, filter.status, filter.labels) = ("worker", MemberStatusCode.left, ["a", "b=c"])
    var list = ListMembersRequest()
    (list.filter, list.pageSize, list.cursor) = (filter, 5, "v1.a")
    try survives(list)
    var page = ListMembersResponse()
    (page.localNodeID, page.token, page.members, page.nextCursor) = ("a", "1-2", [member], "v1.a")
    try survives(page)
    var watch = WatchMembersRequest()
    (watch.filter, watch.after) = (filter, "1-2")
    try survives(watch)
    var event = MembersEvent()
    var snapshot = MembersSnapshotMessage()
    (snapshot.localNodeID, snapshot.isFirst, snapshot.isComplete, snapshot.members) = ("a", true, false, [member])
    (event.token, event.snapshot, event.change, event.removal, event.resync) = ("1-2", snapshot, member, "b", "lagged")
    try survives(event)
  }

  @Test func messagesOfEveryGRPCServerSurviveBothForms() throws {
    try survives(HealthCheckRequest(service: "x"))
    try survives(HealthCheckResponse(status: GRPCHealth.notServing))
    try survives(
      ReflectionRequest(host: [1], file: nil, symbol: [], extensions: nil, extensionNumbers: nil, services: []))
    var response = ReflectionResponse()
    response.request = [8, 1]
    response.files = ReflectionFiles(files: [[1], [], [2, 3]])
    response.services = ReflectionServices(names: [ReflectionService(name: "x")])
    response.error = ReflectionError(code: 5, message: "none")
    try survives(response)
    try survives(StatusMessage(code: 3, message: "bad", details: [AnyMessage(typeURL: "t", value: [1])]))
  }

  @Test func aQuestionIsToldByTheFieldThatIsThereEvenWhenItIsEmpty() throws {
    #expect(try GRPCReflection.question(in: [0x3A, 0]) == .services)
    #expect(try GRPCReflection.question(in: [0x1A, 1, 0x61]) == .file("a"))
    #expect(try GRPCReflection.question(in: [0x22, 1, 0x61]) == .symbol("a"))
    #expect(try GRPCReflection.question(in: [0x2A, 0]) == .extensions)
    #expect(try GRPCReflection.question(in: [0x32, 1, 0x61]) == .extensions)
    #expect(try GRPCReflection.question(in: []) == .unknown)
    #expect(throws: WireError.self) { try GRPCReflection.question(in: [0x1A, 9]) }
  }

  @Test func aFilterIsHeldToItsLimits() throws {
    // Five labels, an unknown status, a text of 257 bytes.
    for filter: [UInt8] in [
      (0..<5).flatMap { [0x32, 1, UInt8(0x61 + $0)] }, [0x28, 4],
      [0x0A, 0x81, 2] + [UInt8](repeating: 0x61, count: 257),
    ] {
      var length: [UInt8] = [UInt8(filter.count & 0x7F)]
      if filter.count > 0x7F { length = [UInt8(filter.count & 0x7F) | 0x80, UInt8(filter.count >> 7)] }
      #expect(throws: WireError.self) { try ListMembersRequest.decode([0x0A] + length + filter) }
    }
    // One field that nobody knows, as long as a request may be, and longer by one.
    for (count, isGood) in [(WireLimits.controlRequestBytes, true), (WireLimits.controlRequestBytes + 1, false)] {
      let length = count - 4
      let request: [UInt8] =
        [0x7A, UInt8(length & 0x7F | 0x80), UInt8(length >> 7 & 0x7F | 0x80), UInt8(length >> 14)]
        + [UInt8](repeating: 0, count: length)
      #expect(((try? ListMembersRequest.decode(request)) != nil) == isGood, "\(count)")
    }
  }
}
