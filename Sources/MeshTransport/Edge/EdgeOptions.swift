import MeshBasics
import MeshSecurity

/// What one client of an HTTP listener may take; the defaults are those of the control listener.
public struct EdgeOptions: Equatable, Sendable {
  /// Stands before what is told of limits, with a blank behind it.
  public var prefix = "control "
  /// Open connections, over TCP and as many over QUIC; with more, the one idle for longest is closed, or the newest
  /// waits in the kernel, and over QUIC gets no answer.
  public var connectionsMax = 256
  /// Of them, over TCP and over QUIC, those that may have answers which their readers may make last: who watches must
  /// not take the last places. More is refused by the answering closure.
  public var stayingConnectionsMax: Int { max(1, connectionsMax - connectionsMax / 4) }
  /// Of them, over TCP and as many over QUIC, those of strangers: clients that have shown no certificate and, with a
  /// request, no other credential yet (`EdgeClients.identify`). With more, the one that came first goes, so that
  /// strangers take each other's places and not those of who is known.
  public var strangersMax = 128
  /// The same of one address, or /64 of IPv6; over QUIC one more is turned away.
  public var strangersPerAddressMax = 64
  /// Clients on this host are no strangers, where no certificate is asked of them.
  public var knowsOwnHost = true
  /// Of them, over TCP and as many over QUIC, those of one caller: whom `EdgeClients.identify` finds in the first
  /// request that shows somebody, or else who holds the key of the certificate. With more, the one of them that is idle
  /// for longest goes; where none is, the new one's request is answered 503. Who needs no credential isn't counted: all
  /// of a host share that.
  public var connectionsPerCallerMax = 128
  /// How long a connection may stay open between two requests.
  public var idleTimeout = Duration.seconds(60)
  /// How long the head of a request may take, from its first byte; also how long a new connection may stay silent.
  public var headTimeout = Duration.seconds(10)
  /// How long the body of a request may take.
  public var bodyTimeout = Duration.seconds(30)
  /// How long an answer may wait without one byte being taken by the reader.
  public var writeTimeout = Duration.seconds(30)
  /// How long `stop()` waits for answers to be taken.
  public var stopTimeout = Duration.seconds(2)
  /// The bodies of all unfinished requests of all connections together; beyond it the longest of a client that brings
  /// more is answered 503.
  public var bodiesBytesMax = 32 * 1024 * 1024
  /// What one message may cost.
  public var message = HTTPLimits()
  /// What the streams of one connection of HTTP/2 or HTTP/3 may cost beside their messages.
  public var streams = StreamLimits()
  /// What one connection of HTTP/2 may cost beside its streams.
  public var http2 = HTTP2Limits()
  /// TLS, by whose credential; nil: clear text.
  public var tls: EdgeTLS?

  /// The limits of a control listener.
  public init() {}

  /// Names `connectionsPerCallerMax` where it is told that it was reached, behind `prefix`.
  static let callerLimit = "connections of one caller"
  /// What the caller is told who has too many.
  var callerFailure: HTTPFailure {
    HTTPFailure(503, "This caller has \(connectionsPerCallerMax) connections, and none of them is idle.")
  }
  /// Names `writeTimeout` where it is told that it was reached.
  var unreadLimit: String { "\(prefix)connection: an answer that is not read" }
  /// Names `bodiesBytesMax` where it is told that it was reached.
  var bodiesLimit: String { "\(prefix)bodies: \(bodiesBytesMax) bytes" }
  /// What the request is told whose body is too much.
  var bodiesFailure: HTTPFailure {
    HTTPFailure(503, "The bodies of all requests are longer than \(bodiesBytesMax) bytes.")
  }
}

/// How a listener speaks TLS.
public struct EdgeTLS: Equatable, Sendable {
  /// Whose certificate is shown, and who judges those of clients. A certificate that it reloads is shown to the next
  /// client.
  let security: NodeSecurity
  /// Clients without a certificate are sent away; otherwise they are only asked for one.
  let requiresClientCertificate: Bool
  /// What is spoken inside, in the order of our choice, by its names of ALPN.
  public var protocols = ["h2", "http/1.1"]
  /// TLS 1.2 is spoken with clients that have no newer one.
  public var allowsTLS12 = false
  /// What the certificates of clients must name.
  public var names = NamesRule.nodes

  /// TLS 1.3 with the credential of `security`, for clients whose certificates name nodes.
  public init(security: NodeSecurity, requiresClientCertificate: Bool) {
    self.security = security
    self.requiresClientCertificate = requiresClientCertificate
  }

  /// Whether both show one credential and ask clients for the same.
  public static func == (left: EdgeTLS, right: EdgeTLS) -> Bool {
    left.security === right.security && left.requiresClientCertificate == right.requiresClientCertificate
      && left.allowsTLS12 == right.allowsTLS12 && left.names == right.names && left.protocols == right.protocols
  }
}

/// Who has a connection, as far as the places of callers are counted.
enum EdgeCaller: Equatable {
  /// Who holds the key of this fingerprint.
  case key(String)
  /// Whom `EdgeClients.identify` named.
  case named(String)

  /// The caller for a log, where its connection has a certificate for `identity` and comes from `address`.
  func text(_ identity: PeerIdentity?, at address: SocketAddress) -> String {
    switch self {
    case .key: peerText(identity, at: address)
    case .named(let name): "\(name) at \(address)"
    }
  }
}
