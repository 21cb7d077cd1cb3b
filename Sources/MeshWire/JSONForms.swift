// The JSON form of the messages, by protobuf's JSON mapping of the published schema: for tools, logs and tests. Peers
// speak protobuf.

extension MeshMessage {
  /// The message in `json`: an object with one member, named like the case.
  public static func decode(json: JSONValue) throws(WireError) -> MeshMessage {
    let frame = try MessageJSONReader.read(MeshFrame.self, json, "frame")
    guard let message = frame.message else { throw WireError("frame: no message that this version knows") }
    return message
  }

  /// Writes the message as one value.
  public func write(to json: inout JSONWriter) { MessageJSONWriter.write(MeshFrame(message: self), to: &json) }
}

extension PingRequest {
  /// The request in `json`.
  public static func decode(json: JSONValue) throws(WireError) -> PingRequest {
    try MessageJSONReader.read(PingRequest.self, json, "request")
  }

  /// Writes the request as one value.
  public func write(to json: inout JSONWriter) { MessageJSONWriter.write(self, to: &json) }
}

extension PingReply {
  /// The reply in `json`.
  public static func decode(json: JSONValue) throws(WireError) -> PingReply {
    try MessageJSONReader.read(PingReply.self, json, "reply")
  }

  /// Writes the reply as one value.
  public func write(to json: inout JSONWriter) { MessageJSONWriter.write(self, to: &json) }
}

extension MemberRecord {
  /// The claim in `json`.
  public static func decode(json: JSONValue) throws(WireError) -> MemberRecord {
    try MessageJSONReader.read(MemberRecord.self, json, "record")
  }

  /// Writes the claim as one value.
  public func write(to json: inout JSONWriter) { MessageJSONWriter.write(self, to: &json) }
}
