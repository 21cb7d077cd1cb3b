import MeshBasics

/// An IP address in its text form, IPv4 (RFC 6943 §3.1.1, strict: four decimal numbers) or IPv6 (RFC 4291 §2.2).
struct IPAddressText {
  /// Four or sixteen bytes, in network order.
  let bytes: [UInt8]

  /// The address that `text` spells, or nil. Zones (`%eth0`) are not accepted.
  init?(_ text: String) {
    guard text.utf8.count <= 45 else { return nil }
    guard let bytes = text.utf8.contains(UInt8(ascii: ":")) ? IPAddressText.six(text) : IPAddressText.four(text)
    else { return nil }
    self.bytes = bytes
  }

  /// 127.0.0.0/8 or `::1`.
  var isLoopback: Bool {
    bytes.count == 4 ? bytes.first == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
  }

  /// `0.0.0.0` or `::`: every address of the machine.
  var isWildcard: Bool { bytes.allSatisfy { $0 == 0 } }

  private static func four(_ text: String) -> [UInt8]? {
    let fields = text.split(separator: ".", omittingEmptySubsequences: false)
    guard fields.count == 4 else { return nil }
    let bytes = fields.compactMap { field -> UInt8? in
      // A leading zero would be octal to some readers, so it is nothing here.
      guard field == "0" || !field.hasPrefix("0"), Text.digits(field) != nil else { return nil }
      return UInt8(field)
    }
    return bytes.count == 4 ? bytes : nil
  }

  private static func six(_ text: String) -> [UInt8]? {
    let halves = halvesAroundGap(text)
    guard let head = groups(halves.head), let tail = groups(halves.tail ?? "") else { return nil }
    let length = head.count &+ tail.count
    if halves.tail == nil { return length == 16 ? head : nil }
    guard length <= 14 else { return nil }
    return head + Array(repeating: 0, count: 16 &- length) + tail
  }

  /// The text before and after the first `::`; no tail when there is none.
  private static func halvesAroundGap(_ text: String) -> (head: String, tail: String?) {
    let bytes = Array(text.utf8)
    for index in bytes.indices.dropLast() where bytes[index] == 0x3A && bytes[index &+ 1] == 0x3A {
      let head = String(decoding: bytes[..<index], as: UTF8.self)
      return (head, String(decoding: bytes[(index &+ 2)...], as: UTF8.self))
    }
    return (text, nil)
  }

  private static func groups(_ text: String) -> [UInt8]? {
    if text.isEmpty { return [] }
    var bytes: [UInt8] = []
    let fields = text.split(separator: ":", omittingEmptySubsequences: false)
    for (position, field) in fields.enumerated() {
      if position == fields.count &- 1, field.contains("."), let embedded = four(String(field)) {
        bytes += embedded
      } else if (1...4).contains(field.utf8.count), field.utf8.allSatisfy(isHex), let group = UInt16(field, radix: 16) {
        bytes += [UInt8(truncatingIfNeeded: group >> 8), UInt8(truncatingIfNeeded: group)]
      } else {
        return nil
      }
    }
    return bytes
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }
}
