import Foundation
import MeshControl
import MeshSecurity
import MeshTransport
import Testing

@testable import MeshRuntime

// Who may ask a running node for what. One at a time: the threads of one test must not starve those of another.
@Suite(.serialized) struct AccessTests {
  /// A file of principals, and a token for each of their names.
  private final class Principals {
    let path: String
    private let folder: String
    private var tokens: [String: String] = [:]

    init(_ mesh: TestMesh) {
      folder = mesh.folder
      path = "\(mesh.folder)/principals.json"
    }

    /// Writes the file anew: names with their scopes, in JSON, and more members of the entry.
    func write(_ entries: [(name: String, scopes: String, more: String)]) throws {
      let texts = try entries.map { name, scopes, more in
        let digest = BearerToken.digest(of: try token(name)).map { String(format: "%02x", $0) }.joined()
        return #"{"name":"\#(name)","scopes":[\#(scopes)],"tokenSha256":["\#(digest)"]\#(more)}"#
      }
      try replace(#"{"principals":[\#(texts.joined(separator: ","))]}"#)
    }

    func replace(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }

    func token(_ name: String) throws -> String {
      if let token = tokens[name] { return token }
      let file = "\(folder)/\(name).token"
      try BearerToken.make().save(to: file)
      let token = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
      tokens[name] = token
      return token
    }
  }

  private func open(
    _ mesh: TestMesh, _ principals: Principals, _ change: (inout NodeConfiguration) -> Void = { _ in }
  ) throws -> Node {
    var configuration = try mesh.configuration("a")
    configuration.principalsPath = principals.path
    configuration.certificateReloadInterval = .milliseconds(50)
    change(&configuration)
    return try Node.open(configuration)
  }

  private func ask(_ node: Node, _ path: String, _ method: String = "GET", token: String? = nil) throws -> HTTPResponse
  {
    let url = "http://127.0.0.1:\(node.controlPort)\(path)"
    return try HTTPClient.request(method, url: url, timeout: .seconds(10), token: token)
  }

  private func records(_ stream: EventStream, _ name: String) throws -> [LogRecord] {
    var found: [LogRecord] = []
    while let event = try stream.next(timeout: .zero) {
      if case .log(let record) = event.payload, record.eventName == name { found.append(record) }
    }
    return found
  }

