// What every use of OpenSSL here needs: its start, its errors, its growing buffers, and passwords without a prompt.
import COpenSSL

enum OpenSSL {
  /// Starts OpenSSL without its `atexit` handler, which would pull the library away under the host's other threads.
  static func start() { _ = started }

  private static let started: Bool = {
    let options = UInt64(OPENSSL_INIT_NO_ATEXIT)
    return OPENSSL_init_crypto(options, nil) == 1 && OPENSSL_init_ssl(options, nil) == 1
  }()

  /// Forgets what earlier calls on this thread left in the error queue.
  static func clearErrors() { ERR_clear_error() }

  /// The reason codes on this thread's error queue, oldest first; empties the queue.
  static func takeReasons() -> [Int32] {
    var reasons: [Int32] = []
    while true {
      let code = ERR_get_error()
      if code == 0 { return reasons }
      reasons.append(ERR_GET_REASON(code))
    }
  }

  /// What `write` puts into a memory sink, wiped behind it; nil when it answers false or memory is short.
  static func written(by write: (OpaquePointer) -> Bool) -> SecretBytes? {
    guard let sink = BIO_new(BIO_s_secmem()) else { return nil }
    defer { BIO_free(sink) }
    guard write(sink) else { return nil }
    var start: UnsafeMutablePointer<CChar>?
    let count = BIO_ctrl(sink, BIO_CTRL_INFO, 0, &start)
    return SecretBytes(copying: UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : max(count, 0)))
  }

  /// `digest` of `bytes`.
  static func digest(_ digest: OpaquePointer?, of bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard EVP_Digest(bytes.baseAddress, bytes.count, &result, &count, digest, nil) == 1 else { return [] }
    return Array(result.prefix(Int(count)))
  }

  /// `bytes` as lower-case hexadecimal digits.
  static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Answers OpenSSL's question for a password, so that it never asks the terminal of the host process.
final class PasswordAnswer {
  private let password: [CChar]?
  /// Whether OpenSSL asked: then what it reads is encrypted.
  private(set) var wasAsked = false

  init(_ password: String?) { self.password = password.map { Array($0.utf8CString.dropLast()) } }

  /// The callback to hand to OpenSSL along with `context`.
  static let callback:
    @Sendable @convention(c) (
      UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
    ) -> Int32 = { buffer, size, _, context in
      guard let context, let buffer else { return -1 }
      let answer = Unmanaged<PasswordAnswer>.fromOpaque(context).takeUnretainedValue()
      answer.wasAsked = true
      guard let password = answer.password, password.count <= Int(size) else { return -1 }
      for (index, character) in password.enumerated() { buffer[index] = character }
      return Int32(clamping: password.count)
    }

  /// What `callback` needs to find this object, which must outlive the call it is handed to.
  var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }
}
