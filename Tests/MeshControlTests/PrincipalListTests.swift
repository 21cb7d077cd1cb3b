import MeshBasics
import Testing

@testable import MeshControl

private let digest = String(repeating: "0a", count: 32)
private let other = String(repeating: "0B", count: 32)

private func list(_ entries: String...) throws -> PrincipalList {
  try PrincipalList(parsing: Array(#"{"principals":[\#(entries.joined(separator: ","))]}"#.utf8))
}

/// What is wrong with a file.
private func mistake(_ text: String) -> String {
  do {
    _ = try PrincipalList(parsing: Array(text.utf8))
    return ""
  } catch {
    return error.description
  }
}

private func mistake(entry: String) -> String { mistake(#"{"principals":[\#(entry)]}"#) }

@Suite struct PrincipalListTests {
  @Test func aTokenIsItsPrincipalsByItsDigest() throws {
    let known = try list(
      #"{"name":"anna","scopes":["mesh.read","mesh.operate"],"tokenSha256":["\#(digest)","\#(other)"]}"#,
      #"{"name":"prometheus","scopes":["mesh.observe"],"tokenSha256":["\#(String(repeating: "ff", count: 32))"]}"#)
    let anna = Principal(name: "anna", scopes: [.read, .operate])
    #expect(known.principal(tokenDigest: [UInt8](repeating: 10, count: 32)) == anna)
    #expect(known.principal(tokenDigest: [UInt8](repeating: 11, count: 32)) == anna, "digits of either case")
    #expect(known.principal(tokenDigest: [UInt8](repeating: 255, count: 32))?.name == "prometheus")
    for wrong in [[], [UInt8](repeating: 10, count: 31), [UInt8](repeating: 10, count: 31) + [11]] {
      #expect(known.principal(tokenDigest: wrong) == nil)
    }
    #expect(known.count == 2)
  }

  @Test func aCertificateIsItsPrincipalsByKeyOrByNodeOfThisCluster() throws {
    let known = try list(
      #"{"name":"by-node","scopes":["mesh.read"],"nodes":["anna-laptop"]}"#,
      #"{"name":"by-key","scopes":["mesh.admin"],"keySha256":["\#(other)"],"delegates":true}"#)
    func who(_ node: String, _ cluster: String?, _ key: String = "") -> Principal? {
      known.principal(
        of: PeerIdentity(nodeNames: [node], clusterID: cluster, keyFingerprint: key), cluster: "local")
    }
    #expect(who("anna-laptop", "local")?.name == "by-node" && who("anna-laptop", nil)?.name == "by-node")
    #expect(who("anna-laptop", "elsewhere") == nil && who("anna-laptop2", "local") == nil)
    let lower = String(repeating: "0b", count: 32)
    #expect(who("x", "elsewhere", lower) == Principal(name: "by-key", scopes: .admin, delegates: true))
    #expect(who("anna-laptop", "local", lower)?.name == "by-key", "a key says more than a name")
  }

  @Test func anEmptyListIsOneOfNobody() throws {
    #expect(try list().count == 0)
    #expect(try list().principal(tokenDigest: []) == nil)
  }

  @Test(arguments: [
    (#"{}"#, "principals"), (#"[]"#, "principals"), (#"{"principals":{}}"#, "a list"), ("", "not a JSON document"),
    (#"{"principals":[],"more":1}"#, "one member"), (#"{"principals":[1]}"#, "principals[0]: must be an object"),
  ])
  func aDocumentOfAnotherShapeIsRefused(text: String, part: String) {
    #expect(mistake(text).contains(part), "\(mistake(text))")
  }

  @Test(arguments: [
    (#"{"scopes":["mesh.read"]}"#, "principals[0]: name: allowed: 1 to 64 letters"),
    (#"{"name":"a b","scopes":["mesh.read"]}"#, "principals[0]: name:"),
    (#"{"name":"","scopes":["mesh.read"]}"#, "principals[0]: name:"),
    (#"{"name":"(loopback)","scopes":["mesh.read"]}"#, "principals[0]: name:"),
    (#"{"name":"a"}"#, "principals[0] 'a': scopes: is missing or empty; allowed: any of mesh.read, mesh.observe,"),
    (#"{"name":"a","scopes":["mesh.read","mesh.write"]}"#, "'a': scopes[1]: is no scope; allowed: any of mesh.read"),
    (#"{"name":"a","scopes":["Mesh.Read"]}"#, "scopes[0]: is no scope"),
    (#"{"name":"a","scopes":"mesh.read"}"#, "scopes: allowed: a list of up to 4 texts"),
    (#"{"name":"a","scopes":["mesh.read"],"token":["x"]}"#, "member 3 is unknown; allowed: name, scopes, tokenSha256"),
    (
      #"{"name":"a","scopes":["mesh.read"],"tokenSha256":["mkt_secret"]}"#, "tokenSha256[0]: is no SHA-256; allowed: 64"
    ),
    (#"{"name":"a","scopes":["mesh.read"],"keySha256":[7]}"#, "keySha256[0]: is no text"),
    (#"{"name":"a","scopes":["mesh.read"],"nodes":["a/b"]}"#, "nodes[0]: is no node id; allowed: 1 to 128 letters"),
    (#"{"name":"a","scopes":["mesh.read"],"delegates":1}"#, "delegates: allowed: true or false"),
  ])
  func aMistakeNamesEntryAndFieldAndWhatIsAllowed(entry: String, part: String) {
    let said = mistake(entry: entry)
    #expect(said.contains(part) && !said.contains("secret"), "\(said)")
  }

  @Test func namesAndCredentialsAreThereOnce() {
    func entry(_ name: String, _ more: String) -> String { #"{"name":"\#(name)","scopes":["mesh.read"]\#(more)}"# }
    for (first, second) in [
      (entry("a", ""), entry("a", "")),
      (entry("a", #","tokenSha256":["\#(digest)"]"#), entry("b", #","tokenSha256":["\#(digest.uppercased())"]"#)),
      (entry("a", #","nodes":["n"]"#), entry("b", #","nodes":["n"]"#)),
      (entry("a", #","keySha256":["\#(other)"]"#), entry("b", #","keySha256":["\#(other)"]"#)),
    ] {
      let said = mistake(entry: "\(first),\(second)")
      #expect(said.hasPrefix("principals[1] '") && said.contains("of 'a'; allowed: each once"), "\(said)")
    }
  }

  @Test func whateverAFileHoldsItIsReadOrRefused() {
    let good =
      Array(
        #"{"principals":[{"name":"a@b","scopes":["mesh.read"],"tokenSha256":["\#(digest)"],"nodes":["n"],"#.utf8
      ) + Array(#""keySha256":["\#(other)"],"delegates":true},{"name":"c","scopes":["mesh.admin"]}]}"#.utf8)
    #expect((try? PrincipalList(parsing: good))?.count == 2)
    var random = SeededRandom(seed: 18)
    for _ in 0..<5_000 {
      var bytes = good
      for _ in 0...random.below(3) {
        let place = Int(random.below(UInt64(bytes.count)))
        if random.chance(1, in: 3) { bytes.remove(at: place) } else { bytes[place] = UInt8(random.below(256)) }
      }
      guard let list = try? PrincipalList(parsing: bytes) else { continue }
      #expect(list.count <= 2 && list.entries.allSatisfy { !$0.principal.scopes.isEmpty })
    }
  }

  @Test func limitsHoldAtTheirEdge() {
    func entries(_ count: Int) -> String {
      (0..<count).map { #"{"name":"n\#($0)","scopes":["mesh.read"]}"# }.joined(separator: ",")
    }
    #expect(mistake(entry: entries(PrincipalLimits.principalsMax)) == "")
    #expect(mistake(entry: entries(257)) == "principals: has 257 items; allowed: up to 256")
    func nodes(_ count: Int) -> String {
      #"{"name":"a","scopes":["mesh.read"],"nodes":[\#((0..<count).map { "\"n\($0)\"" }.joined(separator: ","))]}"#
    }
    #expect(mistake(entry: nodes(8)) == "")
    #expect(mistake(entry: nodes(9)).contains("nodes: allowed: a list of up to 8 texts"))
    let name = String(repeating: "x", count: 64)
    #expect(mistake(entry: #"{"name":"\#(name)","scopes":["mesh.read"]}"#) == "")
    #expect(mistake(entry: #"{"name":"\#(name)x","scopes":["mesh.read"]}"#).contains("name:"))
    let padding = String(repeating: " ", count: PrincipalLimits.fileBytesMax - 17)
    #expect(mistake(#"{"principals":[]\#(padding)}"#) == "")
    #expect(mistake(#"{"principals":[]\#(padding) }"#).contains("not a JSON document"))
  }
}
