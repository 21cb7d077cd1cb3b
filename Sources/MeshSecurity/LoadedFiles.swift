// What each of the configured files gives: the own certificate and key, the roots, the revocation lists.
import COpenSSL
import MeshBasics

/// Files that were read together, to tell later whether one of them is another now.
struct ReadFiles: Sendable {
  private struct Stamped: Sendable {
    let path: String
    let stamp: FileStamp
  }
  private var stamps: [Stamped] = []

  mutating func read(_ path: String, as role: String, sizeMax: Int) throws(SecurityError) -> WatchedFile {
    let file = try WatchedFile(reading: path, as: role, sizeMax: sizeMax)
    stamps.append(Stamped(path: file.path, stamp: file.stamp))
    return file
  }

  /// Whether a file is no longer what was read.
  var areOutdated: Bool { stamps.contains { FileStamp(path: $0.path) != $0.stamp } }
}

/// What one load of some files gave.
protocol LoadedPart: AnyObject {
  var files: ReadFiles { get }
}

/// The own certificate with its key, and what lay beside it.
final class OwnFiles: LoadedPart, Sendable {
  let files: ReadFiles
  let credential: NodeCredential
  /// The roots beside the certificate: those that count where no trust bundle is configured.
  let roots: [Certificate]
  /// What an operator should look at, one sentence each.
  let notices: [String]

  init(_ options: SecurityOptions, generation: UInt64) throws(SecurityError) {
    var files = ReadFiles()
    let sizeMax = FileLimits.certificateFileMax
    let (bundle, name): (CertificateBundle, String)
    var keyName = "it"
    var keyFile: WatchedFile?
    if let data = options.certificateData, !data.isEmpty {
      name = "certificateData"
      bundle = try CertificateBundle(base64: data, password: options.certificatePassword)
    } else {
      guard !options.certificatePath.isEmpty else { throw SecurityError("no certificatePath is configured") }
      let file = try files.read(options.certificatePath, as: "certificate", sizeMax: sizeMax)
      name = file.path
      let isPKCS12 = file.content.withBytes { $0.first } == 0x30
      keyFile = file
      if isPKCS12 {
        bundle = try CertificateBundle(
          pkcs12: file.content, password: options.certificatePassword, name: "certificate file \(file.path)")
      } else {
        var key: WatchedFile?
        if let path = options.keyPath { key = try files.read(path, as: "key", sizeMax: sizeMax) }
        keyName = key?.path ?? keyName
        bundle = try CertificateBundle(pem: file, key: key ?? file, password: options.certificatePassword)
        keyFile = key ?? file
      }
    }
    roots = bundle.roots
    guard !roots.isEmpty || options.hasTrustBundle else {
      throw SecurityError("\(name) holds no root certificate, and no trustBundlePath is configured")
    }
    credential = try NodeCredential(generation: generation, bundle: bundle, name: name, keyName: keyName)
    // Told and not refused: Kubernetes gives mounted secrets the mode 0644, in a file system of the pod's own.
    notices = [keyFile].compactMap { $0 }.filter(\.isOpenToAll).map {
      "\($0.path) holds the node's private key, and every user of this machine may read or write it: chmod 600"
    }
    self.files = files
  }
}

/// The trust bundle.
final class RootFile: LoadedPart, Sendable {
  let files: ReadFiles
  let certificates: [Certificate]

  /// Nil where none is configured.
  init?(_ options: SecurityOptions) throws(SecurityError) {
    guard options.hasTrustBundle, let path = options.trustBundlePath else { return nil }
    var files = ReadFiles()
    let file = try files.read(path, as: "trust bundle", sizeMax: FileLimits.certificateFileMax)
    certificates = try CertificateBundle.certificates(pem: file.content, path: path, role: "trust bundle")
    guard let first = certificates.first else { throw SecurityError("trust bundle file \(path) holds no certificate") }
    // A chain ends in a root. Without one nobody would ever be trusted, and only refusals at run time would tell.
    guard certificates.contains(where: \.isSelfIssued) else {
      throw SecurityError("trust bundle file \(path) holds no self-signed root, only \(first.subject) and the like")
    }
    self.files = files
  }
}

/// The revocation lists.
final class RevocationFile: LoadedPart, Sendable {
  let files: ReadFiles
  let list: RevocationList

  /// Nil where none is configured.
  init?(_ options: SecurityOptions) throws(SecurityError) {
    guard let path = options.revocationListPath, !path.isEmpty else { return nil }
    var files = ReadFiles()
    let file = try files.read(path, as: "revocation list", sizeMax: FileLimits.revocationFileMax)
    list = try RevocationList(reading: file.content, name: "file \(path)")
    self.files = files
  }
}

extension SecurityOptions {
  fileprivate var hasTrustBundle: Bool { trustBundlePath?.isEmpty == false }
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
