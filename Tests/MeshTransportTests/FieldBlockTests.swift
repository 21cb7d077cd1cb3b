import Testing

@testable import MeshTransport

extension FieldBlock {
  /// The fields as a library reads them.
  var fields: [HTTPField] {
    var copy = self
    func text(_ start: UnsafeMutablePointer<UInt8>, _ count: Int) -> String {
      String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
    return copy.withPairs({ (name: $0, nameCount: $1, value: $2, valueCount: $3) }) { pairs, count in
      UnsafeBufferPointer(start: pairs, count: count).map {
        HTTPField(text($0.name, $0.nameCount), text($0.value, $0.valueCount))
      }
    }
  }
}

@Test func aLibraryReadsTheFieldsThatWereAddedWhateverTheirLengths() {
  let values = ["", "x", "grüße", String(repeating: "v", count: 400)]
  let fields = (0..<40).map { HTTPField("name-\($0)", values[$0 % values.count]) }
  for count in [0, 1, 2, 39, 40] { #expect(FieldBlock(Array(fields[..<count])).fields == Array(fields[..<count])) }
  #expect(FieldBlock([HTTPField("", "")]).fields == [HTTPField("", "")])
}

@Test func namesAreInLowerCaseWhereTheVersionWantsThemSoAndValuesStay() {
  var block = FieldBlock()
  block.append(lowercasing: "X-Trace_ID~ÄZ@[", "As It Is")
  block.append("Kept", "Too")
  #expect(block.fields == [HTTPField("x-trace_id~Äz@[", "As It Is"), HTTPField("Kept", "Too")])
}

@Test func whatBelongsToTheConnectionIsLeftOutInAnyCaseAndNamesOfItsLengthAreNot() {
  var response = HTTPResponse()
  let dropped = ["date", "UPGRADE", "Connection", "keep-alive", "content-LENGTH", "Proxy-connection"]
  let kept = ["Vary", "Expires", "Retry-Soon", "x-request-ids1", "access-control-1", "Transfer-Coding-1"]
  response.headers = (dropped + ["Transfer-Encoding"] + kept).map { HTTPField($0, "v") }
  let names = response.streamFields(date: nil).fields.map(\.name)
  #expect(names == [":status"] + kept.map { HTTP1Syntax.lowercased($0) } + ["content-length"])
}
