/// A JSON value as a tree. Objects keep the order of their members; numbers keep their text, so that nothing is lost.
public indirect enum JSONValue: Equatable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number, as it was written: `-0`, `1e400` and `9007199254740993` stay what they are.
  case number(String)
  /// A string, its escapes resolved.
  case string(String)
  /// The items of an array.
  case array([JSONValue])
  /// The members of an object, in their order, each name once.
  case object([JSONMember])

  /// The value that `bytes` are: RFC 8259 to the letter, in UTF-8 without a byte order mark.
  ///
  /// *Limits*: `bytesMax` bytes and `WireLimits.jsonDepth` levels. *Errors* start with the line and the column, counted
  /// in characters from 1, and cover what the RFC leaves open: duplicate names, lone surrogates and NUL characters are
  /// refused, since receivers disagree on what they mean. With `takesNUL` a NUL in a text is no error: whoever reads
  /// one member of a document that others wrote into must not lose the rest to it.
  public static func parse(
    _ bytes: [UInt8], bytesMax: Int = WireLimits.jsonBytes, takesNUL: Bool = false
  ) throws(WireError) -> JSONValue {
    guard bytes.count <= bytesMax else { throw WireError("JSON: \(bytes.count) bytes, allowed are \(bytesMax)") }
    var parser = JSONParser(bytes, takesNUL: takesNUL)
    return try parser.document()
  }

  /// The value of the member `name`, nil when this isn't an object or has none.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }
}

/// One member of a JSON object.
public struct JSONMember: Equatable, Sendable {
  /// Its name, escapes resolved.
  public let name: String
  /// Its value.
  public let value: JSONValue

  /// The member `name` with `value`.
  public init(_ name: String, _ value: JSONValue) {
    self.name = name
    self.value = value
  }
}
