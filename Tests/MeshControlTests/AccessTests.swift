import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

// Who may ask for what.

private func principal(_ scopes: ControlScopes, delegates: Bool = false) -> Principal {
  Principal(name: "anna", scopes: scopes, delegates: delegates)
}

private func view(hasPrincipals: Bool = true) throws -> NodeView {
  NodeView(
    localNodeID: try #require(NodeID("a")), members: [], clock: MemberClock(now: .origin, unixTicks: 0),
    isLeaving: false, notReady: [], scopes: [.read, .observe], activeRequests: 0, hasPrincipals: hasPrincipals)
}

private func ask(
  _ caller: Caller, _ method: String = "GET", _ target: String = "/control/peers", host: String? = "localhost",
  origin: String? = nil, hasPrincipals: Bool = true
) throws -> ControlResponse {
  Control.respond(
    to: ControlRequest(method: method, target: target, host: host, origin: origin, body: [], caller: caller),
    view: try view(hasPrincipals: hasPrincipals), metrics: { [] }, perform: { _ in .accepted })
}

extension ControlResponse {
  fileprivate var challenge: String? { headers.first { $0.name == "WWW-Authenticate" }?.value }
  fileprivate var text: String { String(decoding: body, as: UTF8.self) }
}

private let requests = Route.all.map { ($0.method, target(of: $0)) }

/// A target of the route, with `b` for each of its names.
private func target(of route: Route) -> String { route.path.replacing(/\{\w+\}/, with: "b") }

private let unknown = [("GET", "/"), ("GET", "/nothing"), ("PUT", "/control/peers"), ("OPTIONS", "*")]

@Test func strangersOfOtherHostsGetNothingNotEvenHealthOrWhatIsNotThere() throws {
  for (method, target) in requests + unknown {
    for hasPrincipals in [true, false] {
      let answer = try ask(.stranger, method, target, hasPrincipals: hasPrincipals)
      #expect(answer.status == 401 && answer.refusal?.reason == "no-credential", "\(method) \(target)")
      #expect(answer.challenge == #"Bearer realm="meshkit""#)
      #expect(answer.text.hasPrefix(#"{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.2","title":"Una"#))
    }
  }
}

@Test func aCredentialOfNobodyIsRefusedEverywhereAlsoWhereNoneIsNeeded() throws {
  for (method, target) in requests + unknown {
    let token = try ask(.refused(.token), method, target)
    #expect(token.status == 401 && token.refusal?.reason == "unknown-token", "\(method) \(target)")
    #expect(token.challenge == #"Bearer realm="meshkit", error="invalid_token""#)
    let certificate = try ask(.refused(.certificate), method, target)
    #expect(certificate.status == 401 && certificate.refusal?.reason == "untrusted-certificate")
  }
}

@Test func eachRouteNeedsItsScopeAndNoOtherHelps() throws {
  let all: ControlScopes = [.read, .observe, .operate, .admin]
  for route in Route.all {
    let target = target(of: route)
    for caller in [Caller.token(principal(route.answer.scope)), .certificate(principal(all), isLocal: false)] {
      let answer = try ask(caller, route.method, target)
      #expect(![401, 403].contains(answer.status) && answer.refusal == nil, "\(target)")
    }
    let lacking = try ask(.token(principal(all.subtracting(route.answer.scope))), route.method, target)
    #expect(lacking.status == 403 && lacking.refusal?.reason == "scope" && lacking.challenge == nil, "\(target)")
    #expect(lacking.text.contains("scope \(route.answer.scope.names); the principal anna has"))
  }
}

@Test func onThisHostACredentialHelpsOnlyWhereTheNodeKnowsPrincipals() throws {
  let known = try ask(.local, "POST", "/v1/node/drain")
  #expect(known.status == 401 && known.refusal?.reason == "no-credential" && known.challenge != nil)
  let none = try ask(.local, "POST", "/v1/node/drain", hasPrincipals: false)
  #expect(none.status == 403 && none.refusal?.reason == "scope" && none.text.contains("mesh:control:loopbackScopes"))
  #expect(try ask(.local).status == 200)
  #expect(try ask(.token(principal([]))).text.contains("the principal anna has none"))
}

