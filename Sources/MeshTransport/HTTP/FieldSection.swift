/// A field section as it comes on a stream of HTTP/2 or HTTP/3: its fields, or why they can't be taken.
struct FieldSection {
  private(set) var fields: [HTTPField] = []
  /// Names, values and 32 bytes for each field (RFC 9113 §6.5.2, RFC 9114 §4.2.2).
  private(set) var bytes = 0
  private var count = 0
  /// Most requests have no more.
  private static let fieldsUsual = 8
  /// Stands once it is set, also for the sections that follow.
  var refusal: HTTPFailure?

  /// Takes one field, unless the section is refused.
  mutating func take(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, _ limits: HTTPLimits) {
    bytes += name.count + value.count + 32
    guard refusal == nil else { return }
    // What begins with a colon stands for the request line of HTTP/1.1, which has no part in the number of fields.
    let isPseudo = name.first == UInt8(ascii: ":")
    count += isPseudo ? 0 : 1
    if isPseudo, value.count > limits.startLineBytesMax {
      refusal = HTTPFailure(414, "The target is longer than \(limits.startLineBytesMax) bytes.")
    } else if bytes > limits.headerBytesMax {
      refusal = HTTPFailure(431, "The header fields are longer than \(limits.headerBytesMax) bytes.")
    } else if count > limits.fieldsMax {
      refusal = HTTPFailure(431, "There are more than \(limits.fieldsMax) fields.")
    } else {
      if fields.isEmpty { fields.reserveCapacity(FieldSection.fieldsUsual) }
      fields.append(HTTPField(String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
    }
  }

  /// Gives the fields of a whole section and begins the next one.
  mutating func takeAll() -> [HTTPField] {
    defer { (fields, bytes, count) = ([], 0, 0) }
    return fields
  }
}
