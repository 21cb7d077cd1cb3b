import MeshBasics
import MeshSecurity
import MeshTransport

/// The `work` thread: what may block for seconds. It resolves names, and looks after the certificate files.
final class WorkWorker: Sendable {
  private struct Request: Sendable {
    let link: LinkID
    let endpoint: Endpoint
  }

  /// What came of a piece of work.
  enum Outcome: Sendable {
    case resolved(LinkID, SocketAddress, Endpoint)
    case unresolved(LinkID, reason: String)
    case certificateReloaded
    case certificateReloadFailed(reason: String)
  }

  private static let mailboxCapacity = 1_024
  /// Looking at a few files costs a few system calls, so replaced certificates are noticed within a second.
  private static let lookInterval = Duration.seconds(1)

  private let security: NodeSecurity
  private let lookEvery: Duration
  private let mailbox: Mailbox<Request>
  private let report: @Sendable (Outcome) -> Void

  init(security: NodeSecurity, reloadInterval: Duration, report: @escaping @Sendable (Outcome) -> Void) {
    self.security = security
    self.report = report
    lookEvery = min(reloadInterval, WorkWorker.lookInterval)
    mailbox = Mailbox(capacity: WorkWorker.mailboxCapacity)
  }

  /// Finds the address of `endpoint`, for `link`. False when too much is waiting already, or after `stop`.
  func resolve(_ endpoint: Endpoint, for link: LinkID) -> Bool {
    mailbox.post(Request(link: link, endpoint: endpoint))
  }

  /// Lets the thread end after the work at hand: what waits behind it is of no use any more.
  func stop() { mailbox.close() }

  /// The body of the thread.
  func run() {
    var requests: [Request] = []
    var nextLook = MonotonicClock.now() + lookEvery
    var lastFailure: String?
    func lookIfDue() {
      guard MonotonicClock.now() >= nextLook else { return }
      lookAtCertificates(&lastFailure)
      nextLook = MonotonicClock.now() + lookEvery
    }
    while !mailbox.isClosed {
      mailbox.wait(timeout: nextLook.since(MonotonicClock.now()))
      requests.removeAll(keepingCapacity: true)
      mailbox.drain(into: &requests)
      for request in requests where !mailbox.isClosed {
        perform(request)
        // A resolver that doesn't answer takes seconds for each name; new certificates don't wait for all of them.
        lookIfDue()
      }
      lookIfDue()
    }
  }

  private func perform(_ request: Request) {
    do throws(TransportError) {
      guard let address = try SocketAddress.resolve(request.endpoint).first else {
        report(.unresolved(request.link, reason: "\(request.endpoint.host): no address"))
        return
      }
      report(.resolved(request.link, address, request.endpoint))
    } catch {
      report(.unresolved(request.link, reason: error.description))
    }
  }

  /// Tries again at every look, and reports a failure once until it changes or ends.
  private func lookAtCertificates(_ lastFailure: inout String?) {
    do throws(SecurityError) {
      if try security.reloadIfChanged() { report(.certificateReloaded) }
      lastFailure = nil
    } catch {
      if lastFailure != error.description { report(.certificateReloadFailed(reason: error.description)) }
      lastFailure = error.description
    }
  }
}
