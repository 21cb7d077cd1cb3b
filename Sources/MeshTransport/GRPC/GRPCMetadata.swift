// Metadata as it travels: header fields before the messages, trailers behind them (gRPC over HTTP/2, "Requests" and
// "Responses").
import MeshBasics

extension CallMetadata {
  /// The metadata among the fields of a request. What is part of the call itself is left out, and so are values that
  /// are no printable ASCII where they must be.
  ///
  /// *Errors*: the status that ends the call: INTERNAL for a binary value that is no base64, RESOURCE_EXHAUSTED beyond
  /// a limit.
  public init(of request: HTTPRequest, limits: GRPCLimits = GRPCLimits()) throws(GRPCStatus) {
    self.init()
    var bytes = 0
    for field in request.headers where !CallMetadata.isReserved(field.name) {
      for value in try CallMetadata.values(of: field) {
        bytes += field.name.utf8.count + value.count
        guard entries.count < limits.metadataEntriesMax else {
          throw .resourceExhausted("more than \(limits.metadataEntriesMax) values of metadata")
        }
        guard bytes <= limits.metadataBytesMax else {
          throw .resourceExhausted("more than \(limits.metadataBytesMax) bytes of metadata")
        }
        add(field.name, value)
      }
    }
  }

  private static func values(of field: HTTPField) throws(GRPCStatus) -> [[UInt8]] {
    guard isBinary(field.name) else {
      let value = Array(field.value.utf8)
      return value.allSatisfy { (0x20...0x7e).contains($0) } ? [value] : []
    }
    // [gRPC over HTTP/2] "Implementations must split Binary-Headers on "," before decoding the Base64-encoded values."
    var values: [[UInt8]] = []
    for part in field.value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      let text = String(decoding: HTTP1Syntax.trimmed(Array(part)[...]), as: UTF8.self)
      guard let value = Base64.decode(text) else { throw .internal("a value of binary metadata is no base64") }
      values.append(value)
    }
    return values
  }

  /// The metadata as fields. Entries whose names or values can't be sent, or whose names are gRPC's own, are left out.
  var fields: [HTTPField] {
    entries.compactMap { entry in
      guard !CallMetadata.isReserved(entry.name), HTTP1Syntax.isToken(entry.name.utf8) else { return nil }
      if CallMetadata.isBinary(entry.name) { return HTTPField(binary: entry.name, entry.value) }
      guard entry.value.allSatisfy({ (0x20...0x7e).contains($0) }) else { return nil }
      return HTTPField(entry.name, String(decoding: entry.value, as: UTF8.self))
    }
  }

  /// Names that are no metadata: those of the call's own definition, and all that gRPC keeps for itself.
  private static func isReserved(_ name: String) -> Bool {
    callFields.contains(name) || name.hasPrefix("grpc-") || name.hasPrefix(":")
  }

  private static let callFields = ["host", "te", "content-type", "content-length", "user-agent"]
}

extension HTTPField {
  /// A field of bytes. [gRPC over HTTP/2] "Implementations MUST accept padded and un-padded values and should emit
  /// un-padded values."
  init(binary name: String, _ value: [UInt8]) { self.init(name, Base64.encode(value).filter { $0 != "=" }) }
}
