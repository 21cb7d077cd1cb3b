import MeshBasics

/// A message declares its fields once, in `visit`, and every form of it follows: the protobuf writer and reader and the
/// JSON writer and reader are the visitors. What a field may hold is part of its declaration, so that no form can
/// forget to check it.
protocol WireMessage: Equatable, Sendable {
  init()
  /// The most bytes of protobuf that one inside another message may have, where the field says nothing else.
  static var bytesMax: Int { get }
  /// Shows every field to `visitor`, in the order of their numbers.
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError)
}

extension WireMessage {
  static var bytesMax: Int { WireLimits.frameBytes }
}

/// One form of a message. Each call declares one field: its protobuf number, its JSON name, its place in the struct and
/// what it may hold. Writers leave the place as it is; readers fill it, and set a field that didn't arrive to its zero,
/// as proto3 wants, whatever the struct's own default is.
protocol FieldVisitor {
  mutating func text(_ number: Int, _ name: String, _ value: inout String, _ rule: TextRule) throws(WireError)
  mutating func bytes(_ number: Int, _ name: String, _ value: inout [UInt8], max: Int) throws(WireError)
  mutating func bool(_ number: Int, _ name: String, _ value: inout Bool) throws(WireError)
  /// Bytes that may be absent, which is not the same as none.
  mutating func optionalBytes(_ number: Int, _ name: String, _ value: inout [UInt8]?, max: Int) throws(WireError)
  /// Any number of byte strings, of at most `max` bytes each.
  mutating func manyBytes(_ number: Int, _ name: String, _ value: inout [[UInt8]], max: Int) throws(WireError)
  mutating func uint32(_ number: Int, _ name: String, _ value: inout UInt32, max: UInt32) throws(WireError)
  mutating func uint64(_ number: Int, _ name: String, _ value: inout UInt64) throws(WireError)
  mutating func int64(_ number: Int, _ name: String, _ value: inout Int64) throws(WireError)
  /// Eight bytes on the wire, for values that are evenly spread, where a varint would take ten.
  mutating func fixed64(_ number: Int, _ name: String, _ value: inout UInt64) throws(WireError)
  /// Exactly `count` of them, packed.
  mutating func fixed64s(_ number: Int, _ name: String, _ value: inout [UInt64], count: Int) throws(WireError)
  /// A set: up to `max` texts, kept sorted by their bytes, each once.
  mutating func texts(
    _ number: Int, _ name: String, _ value: inout [String], _ rule: TextRule, max: Int
  ) throws(WireError)
  /// Required: 0, "unspecified", is refused, as is a value that this version doesn't know.
  mutating func state(_ number: Int, _ name: String, _ value: inout MemberState) throws(WireError)
  /// `map<string, string>` on the wire; kept sorted by key, the last of two equal keys wins.
  mutating func labels(_ number: Int, _ name: String, _ value: inout [Label]) throws(WireError)
  /// A message that must be there.
  mutating func required<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) throws(WireError)
  /// A message that counts as `M()` where it is absent.
  mutating func embedded<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) throws(WireError)
  /// A message that may be absent, of at most `max` bytes of protobuf.
  mutating func optional<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout M?, max: Int
  ) throws(WireError)
  /// The same, of a message that many share.
  mutating func shared<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout Shared<M>?, max: Int
  ) throws(WireError)
  /// Any number of messages, up to `max`.
  mutating func repeated<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout [M], max: Int
  ) throws(WireError)
  /// One case of a `oneof`: `get` gives its message if `union` is this case, `make` makes the case of a message.
  mutating func choice<Union, M: WireMessage>(
    _ number: Int, _ name: String, _ union: inout Union?, get: (Union) -> M?, make: (M) -> Union
  ) throws(WireError)
}

extension FieldVisitor {
  mutating func uint32(_ number: Int, _ name: String, _ value: inout UInt32) throws(WireError) {
    try uint32(number, name, &value, max: .max)
  }
}

extension WireError {
  /// The same error, found while reading `field`.
  func inside(_ field: String) -> WireError {
    // "record" and "nodeId: is missing" give "record.nodeId: is missing".
    WireError("\(field).\(description)")
  }
}

/// The state of a member as the published schema names it.
extension MemberState {
  var protobufName: String {
    switch self {
    case .alive: "MEMBER_STATE_ALIVE"
    case .suspect: "MEMBER_STATE_SUSPECT"
    case .dead: "MEMBER_STATE_DEAD"
    case .left: "MEMBER_STATE_LEFT"
    }
  }

  /// The state of a number on the wire; throws for 0 and for numbers that this version doesn't know.
  static func known(_ number: UInt64, _ name: String) throws(WireError) -> MemberState {
    guard number != 0 else { throw WireError("\(name): is missing") }
    guard let byte = UInt8(exactly: number), let state = MemberState(rawValue: byte) else {
      throw WireError("\(name): unknown value \(number)")
    }
    return state
  }
}
