import MeshWire
import Testing

private func written(_ body: (inout JSONWriter) -> Void) -> String {
  var json = JSONWriter()
  body(&json)
  return String(decoding: json.bytes, as: UTF8.self)
}

@Test func commasStandWhereTheyBelong() {
  let text = written {
    $0.beginObject()
    $0.name("a")
    $0.beginArray()
    $0.integer(1)
    $0.beginArray()
    $0.endArray()
    $0.beginObject()
    $0.endObject()
    $0.null()
    $0.endArray()
    $0.name("b")
    $0.bool(true)
    $0.name("c")
    $0.string("x")
    $0.endObject()
  }
  #expect(text == #"{"a":[1,[],{},null],"b":true,"c":"x"}"#)
}

@Test func onlyQuotesBackslashesAndControlsAreEscaped() throws {
  #expect(
    written { $0.string("\"\\/\u{8}\t\n\u{C}\r\u{0}\u{B}\u{1F}\u{7F}") } == #""\"\\/\b\t\n\f\r\u0000\u000B\u001F"#
      + "\u{7F}\"")
  #expect(written { $0.string("Zürich <&'+> 🐝 \u{2028}") } == "\"Zürich <&'+> 🐝 \u{2028}\"")
  #expect(
    written {
      $0.beginObject()
      $0.name("\"\n")
      $0.null()
      $0.endObject()
    } == #"{"\"\n":null}"#)
}

@Test func numbersAreTheShortestThatReadBack() {
  let doubles: [(Double, String)] = [
    (0, "0"), (-0.0, "-0"), (1, "1"), (0.1, "0.1"), (-2.5, "-2.5"), (1e21, "1e+21"), (.leastNonzeroMagnitude, "5e-324"),
    (0.1 + 0.2, "0.30000000000000004"), (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (100, "100"),
  ]
  for (value, text) in doubles {
    #expect(written { $0.double(value) } == text)
    #expect(Double(text) == value)
  }
  for value in [Double.nan, .infinity, -.infinity] { #expect(written { $0.double(value) } == "null") }
  #expect(written { $0.integer(.min) } == "-9223372036854775808")
  #expect(written { $0.integer(.max) } == "9223372036854775807")
}

@Test func whatIsWrittenIsRead() throws {
  let text = "every \u{1} \u{1F} \" \\ é 🐝"
  #expect(try JSONValue.parse(Array(written { $0.string(text) }.utf8)) == .string(text))
}
