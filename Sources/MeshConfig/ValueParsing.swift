import MeshBasics
import MeshWire

extension ValueType {
  /// The value that `text` spells. Lists are separated by commas, maps read `key=value,key=value`.
  func parse(text: String) throws(ValueFault) -> ConfigurationValue {
    switch self {
    case .endpoints, .listeners, .thumbprints:
      return try list(text.isEmpty ? [] : Text.items(text, separator: ","))
    case .scopes: return try list(text.split { $0 == " " || $0 == "," }.map(String.init))
    case .labels:
      return try labels(Text.items(text, separator: ",").filter { !$0.isEmpty }.map(label))
    case .boolean, .fixed: return try boolean(Text.stripped(text))
    case .integer(let range): return try integer(Text.stripped(text), range)
    case .number(let range): return try number(Text.stripped(text), range)
    case .duration(let range): return try duration(Text.stripped(text), range)
    case .unsupported(let instead): throw ValueFault("is not supported; \(instead)")
    case .anything: return .ignored
    case .password: return .text(try plain(text))
    default: return .text(try plain(Text.stripped(text)))
    }
  }

  /// The value that a JSON document gives.
  func parse(json: JSONValue) throws(ValueFault) -> ConfigurationValue {
    switch (self, json) {
    case (.anything, _): return .ignored
    case (_, .string(let text)), (_, .number(let text)): return try parse(text: text)
    case (_, .bool(let value)): return try parse(text: value ? "true" : "false")
    case (.endpoints, .array(let items)), (.listeners, .array(let items)), (.thumbprints, .array(let items)),
      (.scopes, .array(let items)):
      var texts: [String] = []
      for item in items { texts.append(try scalar(item)) }
      return try list(texts)
    case (.labels, .object(let members)):
      var labels: [Label] = []
      for member in members { labels.append(Label(key: member.name, value: try scalar(member.value))) }
      return try self.labels(labels)
    default: throw ValueFault("has the wrong shape")
    }
  }

  /// A list with all that lists of this type ask of their items.
  func list(_ items: [String]) throws(ValueFault) -> ConfigurationValue {
    var kept: [String] = []
    for item in items.map(Text.stripped) {
      let text = try element(item)
      if !kept.contains(text) { kept.append(text) }
    }
    let limit =
      switch self {
      case .endpoints: Limits.seedsMax
      case .listeners: Limits.listenersMax
      default: Limits.thumbprintsMax
      }
    guard kept.count <= limit else { throw ValueFault("has \(kept.count) items") }
    if case .scopes = self, kept.contains(Scope.none), kept.count > 1 {
      throw ValueFault("has '\(Scope.none)' beside scopes")
    }
    return .list(kept)
  }

