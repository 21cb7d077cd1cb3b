/// The name of a node, unique in its cluster: 1 to 128 characters out of letters, digits, `.`, `-` and `_`, which is
/// what one segment of a SPIFFE path may hold, so that a certificate can carry it unchanged.
public struct NodeID: Comparable, Hashable, Sendable, CustomStringConvertible {
  /// The longest name, in bytes.
  public static let lengthMax = 128

  /// The name itself.
  public let name: String

  /// The node named `name`, or nil when it isn't a valid name.
  public init?(_ name: String) {
    guard (1...NodeID.lengthMax).contains(name.utf8.count), name.utf8.allSatisfy(NodeID.allows),
      name != ".", name != ".."
    else { return nil }
    self.name = name
  }

  /// Whether a name may hold `byte`.
  public static func allows(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
      return true
    default: return false
    }
  }

  /// Orders by bytes, as OmniRelay's lists do.
  @inlinable public static func < (left: NodeID, right: NodeID) -> Bool { left.name < right.name }

  /// The name.
  public var description: String { name }
}
