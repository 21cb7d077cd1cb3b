// Memory for ngtcp2 and nghttp3. Both take most of it in pools of several pages of which an idle connection uses the
// first. Out of the common heap such a pool lies on pages that others have written to, and which therefore stay in
// memory; mapped on its own, it costs only the pages that it uses, and is given back with its connection.
import CNghttp3
import CNgtcp2
import Glibc

enum ConnectionMemory {
  /// From here on an allocation is a mapping of its own.
  private static let mappedFrom = 4000
  /// Each allocation begins with the length of its mapping, 0 for one of the heap, and with what was asked for. This
  /// keeps the alignment of 16 bytes.
  private static let header = 16

  static func allocate(_ count: Int, zeroed: Bool = false) -> UnsafeMutableRawPointer? {
    let (whole, overflow) = count.addingReportingOverflow(header)
    if overflow { return nil }
    var base: UnsafeMutableRawPointer?
    let isMapped = count >= mappedFrom
    if isMapped {
      base = mmap(nil, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      if base == MAP_FAILED { return nil }
    } else {
      base = zeroed ? calloc(1, whole) : malloc(whole)
    }
    guard let base else { return nil }
    base.storeBytes(of: isMapped ? whole : 0, as: Int.self)
    base.storeBytes(of: count, toByteOffset: 8, as: Int.self)
    return base + header
  }

  static func allocate(_ count: Int, of size: Int) -> UnsafeMutableRawPointer? {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    return overflow ? nil : allocate(bytes, zeroed: true)
  }

  static func reallocate(_ pointer: UnsafeMutableRawPointer?, _ count: Int) -> UnsafeMutableRawPointer? {
    guard let new = allocate(count) else { return nil }
    guard let pointer else { return new }
    new.copyMemory(from: pointer, byteCount: min((pointer - header).load(fromByteOffset: 8, as: Int.self), count))
    free(pointer)
    return new
  }

  static func free(_ pointer: UnsafeMutableRawPointer?) {
    guard let pointer else { return }
    let base = pointer - header
    let mapped = base.load(as: Int.self)
    if mapped == 0 { Glibc.free(base) } else { munmap(base, mapped) }
  }
}

/// The tables of functions, at fixed addresses.
struct ConnectionMemoryTables: @unchecked Sendable {
  // Sendable although it holds pointers: they are written once, before anyone reads them.
  let ngtcp2: UnsafePointer<ngtcp2_mem>
  let nghttp3: UnsafePointer<nghttp3_mem>

  static let shared = ConnectionMemoryTables()

  private init() {
    let first = UnsafeMutablePointer<ngtcp2_mem>.allocate(capacity: 1)
    first.initialize(
      to: ngtcp2_mem(
        user_data: nil, malloc: { count, _ in ConnectionMemory.allocate(count) },
        free: { pointer, _ in ConnectionMemory.free(pointer) },
        calloc: { count, size, _ in ConnectionMemory.allocate(count, of: size) },
        realloc: { pointer, count, _ in ConnectionMemory.reallocate(pointer, count) }))
    ngtcp2 = UnsafePointer(first)
    let second = UnsafeMutablePointer<nghttp3_mem>.allocate(capacity: 1)
    second.initialize(
      to: nghttp3_mem(
        user_data: nil, malloc: { count, _ in ConnectionMemory.allocate(count) },
        free: { pointer, _ in ConnectionMemory.free(pointer) },
        calloc: { count, size, _ in ConnectionMemory.allocate(count, of: size) },
        realloc: { pointer, count, _ in ConnectionMemory.reallocate(pointer, count) }))
    nghttp3 = UnsafePointer(second)
  }
}
