import MeshBasics

/// What a text field may hold. Texts of peers end up in logs, tables and metrics, so that none but a label's value may
/// hold control characters; NUL is refused there too, because JSON readers and C strings disagree on it.
public enum TextRule: Sendable {
  /// Up to 256 bytes.
  case text
  /// 1 to 256 bytes.
  case requiredText
  /// 1 to 128 bytes.
  case topic
  /// The name of a node.
  case nodeID
  /// The name of a node, or empty.
  case nodeIDOrEmpty
  /// `host:port`, or empty.
  case endpointOrEmpty
  /// 1 to 64 bytes.
  case labelKey
  /// Up to 4,096 bytes of anything but NUL.
  case labelValue
  /// Up to so many bytes of anything: what hosts hand over for other hosts, and nobody else reads.
  case anything(Int)

  /// Throws when `value` is not allowed, naming the field but never what it holds.
  public func check(_ value: String, _ name: String) throws(WireError) {
    let count = value.utf8.count
    if count == 0 {
      if required { throw WireError("\(name): is missing") }
      return
    }
    guard count <= max else { throw WireError("\(name): \(count) bytes, allowed are \(max)") }
    switch self {
    case .nodeID, .nodeIDOrEmpty:
      guard NodeID(value) != nil else { throw WireError("\(name): not the name of a node") }
    case .endpointOrEmpty:
      guard Endpoint(parsing: value) != nil else { throw WireError("\(name): not host:port") }
    case .text, .requiredText, .topic, .labelKey:
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        throw WireError("\(name): holds a control character")
      }
    case .labelValue:
      guard !value.utf8.contains(0) else { throw WireError("\(name): holds a NUL character") }
    case .anything: break
    }
  }

  private var required: Bool {
    switch self {
    case .requiredText, .topic, .nodeID, .labelKey: true
    case .text, .nodeIDOrEmpty, .endpointOrEmpty, .labelValue, .anything: false
    }
  }

  private var max: Int {
    switch self {
    case .text, .requiredText: WireLimits.textBytes
    case .topic: WireLimits.topicBytes
    case .nodeID, .nodeIDOrEmpty: NodeID.lengthMax
    case .endpointOrEmpty: WireLimits.endpointBytes
    case .labelKey: WireLimits.labelKeyBytes
    case .labelValue: WireLimits.labelValueBytes
    case .anything(let most): most
    }
  }
}

extension [Label] {
  /// Puts `label` at its place in the order of keys, by bytes, instead of one of the same key.
  mutating func place(_ label: Label, _ name: String) throws(WireError) {
    let (index, isThere) = search(label.key) { $0.key }
    if isThere {
      self[index] = label
      return
    }
    guard count < WireLimits.labels else { throw WireError("\(name): more than \(WireLimits.labels) labels") }
    insert(label, at: index)
  }
}

extension [String] {
  /// Puts `text` at its place in the order of bytes, unless it is there.
  mutating func place(_ text: String, _ name: String, max: Int) throws(WireError) {
    let (index, isThere) = search(text) { $0 }
    if isThere { return }
    guard count < max else { throw WireError("\(name): more than \(max) items") }
    insert(text, at: index)
  }
}

extension Array {
  /// Where `key` stands, or would stand, in an array sorted by the bytes of its keys.
  fileprivate func search(_ key: String, _ keyOf: (Element) -> String) -> (index: Int, isThere: Bool) {
    var low = 0
    var high = count
    while low < high {
      let middle = (low &+ high) / 2
      if keyOf(self[middle]).utf8.lexicographicallyPrecedes(key.utf8) { low = middle &+ 1 } else { high = middle }
    }
    return (low, low < count && keyOf(self[low]).utf8.elementsEqual(key.utf8))
  }
}
