/// The character classes of RFC 9110 §5 and RFC 9112 §2, and the few readings that more than one parser needs.
enum HTTP1Syntax {
  static let space = UInt8(ascii: " ")
  static let tab = UInt8(ascii: "\t")
  static let carriageReturn = UInt8(ascii: "\r")
  static let lineFeed = UInt8(ascii: "\n")
  static let crlf: [UInt8] = [carriageReturn, lineFeed]

  /// `tchar` of RFC 9110 §5.6.2: what methods and field names are made of.
  static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      return true
    default: return "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  /// Whether `bytes` is a token: at least one byte, all of them `tchar`.
  static func isToken(_ bytes: some Collection<UInt8>) -> Bool { !bytes.isEmpty && bytes.allSatisfy(isTokenByte) }

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

  /// Compares as HTTP does: ASCII letters without case, all else exactly.
  static func equalIgnoringCase(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lowercased($0) == lowercased($1) }
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
  static func isHost(_ value: String) -> Bool {
    var name = Substring(value)
    if name.hasPrefix("[") {
      guard let bracket = name.firstIndex(of: "]") else { return false }
      let inside = name[name.index(after: name.startIndex)..<bracket]
      guard !inside.isEmpty, inside.utf8.allSatisfy({ hexValue($0) != nil || ":.".utf8.contains($0) }) else {
        return false
      }
      name = name[name.index(after: bracket)...]
    } else {
      let end = name.firstIndex(of: ":") ?? name.endIndex
      guard name[..<end].utf8.allSatisfy({ isTokenByte($0) }) else { return false }
      name = name[end...]
    }
    guard !name.isEmpty else { return true }
    let port = name.dropFirst()
    return name.hasPrefix(":") && port.utf8.allSatisfy(isDigit) && (port.isEmpty || UInt16(port) != nil)
  }
}
