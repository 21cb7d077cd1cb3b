// Memory for keys and for the files they come from: never printed, wiped before it goes back to the allocator.
import COpenSSL

/// Bytes that are wiped when the last owner lets go. Immutable, so safe from any thread.
final class SecretBytes: @unchecked Sendable {
  // Sendable although it holds a raw pointer: nobody writes to the memory between init and deinit.
  private let memory: UnsafeMutableRawBufferPointer

  /// `count` bytes that `fill` writes; nil when it answers false.
  init?(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Bool) {
    memory = .allocate(byteCount: max(count, 1), alignment: 1)
    let used = UnsafeMutableRawBufferPointer(rebasing: memory.prefix(count))
    self.count = count
    guard fill(used) else { return nil }
  }

  /// A copy of `bytes`.
  init(copying bytes: UnsafeRawBufferPointer) {
    memory = .allocate(byteCount: max(bytes.count, 1), alignment: 1)
    memory.copyMemory(from: bytes)
    count = bytes.count
  }

  deinit {
    OPENSSL_cleanse(memory.baseAddress, memory.count)
    memory.deallocate()
  }

  /// The number of bytes.
  let count: Int

  /// Lends the bytes for the length of a call.
  func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try body(UnsafeRawBufferPointer(rebasing: memory.prefix(count)))
  }

  /// Lends the bytes as an OpenSSL source; nil when it has no memory for one.
  func withBIO<R, E: Error>(_ body: (OpaquePointer) throws(E) -> R) throws(E) -> R? {
    guard let bio = BIO_new_mem_buf(memory.baseAddress, Int32(clamping: count)) else { return nil }
    defer { BIO_free(bio) }
    return try body(bio)
  }
}
