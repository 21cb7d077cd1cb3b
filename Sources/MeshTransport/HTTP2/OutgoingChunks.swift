/// The body of one answer, as its producer gave it and as far as it has not gone out.
struct OutgoingChunks {
  private var chunks: [[UInt8]] = []
  /// The chunks before this one are out, and so much of it.
  private var next = 0
  private var offset = 0
  /// The bytes that wait.
  private(set) var count = 0
  /// Nothing more will be appended.
  var isFinished = false

  mutating func append(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    chunks.append(bytes)
    count += bytes.count
  }

  /// Moves as much as fits into `buffer`, and gives the number of bytes.
  mutating func take(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
    var filled = 0
    while filled < buffer.count, next < chunks.count {
      let part = chunks[next][offset...].prefix(buffer.count - filled)
      _ = buffer[filled...].initialize(fromContentsOf: part)
      filled += part.count
      offset += part.count
      if offset == chunks[next].count {
        chunks[next] = []
        next += 1
        offset = 0
      }
    }
    if next == chunks.count {
      chunks = []
      next = 0
    }
    count -= filled
    return filled
  }
}
