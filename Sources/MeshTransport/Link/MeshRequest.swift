import MeshBasics

/// What a request asks of the mesh listener, by its fields alone.
enum MeshRequest: Equatable {
  /// The duplex stream that is a link.
  case link
  /// A unary call, by the method's full name.
  case unary(String)
  /// No gRPC at all: the HTTP status that answers it.
  case refused(Int)
  /// gRPC, but nothing we have: the gRPC status that answers it.
  case failed(GRPCStatus)

  /// The path of the link.
  private static let linkPath = "/meshkit.mesh.v1.Mesh/MeshStream"
  /// The unary methods that are served.
  static let pingMethod = "meshkit.mesh.v1.Mesh/Ping"
  static let healthMethod = "grpc.health.v1.Health/Check"
  private static let unaryMethods = [pingMethod, healthMethod]

  init(_ fields: [HTTPField]) {
    let path = fields[":path"] ?? ""
    let isGRPC = MeshRequest.isGRPC(fields["content-type"])
    let method = MeshRequest.unaryMethods.first { "/" + $0 == path }
    guard method != nil || path == MeshRequest.linkPath else {
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
    self = method.map { .unary($0) } ?? .link
  }

  /// Whether `contentType` is gRPC with Protobuf messages.
  static func isGRPC(_ contentType: String?) -> Bool {
    guard let kind = contentType?.split(separator: ";", omittingEmptySubsequences: false).first else { return false }
    return kind == "application/grpc" || kind == "application/grpc+proto"
  }

  /// The request that opens a link.
  static func linkFields(authority: String) -> [HTTPField] { fields(path: linkPath, authority: authority) }

  /// The request of a call of `method`, which is of no use after `timeout`.
  static func callFields(_ method: String, authority: String, timeout: Duration) -> [HTTPField] {
    fields(path: "/" + method, authority: authority)
      + [HTTPField("grpc-timeout", "\(min(max(1, timeout.milliseconds), 99_999_999))m")]
  }

  private static func fields(path: String, authority: String) -> [HTTPField] {
    [
      HTTPField(":method", "POST"), HTTPField(":scheme", "https"),
      HTTPField(":authority", authority.isEmpty ? "mesh" : authority), HTTPField(":path", path),
      HTTPField("content-type", "application/grpc+proto"), HTTPField("te", "trailers"),
      HTTPField("user-agent", "meshkit"),
    ]
  }

  /// The fields before the body of every gRPC answer.
  static let responseFields = [HTTPField(":status", "200"), HTTPField("content-type", "application/grpc+proto")]
}
