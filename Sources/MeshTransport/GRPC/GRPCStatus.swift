import MeshBasics

/// A gRPC status: how a call ended (gRPC "Status codes and their use").
public struct GRPCStatus: Error, Equatable, Sendable, CustomStringConvertible {
  /// 0 (OK) to 16.
  public let code: Int
  /// For people; empty with OK.
  public let message: String
  /// A `google.rpc.Status` that says more, encoded; empty if nothing does.
  public let details: [UInt8]
  /// What the method tells beside it.
  public let metadata: CallMetadata

  /// A call that ended well.
  public static let ok = GRPCStatus(code: 0, message: "")

  static func deadlineExceeded(_ message: String) -> GRPCStatus { GRPCStatus(code: 4, message: message) }
  static func alreadyExists(_ message: String) -> GRPCStatus { GRPCStatus(code: 6, message: message) }
  static func resourceExhausted(_ message: String) -> GRPCStatus { GRPCStatus(code: 8, message: message) }
  static func unimplemented(_ message: String) -> GRPCStatus { GRPCStatus(code: 12, message: message) }
  static func `internal`(_ message: String) -> GRPCStatus { GRPCStatus(code: 13, message: message) }
  static let unavailableCode = 14
  static func unavailable(_ message: String) -> GRPCStatus { GRPCStatus(code: unavailableCode, message: message) }

  /// The status that answers bytes which are no gRPC messages.
  init(_ error: GRPCFrameError) {
    switch error {
    case .compressed: self = .unimplemented("compressed messages are not supported")
    case .unknownFlags(let flags): self = .internal("unknown message flags \(flags)")
    case .tooLong(let length, let limit):
      self = .resourceExhausted("message of \(length) bytes is over the limit of \(limit)")
    case .truncated: self = .internal("the stream ended inside a message")
    }
  }

  /// The code and as much of the message as is fit to be shown.
  public var description: String { message.isEmpty ? "\(code)" : "\(code) \(peerText(message.utf8))" }

  /// A status of these parts.
  public init(code: Int, message: String, details: [UInt8] = [], metadata: CallMetadata = CallMetadata()) {
    self.code = code
    self.message = message
    self.details = details
    self.metadata = metadata
  }

  /// The fields that end a call, the trailing metadata among them.
  var fields: [HTTPField] {
    var fields = [HTTPField("grpc-status", "\(code)")]
    if !message.isEmpty { fields.append(HTTPField("grpc-message", GRPCStatus.percentEncoded(message))) }
    if !details.isEmpty { fields.append(HTTPField(binary: "grpc-status-details-bin", details)) }
    return fields + metadata.fields
  }

  /// What ended a call: the status in `fields`; nil when they hold none.
  init?(fields: [HTTPField]) {
    guard let text = fields.first(where: { $0.name == "grpc-status" })?.value, let code = Int(text) else { return nil }
    self.init(code: code, message: fields.first { $0.name == "grpc-message" }?.value ?? "")
  }

  /// gRPC's percent encoding of a message: printable ASCII except `%` stays.
  static func percentEncoded(_ message: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return message.utf8.reduce(into: "") { text, byte in
      if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "%") {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text.append("%")
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
      }
    }
  }
}
