import CZlib

/// gzip (RFC 1952) of whole messages, by zlib.
enum GZip {
  /// Shorter messages are not worth their 20 bytes of frame.
  static let bytesMin = 1_024

  /// The bytes of `message`, compressed; nil when memory fails.
  static func compress(_ message: [UInt8]) -> [UInt8]? {
    var stream = z_stream()
    // 31: the largest window, and a gzip frame.
    let status = deflateInit2_(
      &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { return nil }
    defer { deflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, uLong(message.count))))
    let isWhole = run(&stream, message, into: &output) { deflate(&$0, Z_FINISH) } == Z_STREAM_END
    return isWhole ? Array(output.prefix(Int(stream.total_out))) : nil
  }

  /// The bytes that `message` stands for; nil when it is no single gzip frame, or stands for more than `bytesMax`.
  static func expand(_ message: [UInt8], bytesMax: Int) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    // Grown as the bytes come, so that a few bytes which claim to be many cost no more than they are.
    var count = min(bytesMax, max(256, message.count &* 4))
    var output = [UInt8](repeating: 0, count: count)
    while true {
      let status = run(&stream, message, into: &output) { inflate(&$0, Z_NO_FLUSH) }
      let (made, isFull) = (Int(stream.total_out), Int(stream.total_out) == count)
      if status == Z_STREAM_END { return stream.avail_in == 0 ? Array(output.prefix(made)) : nil }
      guard status == Z_OK || status == Z_BUF_ERROR, isFull, count < bytesMax else { return nil }
      count = min(bytesMax, count &* 2)
      output += [UInt8](repeating: 0, count: count - made)
    }
  }

  /// Goes on with `stream` where it stands, in `input` and in `output`.
  private static func run(
    _ stream: inout z_stream, _ input: [UInt8], into output: inout [UInt8], _ step: (inout z_stream) -> Int32
  ) -> Int32 {
    input.withUnsafeBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        let (read, written) = (Int(stream.total_in), Int(stream.total_out))
        // zlib doesn't write through `next_in`; its type only says that it might.
        stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress.map { $0 + read })
        stream.avail_in = uInt(clamping: source.count - read)
        stream.next_out = target.baseAddress.map { $0 + written }
        stream.avail_out = uInt(clamping: target.count - written)
        return step(&stream)
      }
    }
  }
}
