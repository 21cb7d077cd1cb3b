import MeshBasics
import MeshWire

/// Why a file of principals can't be used: one sentence that names the entry, the field and what is allowed. It repeats
/// nothing that could be a secret.
public struct PrincipalError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The sentence, without a full stop.
  public let description: String

  init(_ description: String) { self.description = description }
}

/// The principals of a node, with what they are known by: `{"principals":[{"name":"anna","scopes":["mesh.read"],
/// "tokenSha256":["…"],"nodes":["…"],"keySha256":["…"],"delegates":false}]}`.
///
/// Only `name` and `scopes` must be there. An unknown field is a mistake: it may be a misspelt one.
public struct PrincipalList: Equatable, Sendable {
  /// One principal and its credentials.
  struct Entry: Equatable, Sendable {
    let principal: Principal
    /// SHA-256 of its tokens.
    let tokens: [[UInt8]]
    /// Nodes whose certificates it may show.
    let nodes: [NodeID]
    /// SHA-256 of its public keys, as `PeerIdentity.keyFingerprint` has them.
    let keys: [String]
  }

  let entries: [Entry]

  /// How many there are.
  public var count: Int { entries.count }

  /// Reads a file's content. *Errors*: the first mistake.
  public init(parsing bytes: [UInt8]) throws(PrincipalError) {
    let document: JSONValue
    do throws(WireError) {
      document = try JSONValue.parse(bytes, bytesMax: PrincipalLimits.fileBytesMax)
    } catch {
      throw PrincipalError("not a JSON document: \(error.description)")
    }
    guard case .object(let members) = document, members.map(\.name) == ["principals"],
      case .array(let items)? = members.first?.value
    else { throw PrincipalError("the document must be an object with the one member principals, a list") }
    guard items.count <= PrincipalLimits.principalsMax else {
      throw PrincipalError("principals: has \(items.count) items; allowed: up to \(PrincipalLimits.principalsMax)")
    }
    var entries: [Entry] = []
    for (index, item) in items.enumerated() {
      let entry = try PrincipalReader(item, place: "principals[\(index)]").entry()
      if let other = entries.first(where: { $0.principal.name == entry.principal.name || $0.shares(with: entry) }) {
        throw PrincipalError(
          "principals[\(index)] '\(entry.principal.name)': has the name, or a credential, of "
            + "'\(other.principal.name)'; allowed: each once")
      }
      entries.append(entry)
    }
    self.entries = entries
  }

  /// Whose token has this SHA-256. Takes as long for a hit as for a miss.
  public func principal(tokenDigest digest: [UInt8]) -> Principal? {
    var found: Principal?
    for entry in entries {
      for token in entry.tokens where PrincipalList.equal(token, digest) { found = entry.principal }
    }
    return found
  }

  /// Whose certificate says so, in `cluster`: by its key, or by a node that it may speak for.
  public func principal(of identity: PeerIdentity, cluster: String) -> Principal? {
    entries.first { $0.keys.contains(identity.keyFingerprint) }?.principal
      ?? entries.first { $0.nodes.contains { identity.maySpeak(for: $0, cluster: cluster) } }?.principal
  }

  /// Looks at all bytes, wherever the first difference is.
  private static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension PrincipalList.Entry {
  fileprivate func shares(with other: Self) -> Bool {
    tokens.contains { other.tokens.contains($0) } || nodes.contains { other.nodes.contains($0) }
      || keys.contains { other.keys.contains($0) }
  }
}

/// Reads one entry.
private struct PrincipalReader {
  private static let fields = ["name", "scopes", "tokenSha256", "nodes", "keySha256", "delegates"]

  private let item: JSONValue
  /// What errors begin with.
  private var place: String

  init(_ item: JSONValue, place: String) {
    self.item = item
    self.place = place
  }

