import MeshBasics

/// What a text field may hold. Texts of peers end up in logs, tables and metrics, so that none but a label's value may
/// hold control characters; NUL is refused there too, because JSON readers and C strings disagree on it.
enum TextRule {
  /// Up to 256 bytes.
  case text
  /// 1 to 256 bytes.
  case requiredText
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

  /// Throws when `value` is not allowed, naming the field but never what it holds.
  func check(_ value: String, _ name: String) throws(WireError) {
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
    case .text, .requiredText, .labelKey:
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        throw WireError("\(name): holds a control character")
      }
    case .labelValue:
      guard !value.utf8.contains(0) else { throw WireError("\(name): holds a NUL character") }
    }
  }

  private var required: Bool {
    switch self {
    case .requiredText, .nodeID, .labelKey: true
    case .text, .nodeIDOrEmpty, .endpointOrEmpty, .labelValue: false
    }
  }

  private var max: Int {
    switch self {
    case .text, .requiredText: WireLimits.textBytes
    case .nodeID, .nodeIDOrEmpty: NodeID.lengthMax
    case .endpointOrEmpty: WireLimits.endpointBytes
    case .labelKey: WireLimits.labelKeyBytes
    case .labelValue: WireLimits.labelValueBytes
    }
  }
}

extension [Label] {
  /// Puts `label` at its place in the order of keys, by bytes, instead of one of the same key.
  mutating func place(_ label: Label, _ name: String) throws(WireError) {
    var low = 0
    var high = count
    while low < high {
      let middle = (low &+ high) / 2
      if self[middle].key.utf8.lexicographicallyPrecedes(label.key.utf8) { low = middle &+ 1 } else { high = middle }
    }
    if low < count, self[low].key.utf8.elementsEqual(label.key.utf8) {
      self[low] = label
      return
    }
    guard count < WireLimits.labels else { throw WireError("\(name): more than \(WireLimits.labels) labels") }
    insert(label, at: low)
  }
}
