/// What an HTTP/3 request asks of the mesh service `meshkit.mesh.v1.Mesh`, by its fields alone.
enum MeshRequest: Equatable {
  /// The duplex stream that is a link.
  case link
  /// A unary call, by the method's name.
  case unary(String)
  /// No gRPC at all: the HTTP status that answers it.
  case refused(Int)
  /// gRPC, but nothing we have: the gRPC status that answers it.
  case failed(GRPCStatus)

  private static let service = "/meshkit.mesh.v1.Mesh/"

  init(_ fields: [HTTPField]) {
    let path = fields[":path"] ?? ""
    let isGRPC = MeshRequest.isGRPC(fields["content-type"])
    guard path == MeshRequest.service + "MeshStream" || path == MeshRequest.service + "Ping" else {
      self = isGRPC ? .failed(.unimplemented("no such method")) : .refused(404)
      return
    }
    guard fields[":method"] == "POST" else {
      self = .refused(405)
      return
    }
    guard isGRPC else {
      self = .refused(415)
      return
    }
    if let encoding = fields["grpc-encoding"], encoding != "identity" {
      self = .failed(.unimplemented("compressed messages are not supported"))
      return
    }
    self = path.hasSuffix("/Ping") ? .unary("Ping") : .link
  }

  /// Whether `contentType` is gRPC with Protobuf messages.
  static func isGRPC(_ contentType: String?) -> Bool {
    guard let kind = contentType?.split(separator: ";", omittingEmptySubsequences: false).first else { return false }
    return kind == "application/grpc" || kind == "application/grpc+proto"
  }

  /// The request that opens a link.
  static func linkFields(authority: String) -> [HTTPField] {
    [
      HTTPField(":method", "POST"), HTTPField(":scheme", "https"),
      HTTPField(":authority", authority.isEmpty ? "mesh" : authority), HTTPField(":path", service + "MeshStream"),
      HTTPField("content-type", "application/grpc+proto"), HTTPField("te", "trailers"),
      HTTPField("user-agent", "meshkit"),
    ]
  }

  /// The fields before the body of every gRPC answer.
  static let responseFields = [HTTPField(":status", "200"), HTTPField("content-type", "application/grpc+proto")]
}
