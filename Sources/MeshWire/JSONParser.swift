/// Reads JSON text (RFC 8259) into a tree: one pass, recursion up to `WireLimits.jsonDepth`, time linear in the text
/// but for the sorting of an object's names that finds duplicates.
struct JSONParser {
  private let input: [UInt8]
  private var position = 0
  private var depth = 0

  private let takesNUL: Bool

  init(_ input: [UInt8], takesNUL: Bool = false) {
    self.input = input
    self.takesNUL = takesNUL
  }

  /// The whole text: one value, with nothing but white space around it.
  mutating func document() throws(WireError) -> JSONValue {
    skipSpace()
    let value = try self.value()
    skipSpace()
    guard position == input.count else { throw error("expected the end of the text") }
    return value
  }

  private mutating func value() throws(WireError) -> JSONValue {
    guard let byte = peek else { throw error("the text ends early") }
    switch byte {
    case UInt8(ascii: "{"): return try nested { (parser) throws(WireError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { (parser) throws(WireError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: throw error("expected a value")
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(WireError) -> JSONValue
  ) throws(WireError) -> JSONValue {
    guard depth < WireLimits.jsonDepth else { throw error("more than \(WireLimits.jsonDepth) levels") }
    depth &+= 1
    position &+= 1
    let value = try body(&self)
    depth &-= 1
    return value
  }

  private mutating func array() throws(WireError) -> JSONValue {
    var items: [JSONValue] = []
    skipSpace()
    if accept(UInt8(ascii: "]")) { return .array(items) }
    while true {
      skipSpace()
      items.append(try value())
      skipSpace()
      if accept(UInt8(ascii: "]")) { return .array(items) }
      guard accept(UInt8(ascii: ",")) else { throw expected("',' or ']'") }
    }
  }

  private mutating func object() throws(WireError) -> JSONValue {
    var members: [JSONMember] = []
    var places: [Int] = []
    skipSpace()
    if accept(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw expected("a name in quotes") }
      places.append(position)
      let name = try string()
      skipSpace()
      guard accept(UInt8(ascii: ":")) else { throw expected("':'") }
      skipSpace()
      members.append(JSONMember(name, try value()))
      skipSpace()
      if accept(UInt8(ascii: "}")) { break }
      guard accept(UInt8(ascii: ",")) else { throw expected("',' or '}'") }
    }
    if let place = duplicate(members, places) { throw error("a name that the object already has", at: place) }
    return .object(members)
  }

  /// Where the first name stands that an earlier member has too. Names are compared byte by byte: `String` would take
  /// two spellings of one accented letter for the same.
  private func duplicate(_ members: [JSONMember], _ places: [Int]) -> Int? {
    let sorted = zip(members, places).sorted { left, right in
      if left.0.name.utf8.elementsEqual(right.0.name.utf8) { return left.1 < right.1 }
      return left.0.name.utf8.lexicographicallyPrecedes(right.0.name.utf8)
    }
    let repeats = zip(sorted, sorted.dropFirst()).filter { $0.0.name.utf8.elementsEqual($1.0.name.utf8) }
    return repeats.map { $0.1.1 }.min()
  }

  private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(WireError) -> JSONValue {
    let start = position
    for index in 0..<word.utf8CodeUnitCount {
      guard accept(word.utf8Start[index]) else { throw error("expected a value", at: start) }
    }
    return value
  }

  /// [RFC 8259 §6] "number = [ minus ] int [ frac ] [ exp ]"
  private mutating func number() throws(WireError) -> String {
    let start = position
    _ = accept(UInt8(ascii: "-"))
    if !accept(UInt8(ascii: "0")) { try digits() }
    if accept(UInt8(ascii: ".")) { try digits() }
    if accept(UInt8(ascii: "e")) || accept(UInt8(ascii: "E")) {
      if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
      try digits()
    }
    return String(decoding: input[start..<position], as: UTF8.self)
  }

  private mutating func digits() throws(WireError) {
    let start = position
    while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position &+= 1 }
    if position == start { throw expected("a digit") }
  }

  // MARK: Strings

  /// [RFC 8259 §7] Characters other than `"`, `\` and controls stand for themselves.
  private mutating func string() throws(WireError) -> String {
    position &+= 1
    var runStart = position
    var text: [UInt8] = []
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        text.append(contentsOf: input[runStart..<position])
        guard let string = String(validating: text, as: UTF8.self) else {
          throw error("a string that isn't UTF-8", at: runStart)
        }
        position &+= 1
        return string
      case UInt8(ascii: "\\"):
        text.append(contentsOf: input[runStart..<position])
        text.append(contentsOf: String(Character(try escape())).utf8)
        runStart = position
      case ..<0x20: throw error("a control character in a string")
      default: position &+= 1
      }
    }
    throw error("the text ends early")
  }

  private mutating func escape() throws(WireError) -> Unicode.Scalar {
    let start = position
    position &+= 1
    guard let byte = peek else { throw error("the text ends early") }
    position &+= 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw error("an unknown escape", at: start)
    }
    let first = try fourHexDigits()
    guard first != 0 || takesNUL else { throw error("a NUL character", at: start) }
    if let scalar = Unicode.Scalar(first) { return scalar }
    // What is no scalar is half of a surrogate pair; only a high half with a low one behind it means something.
    guard (0xD800...0xDBFF).contains(first), accept(UInt8(ascii: "\\")), accept(UInt8(ascii: "u")) else {
      throw error("a lone surrogate", at: start)
    }
    let second = try fourHexDigits()
    guard (0xDC00...0xDFFF).contains(second),
      let scalar = Unicode.Scalar(0x10000 &+ ((first & 0x3FF) << 10) &+ (second & 0x3FF))
    else { throw error("a lone surrogate", at: start) }
    return scalar
  }

  private mutating func fourHexDigits() throws(WireError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw expected("four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      position &+= 1
    }
    return value
  }

  // MARK: Bytes

  private var peek: UInt8? { position < input.count ? input[position] : nil }

  private mutating func accept(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    position &+= 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position &+= 1 }
  }

  private func expected(_ what: String) -> WireError {
    error(position == input.count ? "the text ends early" : "expected \(what)")
  }

  private func error(_ reason: String) -> WireError { error(reason, at: position) }

  private func error(_ reason: String, at place: Int) -> WireError {
    var line = 1
    var column = 1
    for byte in input.prefix(place) {
      if byte == 0x0A {
        line &+= 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        // Continuation bytes of UTF-8 belong to the character before them.
        column &+= 1
      }
    }
    return WireError("line \(line), column \(column): \(reason)")
  }
}
