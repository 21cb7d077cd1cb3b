// What is in use at one time of what the configured files gave.
import COpenSSL
import MeshBasics

/// A credential, and the trust decision beside it. Each part goes by files of its own: one that can't be read keeps
/// nothing of the others waiting. A revocation counts also where the own certificate is being replaced, or has expired.
final class Generation: Sendable {
  let number: UInt64
  let trust: TrustDecision
  private let own: OwnFiles
  /// Nil: the roots are those beside the own certificate.
  private let roots: RootFile?
  private let revocation: RevocationFile?

  var credential: NodeCredential { own.credential }
  /// What an operator should look at, one sentence each.
  var notices: [String] { own.notices }

  /// Loads all files. *Errors*: name the first that can't be used.
  convenience init(options: SecurityOptions, thumbprints: Thumbprints) throws(SecurityError) {
    try self.init(
      number: 1, own: OwnFiles(options, generation: 1), roots: RootFile(options), revocation: RevocationFile(options),
      thumbprints)
  }

  private init(
    number: UInt64, own: OwnFiles, roots: RootFile?, revocation: RevocationFile?, _ thumbprints: Thumbprints
  ) throws(SecurityError) {
    self.number = number
    self.own = own
    self.roots = roots
    self.revocation = revocation
    trust = try TrustDecision(
      roots: roots?.certificates ?? own.roots, revocation: revocation?.list, thumbprints: thumbprints)
  }

  /// The next one: the parts whose files have changed are read anew. One that can't be used, or whose credential
  /// `check` refuses, stays what it was, and `failures` tell why. Nil where no part is new.
  func next(
    _ options: SecurityOptions, _ thumbprints: Thumbprints,
    check: (NodeCredential) throws(SecurityError) -> Void
  ) -> (generation: Generation?, failures: [SecurityError]) {
    var failures: [SecurityError] = []
    do throws(SecurityError) {
      let own = Generation.renewed(self.own, &failures) { () throws(SecurityError) in
        let new = try OwnFiles(options, generation: credential.generation &+ 1)
        try check(new.credential)
        return new
      }
      let roots = self.roots.map {
        Generation.renewed($0, &failures) { () throws(SecurityError) in try RootFile(options) }
      }
      let revocation = self.revocation.map {
        Generation.renewed($0, &failures) { () throws(SecurityError) in try RevocationFile(options) }
      }
      guard own !== self.own || roots !== self.roots || revocation !== self.revocation else { return (nil, failures) }
      let next = try Generation(number: number &+ 1, own: own, roots: roots, revocation: revocation, thumbprints)
      return (next, failures)
    } catch {
      return (nil, failures + [error])
    }
  }

  /// `part`, or what `load` makes of its files where they have changed.
  private static func renewed<Part: LoadedPart>(
    _ part: Part, _ failures: inout [SecurityError], load: () throws(SecurityError) -> Part?
  ) -> Part {
    guard part.files.areOutdated else { return part }
    do throws(SecurityError) {
      return try load() ?? part
    } catch {
      failures.append(error)
      return part
    }
  }
}
