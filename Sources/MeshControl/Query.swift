/// The query of a target, and percent encoding (RFC 3986 §2.1).
enum Query {
  /// What is wrong with a query: the parameter, and what is allowed.
  struct Failure: Error {
    let detail: String
  }

  /// The parameters in `target`, which must be among `allowed`, decoded and in their order. Each may be given once, but
  /// for `repeated`.
  static func parameters(
    in target: String, allowed: [String], repeated: String? = nil
  ) throws(Failure) -> [(name: String, value: String)] {
    let query = target.utf8.drop { $0 != UInt8(ascii: "?") }.dropFirst()
    var list: [(name: String, value: String)] = []
    for pair in query.split(separator: UInt8(ascii: "&")) {
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = decoded(parts[0]), allowed.contains(name) else {
        throw Failure(detail: "The query has an unknown parameter; allowed: \(allowed.joined(separator: ", ")).")
      }
      guard let value = decoded(parts.dropFirst().first ?? pair.prefix(0)) else {
        throw Failure(detail: "\(name) is not percent-encoded UTF-8; a plus is written %2B, a blank %20.")
      }
      guard name == repeated || !list.contains(where: { $0.name == name }) else {
        throw Failure(detail: "\(name) is given twice.")
      }
      list.append((name, value))
    }
    return list
  }

  /// The value of a parameter that is true or false.
  static func flag(_ name: String, _ value: String) throws(Failure) -> Bool {
    guard let flag = ["true": true, "false": false][value] else { throw Failure(detail: "\(name) is true or false.") }
    return flag
  }

  /// Without percent encoding; nil when that, or the UTF-8 in it, is broken, or a `+` is there: forms mean a blank by
  /// it, and everybody else a plus.
  static func decoded(_ text: some Sequence<UInt8>) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "+") { return nil }
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
      (byte | 0x20) - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
