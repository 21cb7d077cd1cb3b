/// What nghttp3 may see of a unidirectional stream that the peer opened: all of it, but for frames on the control
/// stream (RFC 9114 §6.2.1) that it need not know.
///
/// nghttp3 0.8 ends the process by an assertion when a PRIORITY_UPDATE frame (RFC 9218 §7.2) comes in pieces, which any
/// peer can arrange. Priorities are a hint that nothing here follows, so that these frames are dropped with those of
/// unknown types, which are to be ignored (RFC 9114 §9).
struct PeerUniStream {
  private enum Kind { case unknown, control, other }

  /// Types of frames that have a meaning on a control stream, or none that is allowed there.
  private static let known: Set<UInt64> = [0x0, 0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x8, 0x9, 0xD]
  private static let settings: UInt64 = 0x4
  /// CANCEL_PUSH, GOAWAY and MAX_PUSH_ID.
  private static let numbers: Set<UInt64> = [0x3, 0x7, 0xD]
  private static let (encoder, decoder): (UInt64, UInt64) = (0x2, 0x3)

  private var kind = Kind.unknown
  /// Whether the connection can't do without it (RFC 9114 §6.2.1, RFC 9204 §4.2).
  private(set) var isCritical = false
  private var hasSettings = false
  /// The stream's type, or a frame's type and length, as far as it has come.
  private var header: [UInt8] = []
  /// What is still to come of the frame.
  private var left: UInt64 = 0
  private var isDropped = false
  /// The frame is one number and nothing else, whose first byte is still to come.
  private var isNumber = false

  /// The part of `bytes` that nghttp3 may see. *Errors*: a control stream that doesn't begin with SETTINGS.
  mutating func take(_ bytes: UnsafeBufferPointer<UInt8>) throws(StreamLayerFailure) -> [UInt8] {
    if kind == .other { return Array(bytes) }
    var passed: [UInt8] = []
    passed.reserveCapacity(bytes.count)
    for byte in bytes {
      if kind == .control, left > 0 {
        if isNumber { try checkNumber(beginningWith: byte) }
        left -= 1
        if !isDropped { passed.append(byte) }
        continue
      }
      if kind == .other {
        passed.append(byte)
        continue
      }
      header.append(byte)
      if kind == .unknown { readType(into: &passed) } else { try readFrame(into: &passed) }
    }
    return passed
  }

  private mutating func readType(into passed: inout [UInt8]) {
    guard let (type, _) = PeerUniStream.number(header[...]) else { return }
    kind = type == 0 ? .control : .other
    isCritical = type == 0 || type == PeerUniStream.encoder || type == PeerUniStream.decoder
    passed += header
    header = []
  }

  private mutating func readFrame(into passed: inout [UInt8]) throws(StreamLayerFailure) {
    guard let (type, typeLength) = PeerUniStream.number(header[...]),
      let (length, _) = PeerUniStream.number(header.dropFirst(typeLength))
    else { return }
    isDropped = !PeerUniStream.known.contains(type)
    if isDropped, !hasSettings {
      throw StreamLayerFailure(code: HTTP3ErrorCode.missingSettings, text: "HTTP/3: no SETTINGS before other frames")
    }
    if type == PeerUniStream.settings { hasSettings = true }
    isNumber = PeerUniStream.numbers.contains(type)
    if isNumber, length == 0 { throw PeerUniStream.wrongLength }
    if !isDropped { passed += header }
    header = []
    left = length
  }

  /// [RFC 9114 §7.1] "A frame payload that contains additional bytes after the identified fields […] MUST be treated
  /// as a connection error of type H3_FRAME_ERROR." nghttp3 0.8 would take those bytes for the next frame, which may be
  /// one that it must not see.
  private mutating func checkNumber(beginningWith byte: UInt8) throws(StreamLayerFailure) {
    isNumber = false
    guard left == 1 << UInt64(byte >> 6) else { throw PeerUniStream.wrongLength }
  }

  private static let wrongLength = StreamLayerFailure(
    code: HTTP3ErrorCode.frameError, text: "HTTP/3: a frame of another length than its content")

  /// A variable-length integer and its length (RFC 9000 §16); nil while it isn't whole.
  private static func number(_ bytes: ArraySlice<UInt8>) -> (UInt64, Int)? {
    guard let first = bytes.first else { return nil }
    let length = 1 << Int(first >> 6)
    guard bytes.count >= length else { return nil }
    return (bytes.prefix(length).dropFirst().reduce(UInt64(first & 0x3F)) { $0 << 8 | UInt64($1) }, length)
  }
}
