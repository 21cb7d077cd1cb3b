/// What one stream still has to send, and what it sent but the peer has not acknowledged: nghttp3 reads our memory
/// until then, so each chunk keeps a fixed place.
final class OutgoingBody {
  private var chunks: [UnsafeMutableBufferPointer<UInt8>] = []
  /// How many of `chunks` were handed to nghttp3.
  private var handed = 0
  /// How much of the first chunk is acknowledged.
  private var acknowledgedOfFirst = 0
  /// Bytes that are neither sent nor acknowledged: what this stream holds in memory.
  private(set) var outstanding = 0
  /// Nothing more will be appended.
  var isFinished = false
  /// Sent after the last chunk; empty ends the stream without trailers.
  var trailers: [HTTPField] = []

  deinit { chunks.forEach { $0.deallocate() } }

  /// Appends `parts` as one chunk.
  func append(_ parts: [UInt8]...) {
    let count = parts.reduce(0) { $0 &+ $1.count }
    guard count > 0 else { return }
    let chunk = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: count)
    var end = chunk.startIndex
    for part in parts { end = chunk[end...].initialize(fromContentsOf: part) }
    chunks.append(chunk)
    outstanding += count
  }

  /// The next chunk to hand over; nil when all were.
  func next() -> UnsafeMutableBufferPointer<UInt8>? {
    guard handed < chunks.count else { return nil }
    defer { handed += 1 }
    return chunks[handed]
  }

  /// Whether all chunks were handed over.
  var isDrained: Bool { handed == chunks.count }

  /// The peer has the next `count` bytes.
  func acknowledge(_ count: Int) {
    acknowledgedOfFirst += count
    outstanding -= min(count, outstanding)
    var done = 0
    while done < handed, acknowledgedOfFirst >= chunks[done].count {
      acknowledgedOfFirst -= chunks[done].count
      chunks[done].deallocate()
      done += 1
    }
    chunks.removeFirst(done)
    handed -= done
  }
}