  func entry() throws(PrincipalError) -> PrincipalList.Entry {
    guard case .object(let members) = item else { throw PrincipalError("\(place): must be an object") }
    var reader = self
    let name = try reader.name()
    reader.place = "\(place) '\(name)'"
    if let unknown = members.firstIndex(where: { !PrincipalReader.fields.contains($0.name) }) {
      throw reader.failure(
        "member \(unknown + 1) is unknown; allowed: \(PrincipalReader.fields.joined(separator: ", "))")
    }
    let principal = Principal(name: name, scopes: try reader.scopes(), delegates: try reader.delegates())
    return PrincipalList.Entry(
      principal: principal, tokens: try reader.digests("tokenSha256").map(\.bytes), nodes: try reader.nodes(),
      keys: try reader.digests("keySha256").map(\.text))
  }

  private func failure(_ what: String) -> PrincipalError { PrincipalError("\(place): \(what)") }

  private func name() throws(PrincipalError) -> String {
    guard case .string(let name)? = item["name"], (1...PrincipalLimits.nameBytesMax).contains(name.utf8.count),
      name.utf8.allSatisfy({ NodeID.allows($0) || $0 == UInt8(ascii: "@") })
    else {
      throw failure("name: allowed: 1 to \(PrincipalLimits.nameBytesMax) letters, digits, '.', '-', '_' and '@'")
    }
    return name
  }

  private func scopes() throws(PrincipalError) -> ControlScopes {
    let names = try texts("scopes", atMost: ControlScopes.allNames.count)
    let allowed = "allowed: any of \(ControlScopes.allNames.joined(separator: ", "))"
    guard !names.isEmpty else { throw failure("scopes: is missing or empty; \(allowed)") }
    for (index, name) in names.enumerated() where !ControlScopes.allNames.contains(name) {
      throw failure("scopes[\(index)]: is no scope; \(allowed)")
    }
    return ControlScopes(names: names)
  }

  private func delegates() throws(PrincipalError) -> Bool {
    switch item["delegates"] {
    case nil: return false
    case .bool(let flag): return flag
    default: throw failure("delegates: allowed: true or false")
    }
  }

  private func nodes() throws(PrincipalError) -> [NodeID] {
    var nodes: [NodeID] = []
    for (index, text) in try texts("nodes", atMost: PrincipalLimits.credentialsMax).enumerated() {
      guard let node = NodeID(text) else {
        throw failure(
          "nodes[\(index)]: is no node id; allowed: 1 to \(NodeID.lengthMax) letters, digits, '.', '-' and '_'")
      }
      nodes.append(node)
    }
    return nodes
  }

  /// SHA-256 as bytes, and as the text that fingerprints have.
  private func digests(_ field: String) throws(PrincipalError) -> [(bytes: [UInt8], text: String)] {
    var digests: [(bytes: [UInt8], text: String)] = []
    for (index, text) in try texts(field, atMost: PrincipalLimits.credentialsMax).enumerated() {
      guard let bytes = PrincipalReader.bytes(ofHexadecimal: text), bytes.count == 32 else {
        // Not repeated: somebody may have put the token itself here.
        throw failure("\(field)[\(index)]: is no SHA-256; allowed: 64 hexadecimal digits")
      }
      digests.append((bytes, String(decoding: text.utf8.map(ASCII.lowercased), as: UTF8.self)))
    }
    return digests
  }

  private func texts(_ field: String, atMost max: Int) throws(PrincipalError) -> [String] {
    guard let value = item[field] else { return [] }
    guard case .array(let items) = value, items.count <= max else {
      throw failure("\(field): allowed: a list of up to \(max) texts")
    }
    var texts: [String] = []
    for (index, item) in items.enumerated() {
      guard case .string(let text) = item else { throw failure("\(field)[\(index)]: is no text") }
      texts.append(text)
    }
    return texts
  }

  private static func bytes(ofHexadecimal text: String) -> [UInt8]? {
    let digits = text.utf8.compactMap { byte in byte < 0x80 ? Character(Unicode.Scalar(byte)).hexDigitValue : nil }
    guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { index in
      UInt8(truncatingIfNeeded: digits[index] << 4 | digits[index &+ 1])
    }
  }
}
