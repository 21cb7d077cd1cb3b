// gRPC's length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message"): one byte of flags, four bytes of
// length in network order, then the message. Pure: bytes in, messages out; what it can't take it names.

/// Why bytes are no sequence of gRPC messages.
public enum GRPCFrameError: Error, Equatable, Sendable {
  /// The message is compressed, and no encoding was agreed.
  case compressed
  /// A bit of the flags that no version of gRPC knows.
  case unknownFlags(UInt8)
  /// The announced length is over the limit.
  case tooLong(length: UInt32, limit: Int)
  /// The stream ended inside a message.
  case truncated

  /// A name for metrics: it holds nothing that the peer chose.
  public var reason: String {
    switch self {
    case .compressed: "a compressed message"
    case .unknownFlags: "unknown message flags"
    case .tooLong: "a message over the limit"
    case .truncated: "the stream ended inside a message"
    }
  }
}

/// Cuts a stream of bytes into gRPC messages.
///
/// *Limits*: a message longer than `messageBytesMax` is refused on its length alone, before any of it is kept; memory
/// grows only with bytes that came. After an error it takes no more.
public struct GRPCDeframer: Sendable {
  /// The bytes before each message.
  public static let prefixBytes = 5

  private let messageBytesMax: Int
  private let allowsCompressed: Bool
  /// Whether the message that was whole last, or the one that is arriving, is compressed.
  public private(set) var isCompressed = false
  private var prefix: [UInt8] = []
  private var message: [UInt8] = []
  private var expected: Int?
  /// The bytes of the message that is arriving.
  public var heldBytes: Int { message.count }
  /// What is wrong with the stream; nil while nothing is.
  public private(set) var failure: GRPCFrameError?

  /// A deframer at the beginning of a stream.
  public init(messageBytesMax: Int, allowsCompressed: Bool = false) {
    self.messageBytesMax = max(0, messageBytesMax)
    self.allowsCompressed = allowsCompressed
  }

  /// Takes in `bytes`, appends each message that is now whole to `messages`, and returns what is wrong with the stream,
  /// nil if nothing is. Messages before the fault are delivered.
  public mutating func receive(
    _ bytes: UnsafeBufferPointer<UInt8>, into messages: inout [[UInt8]]
  ) -> GRPCFrameError? {
    var rest = bytes[...]
    while let message = next(&rest) { messages.append(message) }
    return failure
  }

  /// Takes in the head of `bytes`, up to the end of the first message that is whole with it. Nil when there is none:
  /// then all was taken in, or `failure` says what is wrong.
  public mutating func next(_ bytes: inout Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8]? {
    while failure == nil, !bytes.isEmpty {
      if let expected {
        let part = bytes.prefix(expected &- message.count)
        message.append(contentsOf: part)
        bytes = bytes.dropFirst(part.count)
      } else {
        let part = bytes.prefix(GRPCDeframer.prefixBytes &- prefix.count)
        prefix.append(contentsOf: part)
        bytes = bytes.dropFirst(part.count)
        if prefix.count == GRPCDeframer.prefixBytes { readPrefix() }
      }
      if let expected, message.count == expected {
        defer { message = [] }
        self.expected = nil
        return message
      }
    }
    return nil
  }

  /// What is wrong with the stream if it ends here; nil if nothing is.
  public func end() -> GRPCFrameError? {
    if let failure { return failure }
    return prefix.isEmpty && expected == nil ? nil : .truncated
  }

  private mutating func readPrefix() {
    let flags = prefix.first ?? 0
    let length = prefix.dropFirst().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    prefix.removeAll(keepingCapacity: true)
    if flags == 1, !allowsCompressed {
      failure = .compressed
    } else if flags > 1 {
      failure = .unknownFlags(flags)
    } else if Int(length) > messageBytesMax {
      failure = .tooLong(length: length, limit: messageBytesMax)
    } else {
      isCompressed = flags == 1
      expected = Int(length)
      message.reserveCapacity(min(Int(length), 4096))
    }
  }

  /// The five bytes before a message of `length` bytes.
  public static func prefix(length: Int, isCompressed: Bool = false) -> [UInt8] {
    let length = UInt32(clamping: length)
    return [isCompressed ? 1 : 0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
  }
}
