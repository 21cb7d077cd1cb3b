import MeshBasics
import MeshSecurity
import MeshTransport

/// The `work` thread: what may block for seconds. It resolves names, and looks after the certificate files.
final class WorkWorker: Sendable {
  /// What came of a piece of work.
  enum Outcome: Sendable {
    case lookedUp(host: String, Result<[SocketAddress], TransportError>)
    case certificateReloaded
    case certificateReloadFailed(reason: String)
  }

  private static let mailboxCapacity = 1_024
  /// Looking at a few files costs a few system calls, so replaced certificates are noticed within a second.
  private static let lookInterval = Duration.seconds(1)

  private let security: NodeSecurity
  private let lookEvery: Duration
  private let mailbox: Mailbox<Endpoint>
  private let report: @Sendable (Outcome) -> Void

  init(security: NodeSecurity, reloadInterval: Duration, report: @escaping @Sendable (Outcome) -> Void) {
    self.security = security
    self.report = report
    lookEvery = min(reloadInterval, WorkWorker.lookInterval)
    mailbox = Mailbox(capacity: WorkWorker.mailboxCapacity)
  }

  /// Looks up the host of `endpoint`. False when too much is waiting already, or after `stop`.
  func lookUp(_ endpoint: Endpoint) -> Bool { mailbox.post(endpoint) }

  /// Lets the thread end after the work at hand: what waits behind it is of no use any more.
  func stop() { mailbox.close() }

  /// The body of the thread.
  func run() {
    var requests: [Endpoint] = []
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

  private func perform(_ endpoint: Endpoint) {
    do throws(TransportError) {
      report(.lookedUp(host: endpoint.host, .success(try SocketAddress.resolve(endpoint))))
    } catch {
      report(.lookedUp(host: endpoint.host, .failure(error)))
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