  /// A map with all that labels must keep to.
  func labels(_ given: [Label]) throws(ValueFault) -> ConfigurationValue {
    var map = OrderedMap<String, Label>()
    for label in given {
      guard (1...WireLimits.labelKeyBytes).contains(label.key.utf8.count), !Text.hasControls(label.key) else {
        throw ValueFault("the label key \(Text.quoted(label.key)) is empty, too long or holds control characters")
      }
      guard label.value.utf8.count <= WireLimits.labelValueBytes, !Text.hasControls(label.value) else {
        throw ValueFault("the value of label \(Text.quoted(label.key)) is too long or holds control characters")
      }
      guard map[label.key] == nil else { throw ValueFault("the label \(Text.quoted(label.key)) is given twice") }
      map[label.key] = label
    }
    guard map.count <= WireLimits.labels else { throw ValueFault("has \(map.count) labels") }
    let bytes = map.values.reduce(0) { $0 &+ $1.key.utf8.count &+ $1.value.utf8.count }
    guard bytes <= Limits.labelsBytesMax else { throw ValueFault("has \(bytes) bytes of keys and values") }
    // By bytes, as the mesh orders them; Swift orders by canonical equivalence.
    return .labels(map.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
  }

  private func boolean(_ text: String) throws(ValueFault) -> ConfigurationValue {
    let value: Bool
    switch Text.lowercased(text) {
    case "true": value = true
    case "false": value = false
    default: throw ValueFault("is not a boolean")
    }
    if case .fixed(let only, let why) = self, value != only { throw ValueFault("is refused, because \(why)") }
    return .boolean(value)
  }

  private func integer(_ text: String, _ range: ClosedRange<Int64>) throws(ValueFault) -> ConfigurationValue {
    let negative = text.hasPrefix("-")
    guard let magnitude = Text.digits(negative ? text.dropFirst() : Substring(text)) else {
      throw ValueFault("is not a whole number")
    }
    let value = negative ? 0 &- magnitude : magnitude
    guard range.contains(value) else { throw ValueFault("is out of range") }
    return .integer(value)
  }

  private func number(_ text: String, _ range: ClosedRange<Double>) throws(ValueFault) -> ConfigurationValue {
    guard text.utf8.count <= 64, let value = Double(text), value.isFinite else { throw ValueFault("is not a number") }
    guard range.contains(value) else { throw ValueFault("is out of range") }
    return .number(value)
  }

  private func duration(_ text: String, _ range: ClosedRange<Duration>) throws(ValueFault) -> ConfigurationValue {
    guard let span = DurationText.parse(text) else {
      throw ValueFault(
        Double(text) == nil
          ? "is not a duration (write 1500ms, 2s, 5m, 1h, 00:00:01.5 or 1.02:03:04)"
          : "is a bare number, which .NET would read as days; add the unit, as in \(text)s or \(text)ms")
    }
    guard range.contains(span) else { throw ValueFault("is out of range") }
    return .duration(span)
  }

  /// One text that is neither number nor list.
  private func plain(_ text: String) throws(ValueFault) -> String {
    guard !Text.hasControls(text) else { throw ValueFault("holds control characters") }
    let fits: Bool
    switch self {
    case .choice(let words): fits = words.contains(text)
    case .text(let bytesMax), .password(let bytesMax): fits = (1...bytesMax).contains(text.utf8.count)
    case .name: fits = NodeID(text) != nil
    case .host: fits = Text.isHost(text)
    case .ipAddress: fits = IPAddressText(text) != nil
    case .path: fits = text.utf8.count <= Limits.pathBytesMax
    case .base64: fits = Text.isBase64(text) && text.utf8.count <= Limits.dataBytesMax
    default: fits = false
    }
    guard fits else { throw ValueFault("is not allowed") }
    return text
  }

  /// One item of a list.
  private func element(_ text: String) throws(ValueFault) -> String {
    if case .endpoints = self {
      guard let endpoint = Endpoint(parsing: text), Text.isHost(endpoint.host) else {
        throw ValueFault("the item \(Text.quoted(text)) is not host:port")
      }
      return endpoint.description
    }
    if case .listeners = self {
      let lower = Text.lowercased(text)
      guard ControlListener(parsing: lower, speaksTLS: false) != nil else {
        throw ValueFault("the item \(Text.quoted(text)) is not address:port")
      }
      return lower
    }
    if case .scopes = self {
      let name = Text.lowercased(text)
      guard Scope.all.contains(name) || name == Scope.none else {
        throw ValueFault("the scope \(Text.quoted(text)) is unknown")
      }
      return name
    }
    let hexadecimal = text.utf8.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
    guard hexadecimal, text.utf8.count == 40 || text.utf8.count == 64 else {
      throw ValueFault("the item \(Text.quoted(text)) is not 40 or 64 hexadecimal digits")
    }
    return Text.uppercased(text)
  }

  private func scalar(_ value: JSONValue) throws(ValueFault) -> String {
    switch value {
    case .string(let text), .number(let text): return text
    case .bool(let value): return value ? "true" : "false"
    default: throw ValueFault("has an item that is not a text")
    }
  }

  private func label(_ text: String) -> Label {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return Label(key: Text.stripped(parts.first ?? ""), value: parts.count == 2 ? Text.stripped(parts[1]) : "")
  }
}

extension Text {
  /// The parts of `text` around `separator`, without the spaces around them.
  static func items(_ text: String, separator: Character) -> [String] {
    text.split(separator: separator, omittingEmptySubsequences: false).map(stripped)
  }

  /// Whether `text` holds a control character of ASCII.
  static func hasControls(_ text: String) -> Bool { text.utf8.contains { $0 < 0x20 || $0 == 0x7F } }

  /// Whether `text` is an IP address or looks like a DNS name.
  static func isHost(_ text: String) -> Bool {
    if IPAddressText(text) != nil { return true }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    return (1...Endpoint.hostLengthMax).contains(text.utf8.count) && text.utf8.allSatisfy(NodeID.allows)
      && labels.allSatisfy { (1...63).contains($0.utf8.count) }
  }

  /// Whether `text` is base64 with its padding (RFC 4648 §4).
  static func isBase64(_ text: String) -> Bool {
    let body = text.utf8.prefix { $0 != UInt8(ascii: "=") }
    let padding = text.utf8.dropFirst(body.count)
    return !body.isEmpty && text.utf8.count % 4 == 0 && padding.count <= 2
      && padding.allSatisfy { $0 == UInt8(ascii: "=") }
      && body.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/")
      }
  }
}
