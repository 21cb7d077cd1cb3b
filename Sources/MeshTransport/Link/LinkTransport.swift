// The door of the mesh listener. What happens behind it is in LinkLoop.swift.
import MeshBasics
import MeshSecurity
import MeshThreads

/// The mesh listener and its links: QUIC, HTTP/3, gRPC framing. One thread runs it; the mailbox is its only door.
public final class LinkTransport: @unchecked Sendable {
  // Sendable although `loop` is not: only the thread in `run()` touches it after `init`.
  private let loop: LinkLoop

  /// What the runtime asks of the link thread. A full box (65,536 commands) refuses.
  public let mailbox: Mailbox<LinkCommand>
  /// The most messages that the peers of a listener may have waiting with the reader of its events: who bounds his
  /// queue by it never has to drop one of an open connection.
  public static let messagesWaitingMax = LinkLimits.openMax * LinkLimits.creditMessagesMax
  /// The method by which a node is asked how it is; the reader of the events answers it.
  public static let healthMethod = MeshRequest.healthMethod
  /// The bound port (of use when 0 was asked for).
  public let port: UInt16

  /// Binds UDP and loads the certificate. `deliver` is called on the link thread; it must not block.
  ///
  /// *Errors*: a bind address that is no literal, an address or port that can't be bound (`addressInUse` when another
  /// process has it), a certificate that GnuTLS can't use, no descriptors left.
  public convenience init(
    options: LinkOptions, security: NodeSecurity, deliver: @escaping @Sendable (LinkEvent) -> Void
  ) throws(TransportError) {
    try self.init(options: options, limits: LinkLimits(), security: security, deliver: deliver)
  }

  init(
    options: LinkOptions, limits: LinkLimits, security: NodeSecurity, deliver: @escaping @Sendable (LinkEvent) -> Void
  ) throws(TransportError) {
    mailbox = Mailbox(capacity: limits.commandsMax)
    loop = try LinkLoop(options: options, limits: limits, security: security, mailbox: mailbox, deliver: deliver)
    port = loop.port
  }

  /// Body of the link thread; returns after `.stop`, with every connection closed and every descriptor freed except
  /// the mailbox's, which lives as long as this object. Call it once.
  public func run() { loop.run() }

  /// Connections, links, datagrams, bytes: name and value, since the start. Any thread.
  public var statistics: [(name: String, value: Int64)] { loop.published.value.list }
}

/// A value that one thread publishes and others read.
final class Published<Value: Sendable>: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards it.
  private let lock = Lock()
  private var current: Value

  init(_ value: Value) { current = value }
  var value: Value {
    get { lock.locked { current } }
    set { lock.locked { current = newValue } }
  }
}
