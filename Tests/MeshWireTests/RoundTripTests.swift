import MeshBasics
import MeshWire
import Testing

@Test func everyMessageComesBackAsItWas() throws {
  for message in Samples.messages {
    #expect(try MeshMessage.decode(message.encoded()) == message)
  }
}

@Test func theSamplesHaveEveryKindOfMessage() {
  #expect(Set(Samples.messages.map(\.kind)) == Set(MessageKind.allCases))
}

@Test func aKindIsNamedLikeTheFieldOfTheSchema() throws {
  for message in Samples.messages {
    var json = JSONWriter()
    message.write(to: &json)
    guard case .object(let members) = try JSONValue.parse(json.bytes), let name = members.first?.name else {
      Issue.record("\(message.kind) isn't an object")
      continue
    }
    let snake = name.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
    #expect(message.kind.rawValue == snake)
  }
}

@Test func theFirstFiveKindsAreThoseOfVersion1() {
  let kinds = MessageKind.allCases.filter { $0.sinceVersion <= ProtocolVersion.oldest }
  #expect(kinds == [.hello, .ping, .ack, .news, .view])
  #expect(MessageKind.allCases.allSatisfy { $0.sinceVersion <= ProtocolVersion.current })
}

@Test func theSizeOfAClaimIsThatOfItsEncoding() throws {
  var records = [Samples.record, Samples.bareRecord, MemberRecord()]
  for (_, bytes) in try Fixtures.files("corpus/member-record") {
    if let record = try? MemberRecord.decode(bytes) { records.append(record) }
  }
  // Numbers around the places where a varint grows by a byte.
  for bits in 1..<64 {
    for epoch in [(1 as UInt64) << UInt64(bits) - 1, 1 << UInt64(bits)] {
      var record = Samples.record
      record.epoch = epoch
      record.incarnation = UInt32(truncatingIfNeeded: epoch)
      record.metadata?.metadataVersion = Int64(bitPattern: epoch)
      record.metadata?.role = String(repeating: "r", count: bits * 4)
      record.metadata?.labels = [Label(key: "k", value: String(repeating: "v", count: bits * 65))]
      records.append(record)
    }
  }
  for record in records {
    let size = record.encoded().count
    #expect(record.encodedSize == size)
    guard let metadata = record.metadata else { continue }
    var bare = record
    bare.metadata = nil
    let framing = metadata.encodedSize < 128 ? 2 : 3
    #expect(metadata.encodedSize == size - bare.encoded().count - framing)
  }
}

@Test func metadataIsSharedByCopiesOfAClaimAndReadAsBefore() {
  var record = Samples.record
  let copy = record
  #expect(record.sharedMetadata.flatMap { box in copy.sharedMetadata.map(box.isSame(as:)) } == true)
  record.metadata?.role = "worker"
  #expect(record.metadata?.role == "worker" && copy.metadata?.role == "gateway")
  #expect(record != copy)
  record.metadata = Samples.metadata
  #expect(record == copy)
  record.metadata = nil
  #expect(record.sharedMetadata == nil)
}

@Test func whatVersion1DoesntSayIsZeroAndItsMetadataIsOfSchema1() throws {
  let hello = try MeshMessage.decode(hex("0a 0c 1a 01 63 22 07 0a 01 6e 20 01 32 00"))
  guard case .hello(let hello) = hello else { return #expect(Bool(false), "not a hello") }
  #expect(hello.startedAt == 0 && hello.nonce == 0)
  let metadata = try #require(hello.record.metadata)
  #expect(!metadata.draining && metadata.schemaVersion == 1)
  #expect(!hello.record.refused && hello.record.accusers.isEmpty && hello.record.metadataDelta == nil)
}

@Test func schema1IsPassedOnAsItCame() throws {
  let absent = hex("0a 01 6e 20 01 32 00")
  #expect(try MemberRecord.decode(absent).encoded() == absent)
  // Nobody writes the 1; who reads it makes no difference of it.
  #expect(try MemberRecord.decode(hex("0a 01 6e 20 01 32 02 58 01")).encoded() == absent)
  #expect(try MemberRecord.decode(hex("0a 01 6e 20 01 32 02 58 07")).metadata?.schemaVersion == 7)
  #expect(NodeMetadata().schemaVersion == 2)
}

@Test func setsAreReadInOrderAndOnce() throws {
  let record = try MemberRecord.decode(hex("0a 01 6e 20 02 42 01 63 42 01 61 42 01 63 42 01 62 42 01 61"))
  #expect(record.accusers == ["a", "b", "c"])
  let json = #"{"nodeId":"n","state":2,"accusers":["c","a","c","b"]}"#
  #expect(try MemberRecord.decode(json: try JSONValue.parse(Array(json.utf8))).accusers == ["a", "b", "c"])
  guard case .syncDelta(let delta) = try MeshMessage.decode(hex("52 09 12 01 62 12 01 61 12 01 62")) else {
    return #expect(Bool(false), "not a delta")
  }
  #expect(delta.wanted == ["a", "b"])
}

@Test func aBroadcastTellsNoPayloadFromAnEmptyOne() throws {
  func payload(_ bytes: String) throws -> [UInt8]? {
    guard case .broadcast(let broadcast) = try MeshMessage.decode(hex(bytes)) else { return [1] }
    return broadcast.payload
  }
  #expect(try payload("5a 06 0a 01 61 22 01 74") == nil)
  #expect(try payload("5a 08 0a 01 61 22 01 74 2a 00") == [])
  let json = #"{"broadcast":{"origin":"a","topic":"t","payload":null}}"#
  guard case .broadcast(let read) = try MeshMessage.decode(json: try JSONValue.parse(Array(json.utf8))) else { return }
  #expect(read.payload == nil)
}
