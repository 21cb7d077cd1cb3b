import MeshTransport

/// A gRPC stream: however it is cut into pieces, it gives the same messages and the same fault.
func fuzzGRPCDeframer(_ bytes: [UInt8]) {
  let whole = deframe(bytes, by: max(1, bytes.count))
  let pieces = deframe(bytes, by: 1 + Int(bytes.first ?? 0) % 7)
  if whole.messages != pieces.messages || whole.fault != pieces.fault { found("the cut changes what a stream holds") }
}

private func deframe(_ bytes: [UInt8], by step: Int) -> (messages: [[UInt8]], fault: GRPCFrameError?) {
  var deframer = GRPCDeframer(messageBytesMax: 4_096)
  var messages: [[UInt8]] = []
  for start in stride(from: 0, to: bytes.count, by: step) {
    let fault = bytes[start..<min(start + step, bytes.count)].withUnsafeBufferPointer {
      deframer.receive($0, into: &messages)
    }
    if let fault { return (messages, fault) }
  }
  return (messages, deframer.end())
}
