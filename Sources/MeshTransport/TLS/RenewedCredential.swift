import MeshBasics

/// The node's credential as one TLS library takes it, made anew when the node's has changed. What the library can't use
/// leaves the one before in use, and is tried again after a while: not each client is to cost that, nor a log record.
struct RenewedCredential<Form> {
  static var patience: Duration { .seconds(10) }
  private var form: Form
  private var generation: UInt64
  private var failed: (generation: UInt64, until: Instant)?

  /// `form` was made of `generation`.
  init(_ form: Form, of generation: UInt64) { (self.form, self.generation) = (form, generation) }

  /// The form of `newest`, or of the last one that could be made; then `report` is told why.
  mutating func current(
    _ newest: UInt64, _ now: Instant, make: () throws(TransportError) -> Form, report: (TransportError) -> Void
  ) -> Form {
    let isTried = failed.map { $0.generation == newest && now < $0.until } ?? false
    if newest == generation || isTried { return form }
    do throws(TransportError) {
      (form, generation, failed) = (try make(), newest, nil)
    } catch {
      failed = (newest, now + RenewedCredential.patience)
      report(error)
    }
    return form
  }
}
