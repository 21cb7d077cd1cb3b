import MeshBasics
import MeshWire

/// The value of one key, checked and typed.
enum ConfigurationValue: Equatable, Sendable {
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case duration(Duration)
  case text(String)
  case list([String])
  /// Sorted by key, each key once.
  case labels([Label])
  /// Something of OmniRelay's that has no effect here and is not looked into.
  case ignored

  /// The value as `Configuration.set` would take it.
  var text: String {
    switch self {
    case .boolean(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .number(let value): Text.trimmed(value)
    case .duration(let value): DurationText.render(value)
    case .text(let value): value
    case .list(let items): items.joined(separator: ",")
    case .labels(let labels): labels.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    case .ignored: ""
    }
  }
}

/// What a value breaks, in words that follow the path and the value.
struct ValueFault: Error, Equatable {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// What a key's value may be.
enum ValueType: Sendable {
  case boolean
  /// A boolean that may only be `value`; `why` says so to whoever tried the other.
  case fixed(Bool, why: String)
  case integer(ClosedRange<Int64>)
  case number(ClosedRange<Double>)
  case duration(ClosedRange<Duration>)
  /// One of a few words.
  case choice([String])
  /// Text of 1 to `bytesMax` bytes without control characters.
  case text(bytesMax: Int)
  /// The same, taken as it is given: spaces at its ends belong to it.
  case password(bytesMax: Int)
  /// Letters, digits, `.`, `-` and `_`, up to 128: what a segment of a SPIFFE path holds.
  case name
  case host
  case ipAddress
  /// A path of a file, or an empty text that stands for none.
  case path
  /// Base64 (RFC 4648 §4) of up to 1 MiB.
  case base64
  case endpoints
  /// Further addresses of the control listener (`ControlListener`).
  case listeners
  case thumbprints
  /// What callers may do, by OmniRelay's names of scopes.
  case scopes
  case labels
  /// What OmniRelay has and MeshKit doesn't; `instead` says what to use.
  case unsupported(instead: String)
  /// Anything at all: kept for OmniRelay's sake.
  case anything

  /// The type in one word, for the reference.
  var name: String {
    switch self {
    case .boolean, .fixed: "boolean"
    case .integer: "integer"
    case .number: "number"
    case .duration: "duration"
    case .choice, .text, .password, .name: "text"
    case .host, .ipAddress: "address"
    case .path: "path"
    case .base64: "base64"
    case .endpoints, .listeners, .thumbprints, .scopes: "list"
    case .labels: "map"
    case .unsupported, .anything: "any"
    }
  }

  /// What is allowed, for messages and for the reference.
  var allowed: String {
    switch self {
    case .boolean: "true or false"
    case .fixed(let value, _): "only \(value)"
    case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "a number from \(Text.trimmed(range.lowerBound)) to \(Text.trimmed(range.upperBound))"
    case .duration(let range):
      "a duration from \(DurationText.render(range.lowerBound)) to \(DurationText.render(range.upperBound))"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    case .text(let bytesMax): "1 to \(bytesMax) bytes without control characters"
    case .password(let bytesMax): "1 to \(bytesMax) bytes without control characters; spaces at the ends count"
    case .name: "1 to \(NodeID.lengthMax) letters, digits, '.', '-' and '_'"
    case .host: "a DNS name or an IP address, without a port"
    case .ipAddress: "an IPv4 or IPv6 address"
    case .path: "a path of at most \(Limits.pathBytesMax) bytes"
    case .base64: "base64 text of at most \(Limits.dataBytesMax) bytes"
    case .endpoints: "at most \(Limits.seedsMax) of host:port, [IPv6]:port or URI with a port; ports 1 to 65535"
    case .listeners:
      "at most \(Limits.listenersMax) of address:port and [IPv6]:port, with http:// or https:// before it or neither; "
        + "ports 0 to 65535"
    case .thumbprints:
      "at most \(Limits.thumbprintsMax) of 40 (SHA-1) or 64 (SHA-256) hexadecimal digits without separators"
    case .scopes:
      "any of \(Scope.all.joined(separator: ", ")), separated by spaces or commas; or \(Scope.none) alone"
    case .labels:
      "at most \(WireLimits.labels) labels, keys of 1 to \(WireLimits.labelKeyBytes) bytes, "
        + "values of at most \(WireLimits.labelValueBytes), \(Limits.labelsBytesMax) in all, no control characters"
    case .unsupported: "nothing"
    case .anything: "anything"
    }
  }

  /// Whether the value has elements that can be given one by one.
  var isList: Bool {
    switch self {
    case .endpoints, .listeners, .thumbprints, .scopes: true
    default: false
    }
  }

  /// Whether the value has named entries that can be given one by one.
  var isMap: Bool {
    if case .labels = self { return true }
    return false
  }
}

/// How large a configuration may be.
enum Limits {
  /// The longest path, as Linux has it (PATH_MAX).
  static let pathBytesMax = 4_096
  /// The longest inline certificate, in base64.
  static let dataBytesMax = 1 << 20
  /// The most seeds.
  static let seedsMax = 256
  /// The most further addresses of the control listener.
  static let listenersMax = 8
  /// The most pinned certificates.
  static let thumbprintsMax = 256
  /// All keys and values of the labels together: what the mesh's limit of metadata leaves beside the other fields.
  static let labelsBytesMax = WireLimits.metadataBytes - 4_096
}

/// The scopes of the control plane, as OmniRelay names them.
enum Scope {
  /// What every caller on this machine may do without a credential, where it may do anything: look.
  static let always = ["mesh.read", "mesh.observe"]
  /// Every scope that such a caller can be given. `mesh.admin` needs a principal.
  static let all = always + ["mesh.operate"]
  /// In place of scopes: nothing at all.
  static let none = "none"
}
