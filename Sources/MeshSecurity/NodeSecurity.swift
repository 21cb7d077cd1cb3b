// A node's certificate and the trust it puts in others, reloaded when their files change.
import COpenSSL
import MeshBasics
import MeshThreads

/// A node's certificate and the trust it puts in others; safe from any thread.
///
/// What is in use at one time forms an immutable generation. A reload builds the next one aside and swaps it in, of the
/// newest own certificate, roots and revocation lists that can be used: none of them waits for the others.
public final class NodeSecurity: @unchecked Sendable {
  // Sendable although it has variables: `lock` guards `current` and `binding`.
  private let options: SecurityOptions
  private let thumbprints: Thumbprints
  private let lock = Lock()
  private var current: Generation
  private var binding: Binding?

  /// Loads and checks all files that `options` name.
  /// - Throws: an error that names the file and what is wrong with it.
  public init(options: SecurityOptions) throws(SecurityError) {
    OpenSSL.start()
    self.options = options
    thumbprints = try Thumbprints(reading: options.allowedThumbprints)
    current = try Generation(options: options, thumbprints: thumbprints)
  }

  /// The current certificate and key.
  public var credential: NodeCredential { inUse.credential }

  /// Counts up from 1 with every change of what is in use, be it the own certificate or the trust in others. What was
  /// judged under another number is to be judged again.
  public var generation: UInt64 { inUse.number }

  /// Whether a revocation list is checked.
  public var checksRevocation: Bool { inUse.trust.checksRevocation }

  /// What an operator should look at in the files in use, one sentence each, such as a private key that every user of
  /// the machine may read.
  public var notices: [String] { inUse.notices }

  private var inUse: Generation { lock.locked { current } }

  /// Makes sure that the own certificate may speak for `node` in `cluster`, now and after every reload. To be called
  /// once, before the node starts.
  /// - Throws: an error that tells the id and the names in the certificate.
  public func bind(to node: NodeID, cluster: String) throws(SecurityError) {
    let binding = Binding(node: node, cluster: cluster)
    let credential = lock.locked {
      self.binding = binding
      return current.credential
    }
    try binding.check(credential)
  }

  /// Looks at the files' modification times, sizes and inodes, and loads what has changed: the own certificate with its
  /// key, the trust bundle, the revocation lists.
  /// - Returns: whether a new generation was taken over.
  /// - Throws: when new files can't be used, such as a half-written one or a key that doesn't fit. What they were to
  ///   replace stays, and the next call tries again; what could be used of the others is in use (`generation`).
  public func reloadIfChanged() throws(SecurityError) -> Bool {
    let (old, binding) = lock.locked { (current, self.binding) }
    let (new, failures) = old.next(options, thumbprints) { credential throws(SecurityError) in
      try binding?.check(credential)
    }
    let isTaken = lock.locked {
      // Two threads may reload at once; the first one's generation stays.
      guard let new, current === old else { return false }
      current = new
      return true
    }
    guard failures.isEmpty else { throw SecurityError(failures.map(\.description).joined(separator: "; ")) }
    return isTaken
  }

  /// THE trust decision: chain, validity, purpose, key strength, revocation, pins, and names, for full handshakes and
  /// resumed sessions alike.
  /// - Parameters:
  ///   - chain: DER as the peer sent it, leaf first.
  ///   - peerIsClient: which purpose the leaf must allow.
  ///   - names: what the leaf must name.
  public func judge(
    chain: [[UInt8]], peerIsClient: Bool, names: NamesRule = .nodes
  ) -> Result<PeerIdentity, TrustRefusal> {
    inUse.trust.judge(chain: chain, peerIsClient: peerIsClient, names: names)
  }

  /// The node names that a leaf claims, for log records about refused peers. Nothing has been verified: never decide
  /// by them.
  /// - Parameter der: the leaf as the peer sent it.
  public static func claimedNames(inLeaf der: [UInt8]) -> Result<[String], TrustRefusal> {
    OpenSSL.start()
    guard der.count <= TrustLimits.certificateSizeMax else { return .failure(.certificateTooLarge) }
    guard let leaf = Certificate(der: der) else { return .failure(.malformed) }
    return SubjectNames.read(from: leaf).map(\.nodeNames)
  }
}

extension NodeSecurity: CustomStringConvertible {
  /// The certificate in use; never a secret.
  public var description: String { "NodeSecurity(\(credential))" }
}

/// Whom the own certificate must be able to speak for.
private struct Binding {
  let node: NodeID
  let cluster: String

  func check(_ credential: NodeCredential) throws(SecurityError) {
    let identity = credential.identity
    guard !identity.maySpeak(for: node, cluster: cluster) else { return }
    let names = identity.nodeNames.joined(separator: ", ")
    let place = identity.clusterID.map { " in cluster \($0)" } ?? ""
    throw SecurityError(
      "the certificate \(credential.subject) can't speak for node \(node) in cluster \(cluster): "
        + "it names \(names)\(place)"
    )
  }
}
