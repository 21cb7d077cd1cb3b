import MeshWire

/// JSON text, and the messages read from it. What a tree writes must parse to the same tree.
func fuzzJSON(_ bytes: [UInt8]) {
  guard let value = try? JSONValue.parse(bytes) else { return }
  var json = JSONWriter()
  write(value, to: &json)
  if (try? JSONValue.parse(json.bytes, bytesMax: .max)) == nil { found("wrote bad JSON") }
  if let message = try? MeshMessage.decode(json: value) {
    if (try? MeshMessage.decode(message.encoded())) != message { found("protobuf changed the message") }
  }
  if let reply = try? PingReply.decode(json: value) {
    if (try? PingReply.decode(reply.encoded())) != reply { found("protobuf changed the reply") }
  }
}

private func write(_ value: JSONValue, to json: inout JSONWriter) {
  switch value {
  case .null: json.null()
  case .bool(let flag): json.bool(flag)
  case .number(let text): json.double(Double(text) ?? 0)
  case .string(let text): json.string(text)
  case .array(let items):
    json.beginArray()
    for item in items { write(item, to: &json) }
    json.endArray()
  case .object(let members):
    json.beginObject()
    for member in members {
      json.name(member.name)
      write(member.value, to: &json)
    }
    json.endObject()
  }
}
