import MeshBasics
import MeshControl
import MeshSecurity
import MeshTransport

/// What a request shows of its caller. Kept for as long as the answer goes on, so that it can be judged again.
struct Credential: Sendable {
  enum Token: Equatable, Sendable {
    case absent, unreadable
    /// The SHA-256 of one; the token itself is not kept.
    case digest([UInt8])
  }

  let remote: SocketAddress?
  let token: Token
  let identity: PeerIdentity?
  let chain: [[UInt8]]
  /// What `x-mesh-scope` asks for.
  let scopes: ControlScopes?

  init(of request: HTTPRequest) {
    remote = request.remote
    identity = request.peer
    chain = request.peerChain
    switch BearerField(request.values("authorization")) {
    case .absent: token = .absent
    case .unreadable: token = .unreadable
    case .token(let text): token = .digest(BearerToken.digest(of: text))
    }
    let wishes = request.values("x-mesh-scope")
    // Over gRPC the last one counts, over HTTP all together (contracts: grpc, http §9).
    let wish = request.comesInParts ? wishes.last : wishes.isEmpty ? nil : wishes.joined(separator: ",")
    scopes = wish.map { ControlScopes(field: $0) }
  }

  var isLocal: Bool { remote?.isLoopback ?? false }
}

/// Finds out who asks. On the edge thread only, like the answers that it is for.
///
/// A certificate was judged when its connection was opened. It is judged again when the files of trust have changed,
/// and now and then, since certificates and lists expire: a verdict lives for `verdictLife` at most.
final class CallerFinder: @unchecked Sendable {
  // Sendable although it has variables: they belong to the edge thread.
  static let verdictLife = Duration.seconds(10)
  /// Verdicts that are kept; with more, all are made anew.
  private static let verdictsMax = 128

  private let security: NodeSecurity
  private let principals: PrincipalsFile?
  private let cluster: String
  private let servesOwnHost: Bool
  private var verdicts: [[[UInt8]]: Result<PeerIdentity, TrustRefusal>] = [:]
  private var verdictsGeneration: UInt64 = 0
  private var verdictsEnd = Instant.origin

  /// `servesOwnHost`: who is on this host may do something without a credential.
  init(security: NodeSecurity, principals: PrincipalsFile?, cluster: String, servesOwnHost: Bool) {
    self.security = security
    self.servesOwnHost = servesOwnHost
    self.principals = principals
    self.cluster = cluster
  }

  /// Whether credentials can help anybody.
  var hasPrincipals: Bool { principals != nil }

  /// Who shows `credential`.
  ///
  /// A connection whose certificate isn't trusted any more is good for nothing, a token included: it would not be
  /// opened now. Otherwise a token comes before the certificate: it is shown on purpose, a certificate is often shown
  /// by default.
  func caller(_ credential: Credential, _ now: Instant) -> Caller {
    if !credential.chain.isEmpty, case .failure = verdict(credential.chain, now) { return .refused(.certificate) }
    // Nothing could judge it again.
    if credential.identity != nil, credential.chain.isEmpty { return .refused(.certificate) }
    let known = principals?.current.list
    switch credential.token {
    case .unreadable: return .refused(.token)
    case .digest(let digest):
      guard let principal = known?.principal(tokenDigest: digest) else { return .refused(.token) }
      return .token(principal.narrowed(to: credential.scopes))
    case .absent: break
    }
    if let identity = credential.identity, let principal = known?.principal(of: identity, cluster: cluster) {
      return .certificate(principal.narrowed(to: credential.scopes), isLocal: credential.isLocal)
    }
    return credential.isLocal && servesOwnHost ? .local : .stranger
  }

  /// What tells whether something may have changed: the principals, the files of trust, and the time.
  func stamp(_ now: Instant) -> Stamp {
    Stamp(
      principals: principals?.current.number ?? 0, trust: security.generation,
      end: now + CallerFinder.verdictLife)
  }

  struct Stamp {
    fileprivate let principals: UInt64
    fileprivate let trust: UInt64
    fileprivate let end: Instant

    /// Whether what was found at this stamp still holds at `other`.
    func holds(at other: Stamp, _ now: Instant) -> Bool {
      principals == other.principals && trust == other.trust && now < end
    }
  }

  private func verdict(_ chain: [[UInt8]], _ now: Instant) -> Result<PeerIdentity, TrustRefusal> {
    let generation = security.generation
    if generation != verdictsGeneration || now >= verdictsEnd || verdicts.count >= CallerFinder.verdictsMax {
      (verdicts, verdictsGeneration, verdictsEnd) = ([:], generation, now + CallerFinder.verdictLife)
    }
    if let verdict = verdicts[chain] { return verdict }
    let verdict = security.judge(chain: chain, peerIsClient: true)
    verdicts[chain] = verdict
    return verdict
  }
}

/// Lets an answer go on for as long as its caller may have it.
struct Permit {
  private let credential: Credential
  private let scope: ControlScopes
  private let loopback: ControlScopes
  private let finder: CallerFinder
  private var stamp: CallerFinder.Stamp

  /// A permit for `credential`, which had `scope` after `stamp`. Callers on this host without one may do `loopback`.
  init(
    _ credential: Credential, _ scope: ControlScopes, loopback: ControlScopes, _ finder: CallerFinder,
    since stamp: CallerFinder.Stamp
  ) {
    self.credential = credential
    self.scope = scope
    self.loopback = loopback
    self.finder = finder
    self.stamp = stamp
  }

  /// Where its caller is, for records.
  var remote: SocketAddress? { credential.remote }

  /// Why the answer must end; nil while it may go on. Costs two locks while nothing has changed.
  mutating func refusal(_ now: Instant) -> Refusal? {
    let current = finder.stamp(now)
    guard !stamp.holds(at: current, now) else { return nil }
    stamp = current
    return Refusal(
      of: finder.caller(credential, now), needing: scope, loopback: loopback, hasPrincipals: finder.hasPrincipals)
  }
}
