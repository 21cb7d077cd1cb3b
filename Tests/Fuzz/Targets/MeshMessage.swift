import MeshWire

/// A frame of the duplex stream. What decodes must encode to no more bytes, so that a relay never makes a message that
/// others refuse, and must come back the same, through protobuf and through JSON.
func fuzzMeshMessage(_ bytes: [UInt8]) {
  guard let message = try? MeshMessage.decode(bytes) else { return }
  let encoded = message.encoded()
  if encoded.count > bytes.count { found("grew from \(bytes.count) to \(encoded.count) bytes") }
  if (try? MeshMessage.decode(encoded)) != message { found("protobuf changed the message") }
  var json = JSONWriter()
  message.write(to: &json)
  guard let tree = try? JSONValue.parse(json.bytes, bytesMax: .max) else { found("wrote bad JSON") }
  if (try? MeshMessage.decode(json: tree)) != message { found("JSON changed the message") }
}
