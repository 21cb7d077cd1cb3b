/// The character classes of RFC 9110 §5 and RFC 9112 §2, and the few readings that more than one parser needs.
enum HTTP1Syntax {
  static let space = UInt8(ascii: " ")
  static let tab = UInt8(ascii: "\t")
  static let carriageReturn = UInt8(ascii: "\r")
  static let lineFeed = UInt8(ascii: "\n")
  static let colon = UInt8(ascii: ":")
  static let crlf: [UInt8] = [carriageReturn, lineFeed]

  /// `tchar` of RFC 9110 §5.6.2: what methods and field names are made of.
  static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      return true
    case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
      return true
    default: return false
    }
  }

  /// Whether `bytes` is a token: at least one byte, all of them `tchar`.
  static func isToken(_ bytes: some Collection<UInt8>) -> Bool { !bytes.isEmpty && all(bytes, isTokenByte) }

  /// Whether all of `bytes` pass. Strings and arrays lend their bytes at once, which costs a fraction of one by one.
  static func all(_ bytes: some Collection<UInt8>, _ passes: (UInt8) -> Bool) -> Bool {
    bytes.withContiguousStorageIfAvailable { $0.allSatisfy(passes) } ?? bytes.allSatisfy(passes)
  }

  /// Lends the UTF-8 of `text` for the call.
  static func withBytes<R>(of text: String, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    var text = text
    return text.withUTF8(body)
  }

  /// What a field value may hold: visible ASCII, blanks and bytes above 127, but no control byte (RFC 9110 §5.5).
  static func isValueByte(_ byte: UInt8) -> Bool { byte == tab || (byte >= space && byte != 0x7F) }

  /// What a request target may hold: visible ASCII.
  static func isTargetByte(_ byte: UInt8) -> Bool { byte > space && byte < 0x7F }

  static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  static func hexValue(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return Int(byte) &- 48
    case UInt8(ascii: "a")...UInt8(ascii: "f"): return Int(byte) &- 87
    case UInt8(ascii: "A")...UInt8(ascii: "F"): return Int(byte) &- 55
    default: return nil
    }
  }

  static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  /// `text` with ASCII letters in lower case, and all else as it is.
  static func lowercased(_ text: String) -> String {
    withBytes(of: text) { bytes in
      guard bytes.contains(where: { lowercased($0) != $0 }) else { return text }
      return String(unsafeUninitializedCapacity: bytes.count) { lower in
        lower.initialize(fromContentsOf: bytes.lazy.map { lowercased($0) })
      }
    }
  }

  /// Compares as HTTP does: ASCII letters without case, all else exactly.
  static func equalIgnoringCase(_ left: String, _ right: String) -> Bool {
    guard left.utf8.count == right.utf8.count else { return false }
    return withBytes(of: left) { left in
      withBytes(of: right) { right in left.indices.allSatisfy { lowercased(left[$0]) == lowercased(right[$0]) } }
    }
  }

  /// `value` without blanks at either end.
  static func trimmed(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var value = value.drop(while: isBlank)
    while let last = value.last, isBlank(last) { value.removeLast() }
    return value
  }

  /// The members of a comma-separated list, trimmed and in lower case; empty members are dropped (RFC 9110 §5.6.1).
  static func listMembers(_ value: String) -> [String] {
    value.utf8.split(separator: UInt8(ascii: ",")).compactMap { member in
      let bytes = trimmed(ArraySlice(member)).map(lowercased)
      return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
  }

  /// Whether `value` can be a `Host`: a name, an IPv4 address or a bracketed IPv6 address, and maybe a port; no
  /// userinfo.
  static func isHost(_ value: String) -> Bool { withBytes(of: value) { isHost($0[...]) } }

  private static func isHost(_ value: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    let rest: Slice<UnsafeBufferPointer<UInt8>>
    if value.first == UInt8(ascii: "[") {
      guard let bracket = value.firstIndex(of: UInt8(ascii: "]")) else { return false }
      let inside = value[..<bracket].dropFirst()
      guard !inside.isEmpty, inside.allSatisfy({ hexValue($0) != nil || $0 == colon || $0 == UInt8(ascii: ".") }) else {
        return false
      }
      rest = value[bracket...].dropFirst()
    } else {
      let end = value.firstIndex(of: colon) ?? value.endIndex
      guard value[..<end].allSatisfy(isTokenByte) else { return false }
      rest = value[end...]
    }
    return rest.isEmpty || rest.first == colon && isPort(rest.dropFirst())
  }

  /// Whether `digits` are none, or a number of 16 bits.
  private static func isPort(_ digits: some Collection<UInt8>) -> Bool {
    var port = 0
    for digit in digits {
      guard isDigit(digit) else { return false }
      port = port * 10 + Int(digit &- UInt8(ascii: "0"))
      guard port <= UInt16.max else { return false }
    }
    return true
  }
}