/// A caller, a Host, an Origin, and whether it may read.
private let pages: [(caller: Caller, host: String?, origin: String?, isServed: Bool)] = [
  // A page that was led here by a name (DNS rebinding): it can't know a token, and a browser adds none.
  (.local, "evil.example", "http://evil.example", false), (.local, "evil.example", nil, false),
  (.token(principal(.read)), "evil.example", nil, true), (.token(principal(.read)), "mesh-a.internal:8080", nil, true),
  (.certificate(principal(.read), isLocal: true), "evil.example", nil, false),
  (.certificate(principal(.read), isLocal: true), "localhost", "http://evil.example", false),
  // Elsewhere TLS has compared the Host with the node's certificate.
  (.certificate(principal(.read), isLocal: false), "mesh-a.internal:8080", nil, true),
  (.certificate(principal(.read), isLocal: false), "mesh-a.internal", "https://mesh-a.internal", true),
  (.certificate(principal(.read), isLocal: false), "mesh-a.internal", "https://evil.example", false),
  (.certificate(principal(.read), isLocal: false), "mesh-a.internal", "http://mesh-a.internal", false),
  (.certificate(principal(.read), isLocal: false), "mesh-a.internal", "null", false),
  (.token(principal(.read)), "mesh-a.internal", "https://MESH-A.internal", true),
  (.token(principal(.read)), "mesh-a.internal", "https://evil.example", false),
  (.token(principal(.read)), nil, "https://evil.example", false),
]

@Test(arguments: pages)
func aTokenTakesTheRuleOfTheHostAwayAndNothingTakesThatOfTheOriginAway(
  caller: Caller, host: String?, origin: String?, isServed: Bool
) throws {
  let answer = try ask(caller, host: host, origin: origin)
  #expect(answer.status == (isServed ? 200 : 403))
  #expect(isServed || answer.refusal?.reason.hasPrefix("foreign-") == true && answer.text.hasPrefix(#"{"error":"#))
}

@Test func callsOfGRPCAreRefusedByTheSameRules() throws {
  let list = "/meshkit.control.v1.Members/List"
  let node = try view()
  func status(_ caller: Caller, _ path: String) -> RPCStatus? {
    do throws(RPCStatus) {
      _ = try ControlCall(path: path, view: node, caller: caller)
      return nil
    } catch {
      return error
    }
  }
  for path in RPCTable.methods.map({ "/" + $0.name }) + ["/nothing/at-all"] {
    #expect(status(.stranger, path)?.code == 16 && status(.refused(.token), path)?.code == 16, "\(path)")
    #expect(status(.refused(.certificate), path)?.refusal?.reason == "untrusted-certificate")
  }
  let lacking = try #require(status(.token(principal(.observe)), list))
  #expect(lacking.code == 7 && lacking.reason == "SCOPE_MISSING" && lacking.message.contains("mesh.read"))
  #expect(status(.token(principal(.read)), list) == nil && status(.local, list) == nil)
  #expect(status(.token(principal(.read)), "/nothing/at-all")?.code == 12)
}

/// A method that changes the node, since none is served yet.
private func operating(_ caller: Caller, host: String?, origin: String?) throws -> RPCStatus? {
  let entry = RPCTable.Entry(name: "test.v1.Node/Drain", scope: .operate) { HealthRPC.check }
  let node = try view()
  do throws(RPCStatus) {
    _ = try ControlCall(
      path: "/test.v1.Node/Drain", of: [entry], host: host, origin: origin, view: node, caller: caller)
    return nil
  } catch {
    return error
  }
}

