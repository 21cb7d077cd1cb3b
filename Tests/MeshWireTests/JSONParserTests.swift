import MeshWire
import Testing

private func parse(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8)) }

private func expect(_ text: String, _ reason: String, at location: SourceLocation = #_sourceLocation) {
  #expect(throws: WireError(reason), sourceLocation: location) { try JSONValue.parse(Array(text.utf8)) }
}

@Test func everyKindOfValueIsRead() throws {
  #expect(try parse(" null ") == .null)
  #expect(try parse("true") == .bool(true))
  #expect(try parse("[false]") == .array([.bool(false)]))
  #expect(try parse("\t\r\n[]") == .array([]))
  #expect(try parse("{}") == .object([]))
  #expect(
    try parse(#"{"b":1,"a":[{"c":null},"x"]}"#)
      == .object([
        JSONMember("b", .number("1")),
        JSONMember("a", .array([.object([JSONMember("c", .null)]), .string("x")])),
      ]))
  #expect(try parse(#"{"a":1,"b":"x"}"#)["b"] == .string("x"))
  #expect(try parse(#"{"a":1}"#)["b"] == nil)
  #expect(try parse("[1]")["a"] == nil)
}

@Test func numbersKeepTheirText() throws {
  for text in ["0", "-0", "10", "-1.50", "1e400", "1E+07", "0.1e-2", "9007199254740993"] {
    #expect(try parse(text) == .number(text))
  }
  for text in ["01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1_0", "NaN", "-Infinity", "--1", "1.e1"] {
    #expect(throws: WireError.self, "\(text)") { try parse(text) }
  }
}

@Test func stringsAndTheirEscapesAreRead() throws {
  #expect(try parse(#""\"\\\/\b\f\n\r\t\u00e9\uD83D\udc1d""#) == .string("\"\\/\u{8}\u{C}\n\r\té🐝"))
  #expect(try parse("\"Zürich 🐝 \u{7F}\"") == .string("Zürich 🐝 \u{7F}"))
  #expect(try parse(#""""#) == .string(""))
}

@Test func errorsTellLineAndColumn() {
  expect("", "line 1, column 1: the text ends early")
  expect("{\n  \"a\": 1,\n  \"é\" 2\n}", "line 3, column 7: expected ':'")
  expect("[1, 2", "line 1, column 6: the text ends early")
  expect("[1 2]", "line 1, column 4: expected ',' or ']'")
  expect("{\"a\":1 2}", "line 1, column 8: expected ',' or '}'")
  expect("[1,]", "line 1, column 4: expected a value")
  expect("{\"a\":1,}", "line 1, column 8: expected a name in quotes")
  expect("{a:1}", "line 1, column 2: expected a name in quotes")
  expect("1 2", "line 1, column 3: expected the end of the text")
  expect("[nul]", "line 1, column 2: expected a value")
  expect("[1,/**/2]", "line 1, column 4: expected a value")
  expect("\u{FEFF}{}", "line 1, column 1: expected a value")
}

@Test func duplicateNamesAreRefused() throws {
  expect(#"{"a":1,"b":2,"a":3}"#, "line 1, column 14: a name that the object already has")
  expect(#"{"a":1,"\u0061":3}"#, "line 1, column 8: a name that the object already has")
  #expect(throws: Never.self) { try parse(#"{"a":{"a":1}}"#) }
  // Two spellings of é are two names: they differ in their bytes.
  #expect(throws: Never.self) { try parse(#"{"\u00e9":1,"e\u0301":2}"#) }
}

@Test func textThatReceiversReadDifferentlyIsRefused() {
  for text in [#""\ud800""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud800x""#, #""\ud83d\n""#] {
    expect(text, "line 1, column 2: a lone surrogate")
  }
  expect(#""\u0000""#, "line 1, column 2: a NUL character")
  expect("\"a\u{0}\"", "line 1, column 3: a control character in a string")
  expect("\"a\nb\"", "line 1, column 3: a control character in a string")
  expect(#""\x41""#, "line 1, column 2: an unknown escape")
  expect(#""\u12g4""#, "line 1, column 6: expected four hexadecimal digits")
  expect("\"\\u\u{FF11}234\"", "line 1, column 4: expected four hexadecimal digits")
  expect("\u{0}", "line 1, column 1: expected a value")
}

@Test func bytesThatArentUTF8AreRefused() {
  let bodies: [[UInt8]] = [
    [0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80], [0xF8, 0x88, 0x80, 0x80],
  ]
  for body in bodies {
    #expect(throws: WireError("line 1, column 2: a string that isn't UTF-8"), "\(body)") {
      try JSONValue.parse([0x22] + body + [0x22])
    }
  }
}

@Test func depthAndLengthAreLimited() throws {
  func nested(_ depth: Int) -> String {
    String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
  }
  #expect(throws: Never.self) { try parse(nested(64)) }
  expect(nested(65), "line 1, column 65: more than 64 levels")
  expect(String(repeating: "{\"a\":", count: 70), "line 1, column 321: more than 64 levels")
  expect(String(repeating: "[", count: 500_000), "line 1, column 65: more than 64 levels")
  #expect(throws: Never.self) { try JSONValue.parse(Array("[1]".utf8), bytesMax: 3) }
  #expect(throws: WireError("JSON: 4 bytes, allowed are 3")) { try JSONValue.parse(Array("[10]".utf8), bytesMax: 3) }
  let spaces = Array(repeating: UInt8(ascii: " "), count: WireLimits.jsonBytes - 1)
  #expect(try JSONValue.parse(spaces + [UInt8(ascii: "1")]) == .number("1"))
  #expect(throws: WireError("JSON: 1048577 bytes, allowed are 1048576")) {
    try JSONValue.parse(spaces + [UInt8(ascii: "1"), UInt8(ascii: "1")])
  }
}

@Test func aNULIsTakenWhereTheReaderAsksForThat() throws {
  let text = Array(#"{"a":"\u0000","b":1}"#.utf8)
  #expect(throws: WireError.self) { try JSONValue.parse(text) }
  #expect(try JSONValue.parse(text, takesNUL: true)["a"] == .string("\u{0}"))
  // Only as an escape: RFC 8259 allows no control character to stand for itself.
  #expect(throws: WireError.self) { try JSONValue.parse(Array("\"\u{0}\"".utf8), takesNUL: true) }
}
