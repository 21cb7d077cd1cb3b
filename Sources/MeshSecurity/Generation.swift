// Everything that one load of the configured files gave.
import COpenSSL
import MeshBasics

/// A credential, the trust decision that goes with it, and the stamps of the files they came from.
final class Generation: Sendable {
  let number: UInt64
  let credential: NodeCredential
  let trust: TrustDecision
  /// What an operator should look at, one sentence each.
  let notices: [String]
  private let stamps: [Stamped]

  private struct Stamped: Sendable {
    let path: String
    let stamp: FileStamp
  }

  init(number: UInt64, options: SecurityOptions, thumbprints: Thumbprints) throws(SecurityError) {
    var files: [WatchedFile] = []
    func read(_ path: String, _ role: String, _ sizeMax: Int) throws(SecurityError) -> WatchedFile {
      let file = try WatchedFile(reading: path, as: role, sizeMax: sizeMax)
      files.append(file)
      return file
    }
    let sizeMax = FileLimits.certificateFileMax
    let (bundle, name): (CertificateBundle, String)
    var keyName = "it"
    var keyFile: WatchedFile?
    if let data = options.certificateData, !data.isEmpty {
      name = "certificateData"
      bundle = try CertificateBundle(base64: data, password: options.certificatePassword)
    } else {
      guard !options.certificatePath.isEmpty else { throw SecurityError("no certificatePath is configured") }
      let file = try read(options.certificatePath, "certificate", sizeMax)
      name = file.path
      let isPKCS12 = file.content.withBytes { $0.first } == 0x30
      keyFile = file
      if isPKCS12 {
        bundle = try CertificateBundle(
          pkcs12: file.content, password: options.certificatePassword, name: "certificate file \(file.path)")
      } else {
        let key = try options.keyPath.map { path throws(SecurityError) in try read(path, "key", sizeMax) }
        keyName = key?.path ?? keyName
        bundle = try CertificateBundle(pem: file, key: key ?? file, password: options.certificatePassword)
        keyFile = key ?? file
      }
    }
    var roots = bundle.roots
    if let path = options.trustBundlePath, !path.isEmpty {
      let file = try read(path, "trust bundle", sizeMax)
      roots = try CertificateBundle.certificates(pem: file.content, path: path, role: "trust bundle")
      guard let first = roots.first else { throw SecurityError("trust bundle file \(path) holds no certificate") }
      // A chain ends in a root. Without one nobody would ever be trusted, and only refusals at run time would tell.
      guard roots.contains(where: \.isSelfIssued) else {
        throw SecurityError("trust bundle file \(path) holds no self-signed root, only \(first.subject) and the like")
      }
    }
    guard !roots.isEmpty else {
      throw SecurityError("\(name) holds no root certificate, and no trustBundlePath is configured")
    }
    var revocation: RevocationList?
    if let path = options.revocationListPath, !path.isEmpty {
      let file = try read(path, "revocation list", FileLimits.revocationFileMax)
      revocation = try RevocationList(reading: file.content, name: "file \(path)")
    }
    self.number = number
    credential = try NodeCredential(generation: number, bundle: bundle, name: name, keyName: keyName)
    trust = try TrustDecision(roots: roots, revocation: revocation, thumbprints: thumbprints)
    // Told and not refused: Kubernetes gives mounted secrets the mode 0644, in a file system of the pod's own.
    notices = [keyFile].compactMap { $0 }.filter(\.isOpenToAll).map {
      "\($0.path) holds the node's private key, and every user of this machine may read or write it: chmod 600"
    }
    stamps = files.map { Stamped(path: $0.path, stamp: $0.stamp) }
  }

  /// Whether a file is no longer what was read.
  var isOutdated: Bool { stamps.contains { FileStamp(path: $0.path) != $0.stamp } }
}

extension CertificateBundle {
  /// Reads a PKCS#12 from base64; white space in it is ignored.
  init(base64: String, password: String?) throws(SecurityError) {
    let name = "certificateData"
    let digits = base64.utf8.filter { $0 > UInt8(ascii: " ") }
    guard digits.count <= FileLimits.certificateFileMax else {
      throw SecurityError("\(name) is larger than \(FileLimits.certificateFileMax) characters")
    }
    let padding = digits.suffix(2).count { $0 == UInt8(ascii: "=") }
    let decoded = SecretBytes(count: digits.count / 4 &* 3) { target in
      guard digits.count.isMultiple(of: 4), let start = target.baseAddress else { return false }
      return EVP_DecodeBlock(start.assumingMemoryBound(to: UInt8.self), digits, Int32(clamping: digits.count)) > 0
    }
    OpenSSL.clearErrors()
    let trimmed = decoded?.withBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0.dropLast(padding))) }
    guard let trimmed else { throw SecurityError("\(name) is not base64") }
    try self.init(pkcs12: trimmed, password: password, name: name)
  }
}