@Test(arguments: [
  Caller.token(principal(.operate)), .certificate(principal(.operate), isLocal: true),
  .certificate(principal(.operate), isLocal: false), .local,
])
func whatChangesTheNodeTakesNoForeignPageOverGRPCAsOverHTTP(caller: Caller) throws {
  for (host, origin) in [
    ("localhost:8080", nil), ("localhost:8080", "https://localhost:8080"), ("localhost:8080", "http://localhost:8080"),
    ("localhost:8080", "https://localhost:9"), ("localhost:8080", "null"), ("localhost:8080", "https://evil.example"),
  ] as [(String, String?)] {
    let route = try ask(caller, "POST", "/v1/node/drain", host: host, origin: origin)
    let call = try operating(caller, host: host, origin: origin)
    // Over HTTP the guard of all routes comes before; what it lets through meets the one of operations.
    let isPage = route.refusal?.reason == "foreign-origin"
    #expect(isPage == (call?.reason == "WEB_PAGE"), "\(caller) \(origin ?? "none")")
    #expect((call == nil) == (route.status == 202), "\(caller) \(origin ?? "none")")
  }
}

@Test func aRefusalTellsWhoItWasAndWhatWasMissing() throws {
  func told(_ caller: Caller, _ method: String = "GET", _ target: String = "/metrics", origin: String? = nil) throws
    -> [String]
  {
    let refusal = try #require(try ask(caller, method, target, origin: origin).refusal)
    return [refusal.reason, refusal.principal, refusal.missing]
  }
  #expect(try told(.token(principal(.read))) == ["scope", "anna", "mesh.observe"])
  #expect(try told(.local, "POST", "/v1/node/drain") == ["no-credential", "(loopback)", "mesh.operate"])
  #expect(try told(.stranger) == ["no-credential", "(unknown)", ""])
  #expect(try told(.refused(.token)) == ["unknown-token", "(unknown)", ""])
  let page = "https://evil.example"
  #expect(try told(.token(principal(.observe)), origin: page) == ["foreign-origin", "anna", ""])
  #expect(
    try told(.local, "POST", "/v1/node/drain", origin: "http://localhost:9") == ["foreign-origin", "(loopback)", ""])
}

@Test func aScopeFieldIsReadAsTheContractSaysAndUnknownWordsGiveNothing() {
  for field in [
    "mesh.read mesh.operate", "MESH.READ;mesh.Operate", " mesh.operate ,, mesh.read,x", "mesh.operate;mesh.read",
  ] {
    #expect(ControlScopes(field: field) == [.read, .operate], "\(field)")
  }
  for field in ["", " ;,", "mesh.reads", "mesh", "mesh.read\tmesh.operate", "*"] {
    #expect(ControlScopes(field: field) == [], "\(field)")
  }
}

@Test func onlyWhoDelegatesIsNarrowedByAScopeFieldAndNobodyIsWidened() {
  let gateway = principal([.read, .observe], delegates: true)
  #expect(gateway.narrowed(to: [.read, .operate, .admin]).scopes == .read)
  #expect(gateway.narrowed(to: []).scopes == [] && gateway.narrowed(to: nil).scopes == [.read, .observe])
  #expect(principal([.read, .observe]).narrowed(to: []).scopes == [.read, .observe])
}

@Test func anAuthorizationFieldHoldsOneTokenOrIsNoCredential() {
  #expect(BearerField([]) == .absent)
  for (value, token) in [
    ("Bearer abc", "abc"), ("bEARER   a-._~+/=", "a-._~+/="), ("Bearer " + filled(512), filled(512)),
  ] {
    #expect(BearerField([value]) == .token(token))
  }
  for value in [
    "", "Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer \u{E9}", "Basic YTpi", "BearerX abc", "Bearer\tabc",
    "Bearer " + filled(513), "abc",
  ] {
    #expect(BearerField([value]) == .unreadable, "\(value.prefix(20))")
  }
  #expect(BearerField(["Bearer abc", "Bearer abc"]) == .unreadable, "which of the two would count?")
}

private func filled(_ count: Int) -> String { String(repeating: "x", count: count) }

@Test func nobodyElseCanBeTakenForAPrincipalInARecord() {
  #expect(Caller.local.name == "(loopback)" && Caller.stranger.name == "(unknown)")
  #expect(Caller.token(principal(.read)).name == "anna")
}