  @Test func aTokenGivesItsScopesAndRecordsNameThePrincipal() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("anna", #""mesh.operate""#, ""), ("prometheus", #""mesh.observe""#, "")])
    let node = try open(mesh, principals)
    let (events, others) = (try EventStream(capacity: 256), try EventStream(capacity: 256))
    for stream in [events, others] { try node.subscribe(stream, topics: .log) }
    let (anna, prometheus) = (try principals.token("anna"), try principals.token("prometheus"))
    #expect(try ask(node, "/v1/node/drain", "POST", token: anna).status == 202)
    #expect(try ask(node, "/metrics", token: prometheus).status == 200)
    let lacking = try ask(node, "/v1/node/drain", "POST", token: prometheus)
    #expect(lacking.status == 403 && String(decoding: lacking.body, as: UTF8.self).contains("prometheus"))
    #expect(try ask(node, "/control/peers", token: anna).status == 403, "a principal has what its entry says, no more")
    let wrong = try ask(node, "/healthz", token: anna + "0")
    #expect(wrong.status == 401 && wrong.header("WWW-Authenticate")?.contains("invalid_token") == true)
    let nobody = try ask(node, "/v1/node/drain", "POST")
    #expect(nobody.status == 401 && nobody.header("WWW-Authenticate") == #"Bearer realm="meshkit""#)
    #expect(try ask(node, "/control/peers").status == 200)
    var told: [LogRecord] = []
    try eventually("the operation is told") {
      told += try records(events, "MeshControlOperation")
      return !told.isEmpty
    }
    #expect(told.count == 1 && told[0].fields.map(\.value).prefix(1) == ["anna"])
    #expect(told[0].field("Operation") == "drain" && told[0].field("Verdict") == "accepted")
    #expect(told[0].field("PeerId").hasPrefix("127.0.0.1:"))
    let metrics = String(decoding: try ask(node, "/metrics").body, as: UTF8.self)
    for line in [#"{reason="scope"} 2"#, #"{reason="unknown-token"} 1"#, #"{reason="no-credential"} 1"#] {
      #expect(metrics.contains("mesh_control_refused_total" + line), "\(line)")
    }
    #expect(!metrics.contains("mkt_"))
    var refused: [LogRecord] = []
    try eventually("the refusals are told") {
      refused += try records(others, "MeshControlRefused")
      return refused.count >= 4
    }
    let facts = refused.map { [$0.field("Reason"), $0.field("Principal"), $0.field("Scope")] }
    #expect(
      facts == [
        ["scope", "prometheus", "mesh.operate"], ["scope", "anna", "mesh.read"], ["unknown-token", "(unknown)", ""],
        ["no-credential", "(loopback)", "mesh.operate"],
      ])
    #expect(!refused.contains { "\($0)".contains("mkt_") })
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func whoIsTakenOffTheFileLosesTheNextRequestAndTheStreamThatGoesOn() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("anna", #""mesh.read""#, "")])
    let node = try open(mesh, principals)
    let anna = try principals.token("anna")
    let watch = try Watcher(url: "http://127.0.0.1:\(node.controlPort)", token: anna)
    try eventually("the watch tells a snapshot") { watch.text.contains("members.snapshot") }
    // As good as the one before.
    try principals.write([("anna", #""mesh.read""#, ""), ("bert", #""mesh.read""#, "")])
    try eventually("bert is known") {
      try ask(node, "/control/peers", token: try principals.token("bert")).status == 200
    }
    #expect(try !watch.hasEnded && ask(node, "/control/peers", token: anna).status == 200)
    // A broken file changes nothing.
    try principals.replace(#"{"principals":[{"name":"anna","scopes":["mesh.write"]}]}"#)
    try eventually("the failure is counted") {
      String(decoding: try ask(node, "/metrics").body, as: UTF8.self).contains(
        #"mesh_principals_reloads_total{outcome="failure"} 1"#)
    }
    #expect(try !watch.hasEnded && ask(node, "/control/peers", token: anna).status == 200)
    try principals.write([("bert", #""mesh.read""#, "")])
    try eventually("the stream of anna ends") { watch.hasEnded }
    #expect(try ask(node, "/control/peers", token: anna).status == 401)
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func aScopeThatIsTakenAwayEndsTheStreamThatNeedsIt() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("anna", #""mesh.read","mesh.observe""#, "")])
    let node = try open(mesh, principals)
    let anna = try principals.token("anna")
    let watch = try Watcher(url: "http://127.0.0.1:\(node.controlPort)", token: anna)
    try eventually("the watch tells a snapshot") { watch.text.contains("members.snapshot") }
    try principals.write([("anna", #""mesh.observe""#, "")])
    try eventually("the stream ends") { watch.hasEnded }
    #expect(
      try ask(node, "/control/peers", token: anna).status == 403 && ask(node, "/healthz", token: anna).status == 200)
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func aRevokedCertificateIsGoodForNothingOnAConnectionThatIsOpen() throws {
    let mesh = try TestMesh(["a", "client"])
    let principals = Principals(mesh)
    try principals.write([("client", #""mesh.read""#, #","nodes":["client"]"#)])
    let node = try open(mesh, principals) { configuration in
      configuration.controlTLS = .on
      configuration.revocationListPath = mesh.authority.revocationListPath
    }
    var tls = TLSClientOptions()
    tls.authorityPath = mesh.authority.authorityPath
    (tls.certificatePath, tls.keyPath) = ("\(mesh.folder)/certs/client.pem", "\(mesh.folder)/certs/client-key.pem")
    let url = "https://localhost:\(node.controlPort)"
    // By its certificate it may read and not observe, although everybody on this host may.
    #expect(try HTTPClient.get(url: url + "/control/peers", timeout: .seconds(10), tls: tls).status == 200)
    #expect(try HTTPClient.get(url: url + "/healthz", timeout: .seconds(10), tls: tls).status == 403)
    let watch = try Watcher(url: url, tls: tls)
    try eventually("the watch tells a snapshot") { watch.text.contains("members.snapshot") }
    try mesh.authority.revoke([try #require(NodeID("client"))])
    try eventually("the stream ends") { watch.hasEnded }
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func aRevocationCountsAlsoWhileTheNodesOwnCertificateCanNotBeRead() throws {
    let mesh = try TestMesh(["a", "client"])
    let principals = Principals(mesh)
    try principals.write([("client", #""mesh.read""#, #","nodes":["client"]"#)])
    let node = try open(mesh, principals) { configuration in
      configuration.controlTLS = .on
      configuration.revocationListPath = mesh.authority.revocationListPath
    }
    let events = try EventStream(capacity: 256)
    try node.subscribe(events, topics: .log)
    var tls = TLSClientOptions()
    tls.authorityPath = mesh.authority.authorityPath
    (tls.certificatePath, tls.keyPath) = ("\(mesh.folder)/certs/client.pem", "\(mesh.folder)/certs/client-key.pem")
    let watch = try Watcher(url: "https://localhost:\(node.controlPort)", tls: tls)
    try eventually("the watch tells a snapshot") { watch.text.contains("members.snapshot") }
    try Data("garbage".utf8).write(to: URL(fileURLWithPath: "\(mesh.folder)/certs/a.pem"))
    try eventually("the failure is told") { try !records(events, "MeshCertificateReloadFailed").isEmpty }
    #expect(!watch.hasEnded)
    try mesh.authority.revoke([try #require(NodeID("client"))])
    try eventually("the stream ends") { watch.hasEnded }
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func beyondLoopbackANodeOpensOnlyWithTLSAndPrincipals() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("anna", #""mesh.observe""#, "")])
    func open(_ tls: ControlTLS, _ path: String?) -> (node: Node?, message: String) {
      do {
        var configuration = try mesh.configuration("a")
        (configuration.controlAddress, configuration.controlTLS) = ("0.0.0.0", tls)
        configuration.principalsPath = path
        return (try Node.open(configuration), "")
      } catch {
        return (nil, (error as? MeshError)?.message ?? "\(error)")
      }
    }
    for (tls, path) in [(ControlTLS.off, principals.path), (.on, nil), (.mutual, nil), (.off, nil)] {
      #expect(open(tls, path).message.contains("mesh:control:address: '0.0.0.0' can be reached from other machines"))
    }
    #expect(open(.on, principals.path + ".none").message.contains("mesh:control:principalsPath: principals file"))
    let node = try #require(open(.on, principals.path).node)
    var tls = TLSClientOptions()
    tls.authorityPath = mesh.authority.authorityPath
    // Its own host reaches it at a loopback address as before.
    let url = "https://localhost:\(node.controlPort)/healthz"
    #expect(try HTTPClient.get(url: url, timeout: .seconds(10), tls: tls).status == 200)
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func withoutLoopbackScopesThisHostIsServedAsAnyOther() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("probe", #""mesh.observe""#, "")])
    let node = try open(mesh, principals) { $0.controlScopes = [] }
    for path in ["/healthz", "/readyz", "/metrics", "/control/peers", "/nothing"] {
      let answer = try ask(node, path)
      #expect(answer.status == 401 && answer.header("WWW-Authenticate") == #"Bearer realm="meshkit""#, "\(path)")
    }
    let token = try principals.token("probe")
    #expect(try ask(node, "/healthz", token: token).status == 200)
    #expect(try ask(node, "/control/peers", token: token).status == 403)
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func furtherListenersServeTheSameAndTellTheirPorts() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("anna", #""mesh.observe""#, "")])
    let node = try open(mesh, principals) { configuration in
      configuration.furtherControlListeners = [
        ControlListener(address: "127.0.0.1", port: 0, speaksTLS: false),
        ControlListener(address: "0.0.0.0", port: 0, speaksTLS: true),
      ]
    }
    let events = try EventStream(capacity: 256)
    try node.subscribe(events, topics: .log)
    let told = try records(events, "MeshControlListening")
    let listeners = node.controlListeners
    #expect(listeners.map(\.address) == ["127.0.0.1", "127.0.0.1", "0.0.0.0"] && listeners[0].port == node.controlPort)
    #expect(Set(listeners.map(\.port)).count == 3 && !listeners.map(\.port).contains(0))
    #expect(told.map { $0.field("Port") } == listeners.map { "\($0.port)" })
    #expect(told.map { $0.field("Tls") } == ["false", "false", "true"])
    let clear = "http://127.0.0.1:\(listeners[1].port)/control/peers"
    #expect(try HTTPClient.get(url: clear, timeout: .seconds(10)).status == 200)
    var tls = TLSClientOptions()
    tls.authorityPath = mesh.authority.authorityPath
    let secure = "https://localhost:\(listeners[2].port)/control/peers"
    #expect(try HTTPClient.get(url: secure, timeout: .seconds(10), tls: tls).status == 200)
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func aFurtherListenerThatCanNotBeOpenedIsNamed() throws {
    let mesh = try TestMesh(["a"])
    let node = try Node.open(try mesh.configuration("a"))
    for (listener, part) in [
      (
        ControlListener(address: "127.0.0.1", port: node.controlPort, speaksTLS: false), "127.0.0.1:\(node.controlPort)"
      ),
      (ControlListener(address: "10.0.0.1", port: 9, speaksTLS: true), "'10.0.0.1:9' can be reached"),
      (ControlListener(address: "0.0.0.0", port: 9, speaksTLS: false), "'0.0.0.0:9' can be reached"),
    ] {
      var configuration = try mesh.configuration("a")
      configuration.furtherControlListeners = [listener]
      let error = #expect(throws: MeshError.self) { _ = try Node.open(configuration) }
      let message = error?.message ?? ""
      #expect(message.hasPrefix("mesh:control:alsoListenOn: ") && message.contains(part), "\(message)")
    }
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func theListenerIsToldWhichPrincipalARequestShows() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("anna", #""mesh.observe""#, "")])
    let node = try open(mesh, principals)
    func caller(_ path: String, _ token: String?, remote: String) -> String? {
      var request = HTTPRequest()
      (request.method, request.target, request.headers) = ("GET", path, [HTTPField("Host", "localhost")])
      if let token { request.headers.append(HTTPField("Authorization", "Bearer \(token)")) }
      request.remote = SocketAddress(literal: remote, port: 1)
      return node.core.principal(of: request)
    }
    let token = try principals.token("anna")
    for remote in ["127.0.0.1", "10.0.0.7"] {
      #expect(caller("/healthz", token, remote: remote) == "anna")
      #expect(caller("/healthz", nil, remote: remote) == nil && caller("/healthz", token + "0", remote: remote) == nil)
    }
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func onePrincipalHasHalfOfTheWatchesOnHoweverManyStreams() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("anna", #""mesh.read""#, ""), ("bert", #""mesh.read""#, "")])
    let node = try open(mesh, principals)
    func watch(_ name: String) throws -> HTTPAnswer {
      var request = HTTPRequest()
      (request.method, request.target) = ("GET", "/v1/members?watch=true")
      request.headers = [
        HTTPField("Host", "localhost"), HTTPField("Authorization", "Bearer \(try principals.token(name))"),
      ]
      request.remote = SocketAddress(literal: "127.0.0.1", port: 1)
      return node.core.answer(request)
    }
    var watches = try (0..<WatchLimits.watchesPerPrincipalMax).map { _ in try watch("anna") }
    #expect(watches.allSatisfy { $0.response.status == 200 })
    #expect(try watch("anna").response.status == 503 && watch("bert").response.status == 200)
    watches.removeLast()
    #expect(try watch("anna").response.status == 200)
    watches = []
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func onePrincipalsWatchesLeavePlacesForThoseOfOthers() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("anna", #""mesh.read""#, ""), ("bert", #""mesh.read""#, "")])
    let node = try open(mesh, principals)
    func watch(_ name: String) throws -> OpenWatch {
      try OpenWatch(port: node.controlPort, token: try principals.token(name))
    }
    let most = EdgeOptions().connectionsPerCallerMax
    #expect(most == EdgeOptions().connectionsMax / 2)
    var watches: [OpenWatch] = []
    for _ in 0..<most {
      let watch = try watch("anna")
      #expect(watch.isServed())
      watches.append(watch)
    }
    #expect(try !watch("anna").isServed() && watch("bert").isServed())
    let metrics = String(decoding: try ask(node, "/metrics").body, as: UTF8.self)
    #expect(metrics.contains(#"mesh_limits_reached_total{limit="control connections of one caller"} 1"#))
    watches.removeLast()
    try eventually("a place is free again") { try watch("anna").isServed() }
    try node.stopAndWait(timeout: .seconds(10))
  }

  @Test func aRequestFromElsewhereNeedsAPrincipalOnEveryPath() throws {
    let mesh = try TestMesh(["a"])
    let principals = Principals(mesh)
    try principals.write([("probe", #""mesh.observe""#, #","delegates":true"#)])
    let node = try open(mesh, principals)
    func ask(_ path: String, _ fields: [HTTPField], remote: String? = "10.0.0.7") -> Int {
      var request = HTTPRequest()
      (request.method, request.target, request.headers) = ("GET", path, [HTTPField("Host", "a.internal")] + fields)
      request.remote = remote.flatMap { SocketAddress(literal: $0, port: 1) }
      return node.core.answer(request).response.status
    }
    let token = HTTPField("AUTHORIZATION", "Bearer \(try principals.token("probe"))")
    for path in ["/healthz", "/nothing", "/control/peers"] {
      #expect(ask(path, []) == 401 && ask(path, [], remote: nil) == 401 && ask(path, [], remote: "127.0.0.1") == 403)
    }
    #expect(ask("/healthz", [token]) == 200 && ask("/control/peers", [token]) == 403 && ask("/nothing", [token]) == 404)
    #expect(ask("/healthz", [token], remote: "127.0.0.1") == 200, "a token takes the rule of the Host away")
    #expect(ask("/healthz", [token, token]) == 401)
    // It delegates: the field narrows what it may do, and can't widen it.
    #expect(ask("/healthz", [token, HTTPField("x-mesh-scope", "mesh.read")]) == 403)
    #expect(ask("/control/peers", [token, HTTPField("x-mesh-scope", "mesh.read")]) == 403)
    #expect(ask("/healthz", [token, HTTPField("x-mesh-scope", "x"), HTTPField("x-mesh-scope", "mesh.observe")]) == 200)
    #expect(ask("/healthz", [HTTPField("x-mesh-scope", "mesh.observe")]) == 401)
    try node.stopAndWait(timeout: .seconds(10))
  }
}

/// Follows the members of a node on a thread of its own.
private final class Watcher: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards it.
  private let lock = NSLock()
  private var heard = ""
  private var isOver = false

  init(url: String, tls: TLSClientOptions = TLSClientOptions(), token: String? = nil) throws {
    Thread.detachNewThread { [self] in
      _ = try? HTTPClient.stream(
        url: url + "/v1/members?watch=true", timeout: .seconds(20), silence: .seconds(60), tls: tls, token: token
      ) { piece in
        lock.withLock { heard += String(decoding: piece, as: UTF8.self) }
        return true
      }
      lock.withLock { isOver = true }
    }
  }

  var text: String { lock.withLock { heard } }
  var hasEnded: Bool { lock.withLock { isOver } }
}

/// A request to follow the members, on a socket of its own. Reads give up after 20 s.
private final class OpenWatch {
  private let socket: Int32

  init(port: UInt16, token: String) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let address = try #require(SocketAddress(literal: "127.0.0.1", port: port))
    #expect(address.withSockaddr { Glibc.connect(socket, $0, $1) } == 0)
    let text =
      "GET /v1/members?watch=true HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
      + "Authorization: Bearer \(token)\r\n\r\n"
    _ = send(socket, text, text.utf8.count, Int32(MSG_NOSIGNAL))
  }

  deinit { close(socket) }

  /// Whether its answer begins; false when the connection ends before.
  func isServed() -> Bool {
    var text = ""
    var chunk = [UInt8](repeating: 0, count: 4096)
    while !text.contains("\r\n\r\n") {
      let count = recv(socket, &chunk, chunk.count, 0)
      if count <= 0 { return false }
      text += String(decoding: chunk.prefix(count), as: UTF8.self)
    }
    return text.hasPrefix("HTTP/1.1 200 ")
  }
}
