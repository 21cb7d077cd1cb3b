import MeshBasics
import Testing

@testable import MeshTransport

@Suite struct GRPCMetadataTests {
  private func read(_ fields: [(String, String)], limits: GRPCLimits = GRPCLimits()) throws(GRPCStatus) -> CallMetadata
  {
    var request = HTTPRequest()
    request.headers = fields.map { HTTPField($0.0, $0.1) }
    return try CallMetadata(of: request, limits: limits)
  }

  private func code(_ fields: [(String, String)], limits: GRPCLimits = GRPCLimits()) -> Int {
    do throws(GRPCStatus) {
      _ = try read(fields, limits: limits)
      return 0
    } catch {
      return error.code
    }
  }

  @Test func whatIsPartOfTheCallItselfIsNoMetadata() throws {
    let fields = [
      (":path", "/a"), ("host", "localhost"), ("te", "trailers"), ("content-type", "application/grpc"),
      ("content-length", "5"), ("user-agent", "grpc-c/1"), ("grpc-timeout", "1S"), ("grpc-any-bin", "no base64!"),
      ("rpc-caller", "billing"), ("x-grpc-like", "kept"),
    ]
    #expect(try read(fields) == CallMetadata([("rpc-caller", "billing"), ("x-grpc-like", "kept")]))
    #expect(try read(fields).text("rpc-caller") == "billing" && read(fields).text("te") == nil)
  }

  @Test func binaryValuesAreSplitAtCommasAndReadWithAndWithoutPadding() throws {
    let metadata = try read([
      ("x-bin", "AP8="), ("x-bin", "AP8"), ("x-bin", "AQ, Ag==,,Aw"), ("x-text", "a,b, c"), ("x-empty-bin", ""),
    ])
    #expect(metadata["x-bin"] == [[0, 255], [0, 255], [1], [2], [], [3]], "in their order")
    #expect(metadata.text("x-text") == "a,b, c", "a text is one value")
    #expect(metadata["x-empty-bin"] == [[]] && metadata["x-none"].isEmpty)
  }

  @Test(arguments: ["A", "AP8===", "A P8", "AP8=x", "=", "é", "AQ,!"]) func whatIsNoBase64EndsTheCall(value: String) {
    #expect(code([("x-bin", value)]) == 13)
  }

  @Test func textsThatAreNoPrintableASCIIAreLeftOut() throws {
    #expect(try read([("a", "é"), ("b", "tab\there"), ("c", " ~")]) == CallMetadata([("c", " ~")]))
  }

  @Test func theNumberAndTheBytesOfValuesAreBounded() {
    var limits = GRPCLimits()
    (limits.metadataEntriesMax, limits.metadataBytesMax) = (3, 20)
    #expect(code([("a", ""), ("b-bin", ",")], limits: limits) == 0)
    #expect(code([("a", ""), ("b-bin", ",,")], limits: limits) == 8, "one field holds three")
    #expect(code([("ab", String(repeating: "x", count: 18))], limits: limits) == 0)
    #expect(code([("ab", String(repeating: "x", count: 19))], limits: limits) == 8)
    // Decoded: 20 characters of base64 are 15 bytes.
    #expect(code([("a-bin", String(repeating: "A", count: 20))], limits: limits) == 0)
  }

  @Test func metadataIsSentAsItIsReadAndNothingElseIs() throws {
    var metadata = CallMetadata([
      ("a", "x, y"), ("a", ""), ("grpc-status", "0"), ("b", "a\r\nc: d"), ("not a name", "x"),
    ])
    metadata.add("c-bin", [0, 255, 1])
    metadata.add("c-bin", [])
    let fields = metadata.fields
    #expect(
      fields == [HTTPField("a", "x, y"), HTTPField("a", ""), HTTPField("c-bin", "AP8B"), HTTPField("c-bin", "")],
      "without padding, without what would forge a status or a field")
    #expect(try read(fields.map { ($0.name, $0.value) }).fields == fields)
  }

  @Test func aStatusCarriesItsDetailsAndTheTrailingMetadata() {
    let status = GRPCStatus(
      code: 3, message: "no", details: [8, 3], metadata: CallMetadata([("error-code", "INVALID_FILTER")]))
    #expect(
      status.fields == [
        HTTPField("grpc-status", "3"), HTTPField("grpc-message", "no"), HTTPField("grpc-status-details-bin", "CAM"),
        HTTPField("error-code", "INVALID_FILTER"),
      ])
  }
}
