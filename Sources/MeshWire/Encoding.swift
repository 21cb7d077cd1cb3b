// The doors of the codec: bytes of protobuf to messages and back. Decoding is safe for anything a peer may send and
// takes time linear in its length; its errors name the field. Encoding never fails.

extension MeshMessage {
  /// The message in one frame of the stream, at most `WireLimits.frameBytes` long.
  public static func decode(_ bytes: [UInt8]) throws(WireError) -> MeshMessage {
    let frame = try ProtobufReader.read(MeshFrame.self, bytes, "frame", max: WireLimits.frameBytes)
    guard let message = frame.message else { throw WireError("frame: no message that this version knows") }
    return message
  }

  /// The message as one frame. The caller keeps it within `WireLimits`, since receivers refuse what isn't.
  public func encoded() -> [UInt8] { ProtobufBytes.of(MeshFrame(message: self)) }
}

extension PingRequest {
  /// The request in `bytes`.
  public static func decode(_ bytes: [UInt8]) throws(WireError) -> PingRequest {
    try ProtobufReader.read(PingRequest.self, bytes, "request", max: WireLimits.pingBytes)
  }

  /// The request as protobuf.
  public func encoded() -> [UInt8] { ProtobufBytes.of(self) }
}

extension PingReply {
  /// The reply in `bytes`.
  public static func decode(_ bytes: [UInt8]) throws(WireError) -> PingReply {
    try ProtobufReader.read(PingReply.self, bytes, "reply", max: WireLimits.pingBytes)
  }

  /// The reply as protobuf.
  public func encoded() -> [UInt8] { ProtobufBytes.of(self) }
}

extension MemberRecord {
  /// The claim in `bytes`, as the known-peers file keeps it.
  public static func decode(_ bytes: [UInt8]) throws(WireError) -> MemberRecord {
    try ProtobufReader.read(MemberRecord.self, bytes, "record", max: WireLimits.recordBytes)
  }

  /// The claim as protobuf. Its length is also what it takes in a frame, but for at most four bytes of framing.
  public func encoded() -> [UInt8] { ProtobufBytes.of(self) }

  /// The length of `encoded()`, reckoned from the lengths of its fields without writing them.
  public var encodedSize: Int { ProtobufLength.of(self) }
}

extension NodeMetadata {
  /// The bytes that it takes as protobuf, reckoned without writing them; peers refuse more than
  /// `WireLimits.metadataBytes`.
  public var encodedSize: Int { ProtobufLength.of(self) }
}
