/// What a TLS client offers to speak, out of the bytes that it begins with: for choosing who serves it, before anybody
/// has answered (RFC 8446 §4.1.2, RFC 7301 §3.1). Nothing is checked that TLS itself checks later.
enum ClientHello {
  /// Longer ones are read no further: they offer nothing.
  static let bytesMax = 4_096

  enum Offer: Equatable {
    /// More bytes are to come.
    case incomplete
    /// The protocols by name; none where the client offers none, or begins with something else.
    case protocols([[UInt8]])
  }

  /// What the client offers whose first bytes are these.
  static func offer(in bytes: [UInt8]) -> Offer {
    var reader = Reader(rest: bytes[...])
    // One record of the kind "handshake"; a hello in several is nothing that we wait for.
    guard let kind = reader.byte(), kind == 22, reader.skip(2), let count = reader.number(2) else {
      return bytes.count < 5 && (bytes.first ?? 22) == 22 ? .incomplete : .protocols([])
    }
    if bytes.count < 5 + count { return bytes.count < bytesMax ? .incomplete : .protocols([]) }
    return .protocols(protocols(in: bytes[5..<(5 + count)]))
  }

  private static func protocols(in record: ArraySlice<UInt8>) -> [[UInt8]] {
    var reader = Reader(rest: record)
    guard reader.byte() == 1, reader.skip(3), reader.skip(2 + 32), reader.block(1) != nil, reader.block(2) != nil,
      reader.block(1) != nil, var extensions = reader.block(2).map({ Reader(rest: $0) })
    else { return [] }
    while let kind = extensions.number(2), let content = extensions.block(2) {
      guard kind == 16 else { continue }
      var list = Reader(rest: content)
      guard var names = list.block(2).map({ Reader(rest: $0) }) else { return [] }
      var found: [[UInt8]] = []
      while let name = names.block(1) { found.append(Array(name)) }
      return found
    }
    return []
  }

  /// Takes numbers and blocks from the front; nil when there is less.
  private struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func byte() -> UInt8? { rest.popFirst() }

    mutating func skip(_ count: Int) -> Bool {
      guard rest.count >= count else { return false }
      rest = rest.dropFirst(count)
      return true
    }

    mutating func number(_ bytes: Int) -> Int? {
      guard rest.count >= bytes else { return nil }
      defer { rest = rest.dropFirst(bytes) }
      return rest.prefix(bytes).reduce(0) { $0 << 8 | Int($1) }
    }

    /// A block behind its length of so many bytes.
    mutating func block(_ bytes: Int) -> ArraySlice<UInt8>? {
      guard let count = number(bytes), rest.count >= count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
  }
}
