import MeshBasics
import MeshSecurity
import MeshTransport

/// The `work` thread: it looks after the certificate files and that of the principals.
final class WorkWorker: Sendable {
  /// What came of a piece of work.
  enum Outcome: Sendable {
    case certificateReloaded
    case certificateReloadFailed(reason: String)
    case principalsReloaded
    case principalsReloadFailed(reason: String)
  }

  /// Looking at a few files costs a few system calls, so replaced certificates are noticed within a second.
  private static let lookInterval = Duration.seconds(1)

  private let security: NodeSecurity
  private let principals: PrincipalsFile?
  private let lookEvery: Duration
  /// Wakes the thread for its end; nothing is ever put in.
  private let mailbox = Mailbox<Never>(capacity: 1)
  private let report: @Sendable (Outcome) -> Void

  init(
    security: NodeSecurity, principals: PrincipalsFile?, reloadInterval: Duration,
    report: @escaping @Sendable (Outcome) -> Void
  ) {
    self.security = security
    self.principals = principals
    self.report = report
    lookEvery = min(reloadInterval, WorkWorker.lookInterval)
  }

  /// Lets the thread end after the work at hand.
  func stop() { mailbox.close() }

  /// The body of the thread.
  func run() {
    var nextLook = MonotonicClock.now() + lookEvery
    var lastFailure: String?
    var lastPrincipalsFailure: String?
    while !mailbox.isClosed {
      mailbox.wait(timeout: nextLook.since(MonotonicClock.now()))
      guard !mailbox.isClosed, MonotonicClock.now() >= nextLook else { continue }
      lookAtCertificates(&lastFailure)
      lookAtPrincipals(&lastPrincipalsFailure)
      nextLook = MonotonicClock.now() + lookEvery
    }
  }

  /// Tries again at every look, and reports a failure once until it changes or ends.
  private func lookAtCertificates(_ lastFailure: inout String?) {
    let before = security.generation
    // Also beside a failure: a revocation list doesn't wait for the own certificate.
    defer { if security.generation != before { report(.certificateReloaded) } }
    do throws(SecurityError) {
      _ = try security.reloadIfChanged()
      lastFailure = nil
    } catch {
      if lastFailure != error.description { report(.certificateReloadFailed(reason: error.description)) }
      lastFailure = error.description
    }
  }

  private func lookAtPrincipals(_ lastFailure: inout String?) {
    do throws(SecurityError) {
      if try principals?.reloadIfChanged() == true { report(.principalsReloaded) }
      lastFailure = nil
    } catch {
      if lastFailure != error.description { report(.principalsReloadFailed(reason: error.description)) }
      lastFailure = error.description
    }
  }
}
