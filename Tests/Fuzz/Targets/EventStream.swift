import MeshTransport

/// A stream of events as a server may tell the command: however it is cut into pieces, it holds the same events and
/// ends at the same place.
func fuzzEventStream(_ bytes: [UInt8]) {
  let whole = read(bytes, by: max(1, bytes.count))
  let pieces = read(bytes, by: 1 + Int(bytes.first ?? 0) % 7)
  if whole.events != pieces.events || whole.id != pieces.id { found("the cut changes what a stream tells") }
  if whole.events.contains(where: \.data.isEmpty) { found("an event without data") }
}

private func read(_ bytes: [UInt8], by step: Int) -> (events: [EventStreamReader.Event], id: String?) {
  var reader = EventStreamReader(lastID: "before")
  var events: [EventStreamReader.Event] = []
  for start in stride(from: 0, to: bytes.count, by: step) {
    events += reader.take(Array(bytes[start..<min(start + step, bytes.count)]))
  }
  return (events, reader.lastID)
}
