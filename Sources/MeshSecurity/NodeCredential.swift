// One generation of a node's own certificate and key, checked before it is used.
import COpenSSL
import Glibc
import MeshBasics

/// One generation of a node's own certificate and key, for the TLS stacks. Immutable, safe from any thread.
public final class NodeCredential: Sendable {
  /// Counts up from 1 with every certificate that was taken over.
  public let generation: UInt64
  /// PEM: leaf first, then intermediates.
  public let chainPEM: [UInt8]
  /// Who this node is to its peers.
  public let identity: PeerIdentity
  /// The certificate's subject, for display.
  public let subject: String
  /// Unix seconds.
  public let notAfter: Int64
  private let key: SecretBytes

  /// PEM, unencrypted PKCS#8. Secret: never print it, and wipe the copy after use, or use `withKeyPEM`.
  public var keyPEM: [UInt8] { key.withBytes { Array($0) } }

  /// Lends the key as PEM without a copy. The bytes are valid during the call and are wiped with the credential.
  public func withKeyPEM<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { key.withBytes(body) }

  /// Checks `bundle` and takes what the TLS stacks need of it.
  /// - Parameters:
  ///   - name: what errors call its source.
  ///   - keyName: what errors call the source of the key.
  init(generation: UInt64, bundle: CertificateBundle, name: String, keyName: String) throws(SecurityError) {
    let leaf = bundle.leaf
    let subject = leaf.subject
    func failure(_ what: String) -> SecurityError { SecurityError("the certificate \(subject) in \(name) \(what)") }
    guard bundle.key.matches(leaf) else { throw failure("doesn't belong to the private key in \(keyName)") }
    let now = Int64(time(nil))
    guard let start = leaf.notBefore.seconds, let end = leaf.notAfter.seconds else {
      throw failure("has an unreadable validity")
    }
    guard end > now else { throw failure("expired at \(leaf.notAfter.text)") }
    guard start <= now else { throw failure("isn't valid before \(leaf.notBefore.text)") }
    guard leaf.servesBothSides else {
      throw failure("must allow both TLS client and TLS server use, or carry no extended key usage")
    }
    let names: SubjectNames
    switch SubjectNames.read(from: leaf) {
    case .success(let read): names = read
    case .failure(let refusal):
      throw failure(
        "names no node (\(refusal.reason)): it needs a DNS name or the URI "
          + "spiffe://{trustDomain}/mesh/{cluster}/{role}/{nodeId}"
      )
    }
    guard let chain = Certificate.pem(bundle.chain), let key = bundle.key.pem else { throw failure("can't be encoded") }
    self.generation = generation
    self.key = key
    self.subject = subject
    chainPEM = chain
    notAfter = end
    identity = PeerIdentity(
      nodeNames: names.nodeNames, clusterID: names.clusterID, keyFingerprint: leaf.keyFingerprint)
  }
}

extension NodeCredential: CustomStringConvertible {
  /// The subject and the generation; never the key.
  public var description: String { "NodeCredential(\(subject), generation \(generation))" }
}
