import Glibc
import MeshBasics
import MeshSecurity
import MeshTransport

/// One end of the measured links: a transport on a thread of its own, and what it reported.
final class End: @unchecked Sendable {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let transport: LinkTransport
  private let reports: Mailbox<LinkEvent>
  private var thread = pthread_t()
  private var lastLink: UInt64 = 0

  init(certificates folder: String, node: String) throws {
    var security = SecurityOptions()
    security.certificatePath = "\(folder)/\(node).pem"
    security.keyPath = "\(folder)/\(node)-key.pem"
    security.trustBundlePath = "\(folder)/ca.pem"
    var options = LinkOptions()
    options.bindAddress = "127.0.0.1"
    options.port = 0
    let reports = Mailbox<LinkEvent>(capacity: 65_536)
    self.reports = reports
    transport = try LinkTransport(options: options, security: try NodeSecurity(options: security)) { event in
      _ = reports.post(event)
    }
    pthread_create(&thread, nil, runTransport, Unmanaged.passRetained(transport).toOpaque())
  }

  /// A new end with a certificate of `authority`.
  static func make(_ node: String, of authority: DevelopmentAuthority) throws -> End {
    guard let name = NodeID(node) else { throw Failure(description: "'\(node)' is no node id") }
    _ = try authority.issue([.init(node: name, role: "bench")])
    return try End(certificates: authority.directory, node: node)
  }

  /// What the transport counted under `name`.
  func count(_ name: String) -> Int64 { transport.statistics.first { $0.name == name }?.value ?? 0 }

  func send(_ message: [UInt8], on link: LinkID) { _ = transport.mailbox.post(.send(link, message)) }

  /// Waits for the next message, and says on which link it came.
  func receive() throws -> LinkID {
    var link: LinkID?
    try wait { event in
      if case .received(let from, let message) = event {
        message.taken()
        link = from
      }
      return link != nil
    }
    guard let link else { throw Failure(description: "no message") }
    return link
  }

  /// Dials `other` and waits until the stream is open.
  @discardableResult
  func open(to other: End) throws -> LinkID {
    lastLink += 1
    let link = LinkID.dialed(lastLink)
    guard let address = SocketAddress(literal: "127.0.0.1", port: other.transport.port),
      transport.mailbox.post(.dial(link, address, serverName: ""))
    else { throw Failure(description: "cannot dial") }
    try wait { event in
      if case .opened(link, _) = event { return true }
      return false
    }
    return link
  }

  func openAndClose(to other: End, count: Int) throws {
    for _ in 0..<count {
      let link = try open(to: other)
      _ = transport.mailbox.post(.close(link, reason: "measured"))
      try other.wait { event in
        if case .closed = event { return true }
        return false
      }
    }
  }

  func stop() {
    _ = transport.mailbox.post(.stop)
    pthread_join(thread, nil)
  }

  private func wait(for isMeant: (LinkEvent) -> Bool) throws {
    var events: [LinkEvent] = []
    let end = MonotonicClock.now() + .seconds(10)
    while MonotonicClock.now() < end {
      reports.wait(timeout: .milliseconds(100))
      reports.drain(into: &events)
      if events.contains(where: isMeant) { return }
      events.removeAll()
    }
    throw Failure(description: "nothing happened within 10 s")
  }
}

private func runTransport(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  Unmanaged<LinkTransport>.fromOpaque(argument).takeRetainedValue().run()
  return nil
}
