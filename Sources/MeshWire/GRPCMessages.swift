// The messages of services that every gRPC server has: health (grpc/health/v1/health.proto), reflection
// (grpc/reflection/v1/reflection.proto) and the details of a status (google/rpc/status.proto, error_details.proto).

/// `grpc.health.v1`.
public enum GRPCHealth {
  /// The numbers of `ServingStatus`.
  public static let (unknown, serving, notServing, serviceUnknown): (UInt32, UInt32, UInt32, UInt32) = (0, 1, 2, 3)

  /// The service that a request asks about; empty for all of the server.
  public static func service(of request: [UInt8]) throws(WireError) -> String {
    try ProtobufReader.read(HealthCheckRequest.self, request, "request", max: WireLimits.controlRequestBytes).service
  }

  /// The number in a response.
  public static func status(of response: [UInt8]) throws(WireError) -> UInt32 {
    try ProtobufReader.read(HealthCheckResponse.self, response, "response", max: WireLimits.controlRequestBytes).status
  }

  /// A request about all of a server.
  public static let request: [UInt8] = []

  /// A response with one of these numbers.
  public static func response(_ status: UInt32) -> [UInt8] { ProtobufBytes.of(HealthCheckResponse(status: status)) }
}

/// `grpc.reflection.v1`, which `v1alpha` repeats under another name.
public enum GRPCReflection {
  /// What is asked for.
  public enum Question: Equatable, Sendable {
    /// The file of that path.
    case file(String)
    /// The file that declares that symbol.
    case symbol(String)
    /// The names of all services.
    case services
    /// Something that this server has none of: extensions of messages.
    case extensions
    /// A question of a later version.
    case unknown
  }

  /// What is answered.
  public enum Answer: Equatable, Sendable {
    /// A file and those that it imports, each an encoded `FileDescriptorProto`.
    case files([[UInt8]])
    /// The full names of the services.
    case services([String])
    /// A status of gRPC.
    case failure(code: UInt32, String)
  }

  /// The question in `request`.
  public static func question(in request: [UInt8]) throws(WireError) -> Question {
    let message = try ProtobufReader.read(
      ReflectionRequest.self, request, "request", max: WireLimits.controlRequestBytes)
    if let name = message.file { return .file(String(decoding: name, as: UTF8.self)) }
    if let name = message.symbol { return .symbol(String(decoding: name, as: UTF8.self)) }
    if message.services != nil { return .services }
    return message.extensions != nil || message.extensionNumbers != nil ? .extensions : .unknown
  }

  /// The response with `answer` to `request`, which it repeats.
  public static func response(to request: [UInt8], _ answer: Answer) -> [UInt8] {
    var response = ReflectionResponse()
    response.request = request
    switch answer {
    case .files(let files): response.files = ReflectionFiles(files: files)
    case .services(let names): response.services = ReflectionServices(names: names.map(ReflectionService.init))
    case .failure(let code, let message): response.error = ReflectionError(code: code, message: message)
    }
    return ProtobufBytes.of(response)
  }
}

/// A `google.rpc.Status` with one `google.rpc.ErrorInfo`: the reason in words for programs.
public enum GRPCDetails {
  /// Details of a call that ended with `code` because of `reason`, such as `INVALID_FILTER`.
  public static func encoded(code: UInt32, message: String, reason: String) -> [UInt8] {
    let info = ProtobufBytes.of(ErrorInfo(reason: reason, domain: "meshkit"))
    let any = AnyMessage(typeURL: "type.googleapis.com/google.rpc.ErrorInfo", value: info)
    return ProtobufBytes.of(StatusMessage(code: code, message: message, details: [any]))
  }
}

struct HealthCheckRequest: WireMessage {
  var service = ""

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "service", &service, .text)
  }
}

struct HealthCheckResponse: WireMessage {
  var status: UInt32 = 0

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint32(1, "status", &status)
  }
}

/// The cases of its `oneof` are told by which of them is there.
struct ReflectionRequest: WireMessage {
  var host: [UInt8]?
  var file: [UInt8]?
  var symbol: [UInt8]?
  var extensions: [UInt8]?
  var extensionNumbers: [UInt8]?
  var services: [UInt8]?

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    let max = WireLimits.controlRequestBytes
    try visitor.optionalBytes(1, "host", &host, max: max)
    try visitor.optionalBytes(3, "fileByFilename", &file, max: max)
    try visitor.optionalBytes(4, "fileContainingSymbol", &symbol, max: max)
    try visitor.optionalBytes(5, "fileContainingExtension", &extensions, max: max)
    try visitor.optionalBytes(6, "allExtensionNumbersOfType", &extensionNumbers, max: max)
    try visitor.optionalBytes(7, "listServices", &services, max: max)
  }
}

struct ReflectionResponse: WireMessage {
  /// The request as it came.
  var request: [UInt8] = []
  var files: ReflectionFiles?
  var services: ReflectionServices?
  var error: ReflectionError?

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.bytes(2, "originalRequest", &request, max: WireLimits.controlRequestBytes)
    try visitor.optional(4, "fileDescriptorResponse", &files, max: .max)
    try visitor.optional(6, "listServicesResponse", &services, max: .max)
    try visitor.optional(7, "errorResponse", &error, max: .max)
  }
}

struct ReflectionFiles: WireMessage {
  var files: [[UInt8]] = []

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.manyBytes(1, "fileDescriptorProto", &files, max: WireLimits.frameBytes)
  }
}

struct ReflectionServices: WireMessage {
  var names: [ReflectionService] = []

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.repeated(1, "service", &names, max: WireLimits.recordsPerFrame)
  }
}

struct ReflectionService: WireMessage {
  var name = ""

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "name", &name, .text)
  }
}

struct ReflectionError: WireMessage {
  var code: UInt32 = 0
  var message = ""

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint32(1, "errorCode", &code)
    try visitor.text(2, "errorMessage", &message, .labelValue)
  }
}

struct StatusMessage: WireMessage {
  var code: UInt32 = 0
  var message = ""
  var details: [AnyMessage] = []

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint32(1, "code", &code)
    try visitor.text(2, "message", &message, .labelValue)
    try visitor.repeated(3, "details", &details, max: WireLimits.recordsPerFrame)
  }
}

struct AnyMessage: WireMessage {
  var typeURL = ""
  var value: [UInt8] = []

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "typeUrl", &typeURL, .text)
    try visitor.bytes(2, "value", &value, max: WireLimits.frameBytes)
  }
}

struct ErrorInfo: WireMessage {
  var reason = ""
  var domain = ""

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "reason", &reason, .text)
    try visitor.text(2, "domain", &domain, .text)
  }
}
