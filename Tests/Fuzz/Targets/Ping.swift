import MeshWire

/// Both sides of the unary call: the first byte chooses which.
func fuzzPing(_ bytes: [UInt8]) {
  let body = Array(bytes.dropFirst())
  if bytes.first == 0 {
    guard let request = try? PingRequest.decode(body) else { return }
    if (try? PingRequest.decode(request.encoded())) != request { found("protobuf changed the request") }
  } else {
    guard let reply = try? PingReply.decode(body) else { return }
    if (try? PingReply.decode(reply.encoded())) != reply { found("protobuf changed the reply") }
  }
}
