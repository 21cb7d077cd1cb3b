import CZlib

/// gzip (RFC 1952) of whole messages, by zlib.
public enum GZip {
  /// The largest window, and a gzip frame.
  private static let windowBits: Int32 = 31

  /// The bytes of `message`, compressed; nil when memory fails.
  public static func compress(_ message: [UInt8]) -> [UInt8]? {
    withStream { stream in
      let status = deflateInit2_(
        stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, streamSize)
      guard status == Z_OK else { return nil }
      defer { deflateEnd(stream) }
      var output = [UInt8](repeating: 0, count: Int(deflateBound(stream, uLong(message.count))))
      let isWhole = run(stream, message, into: &output) { deflate(stream, Z_FINISH) } == Z_STREAM_END
      return isWhole ? Array(output.prefix(Int(stream.pointee.total_out))) : nil
    }
  }

  /// Why a message can't be expanded.
  public enum Failure: Error {
    /// It is no single gzip frame.
    case notGZip
    /// It stands for too many bytes.
    case tooLong
  }

  /// The bytes that `message` stands for, `bytesMax` at most.
  public static func expand(_ message: [UInt8], bytesMax: Int) -> Result<[UInt8], Failure> {
    withStream { stream in
      guard inflateInit2_(stream, windowBits, ZLIB_VERSION, streamSize) == Z_OK else { return .failure(.notGZip) }
      defer { inflateEnd(stream) }
      // Grown as the bytes come, so that a few bytes which claim to be many cost no more than they are.
      var output = [UInt8](repeating: 0, count: min(bytesMax, max(256, message.count &* 4)))
      while true {
        let status = run(stream, message, into: &output) { inflate(stream, Z_NO_FLUSH) }
        let made = Int(stream.pointee.total_out)
        if status == Z_STREAM_END {
          return stream.pointee.avail_in == 0 ? .success(Array(output.prefix(made))) : .failure(.notGZip)
        }
        guard status == Z_OK || status == Z_BUF_ERROR, made == output.count else { return .failure(.notGZip) }
        guard made < bytesMax else { return .failure(.tooLong) }
        output += [UInt8](repeating: 0, count: min(bytesMax, made &* 2) - made)
      }
    }
  }

  private static let streamSize = Int32(MemoryLayout<z_stream>.size)

  /// Runs `body` with a stream at a fixed place: zlib's state points back to it, and refuses any other.
  private static func withStream<Made>(_ body: (UnsafeMutablePointer<z_stream>) -> Made) -> Made {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    return body(stream)
  }

  /// Goes on with `stream` where it stands, in `input` and in `output`.
  private static func run(
    _ stream: UnsafeMutablePointer<z_stream>, _ input: [UInt8], into output: inout [UInt8], _ step: () -> Int32
  ) -> Int32 {
    input.withUnsafeBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        let (read, written) = (Int(stream.pointee.total_in), Int(stream.pointee.total_out))
        // zlib doesn't write through `next_in`; its type only says that it might.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress.map { $0 + read })
        stream.pointee.avail_in = uInt(clamping: source.count - read)
        stream.pointee.next_out = target.baseAddress.map { $0 + written }
        stream.pointee.avail_out = uInt(clamping: target.count - written)
        return step()
      }
    }
  }
}
