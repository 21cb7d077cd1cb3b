// Memory for ngtcp2 and nghttp3. Both take most of it in pools of several pages of which an idle connection uses the
// first. Out of the common heap such a pool lies on pages that others have written to, and which therefore stay in
// memory. Here each pool has whole pages of its own, which cost memory once they are used, and give it back when they
// are freed. The pages come from large mappings that stay: to map each pool alone would take the lock of the process's
// address space so often that the link threads of many nodes in one process would wait for one another.
import CNghttp3
import CNgtcp2
import Glibc

/// The memory of the connections of one endpoint. Not safe from several threads, and needs no lock therefore.
final class ConnectionMemory {
  /// From here on an allocation has pages of its own.
  private static let pagedFrom = 4000
  /// A longer one is a mapping of its own.
  private static let runPagesMax = 32
  /// Pages of one mapping that runs are cut from.
  private static let chunkPages = 1024
  /// Each allocation begins with its length in whole pages, 0 for one of the heap, and with what was asked for. This
  /// keeps the alignment of 16 bytes.
  private static let header = 16
  private static let pageBytes = Int(getpagesize())

  /// What ngtcp2 and nghttp3 are made with; valid as long as this object.
  let ngtcp2: UnsafeMutablePointer<ngtcp2_mem>
  let nghttp3: UnsafeMutablePointer<nghttp3_mem>

  private var chunks: [UnsafeMutableRawPointer] = []
  /// What is left of the last chunk.
  private var next: UnsafeMutableRawPointer?
  private var pagesLeft = 0
  /// Runs that were given back, by their length in pages. Their pages hold zeroes and cost nothing.
  private var freeRuns: [[UnsafeMutableRawPointer]]

  init() {
    freeRuns = Array(repeating: [], count: ConnectionMemory.runPagesMax + 1)
    ngtcp2 = .allocate(capacity: 1)
    nghttp3 = .allocate(capacity: 1)
    let me = Unmanaged.passUnretained(self).toOpaque()
    ngtcp2.initialize(
      to: ngtcp2_mem(
        user_data: me, malloc: { count, me in ConnectionMemory.at(me)?.allocate(count) },
        free: { pointer, me in ConnectionMemory.at(me)?.free(pointer) },
        calloc: { count, size, me in ConnectionMemory.at(me)?.allocate(count, of: size) },
        realloc: { pointer, count, me in ConnectionMemory.at(me)?.reallocate(pointer, count) }))
    nghttp3.initialize(
      to: nghttp3_mem(
        user_data: me, malloc: { count, me in ConnectionMemory.at(me)?.allocate(count) },
        free: { pointer, me in ConnectionMemory.at(me)?.free(pointer) },
        calloc: { count, size, me in ConnectionMemory.at(me)?.allocate(count, of: size) },
        realloc: { pointer, count, me in ConnectionMemory.at(me)?.reallocate(pointer, count) }))
  }

  deinit {
    for chunk in chunks { munmap(chunk, ConnectionMemory.chunkPages * ConnectionMemory.pageBytes) }
    ngtcp2.deallocate()
    nghttp3.deallocate()
  }

  private static func at(_ pointer: UnsafeMutableRawPointer?) -> ConnectionMemory? {
    pointer.map { Unmanaged<ConnectionMemory>.fromOpaque($0).takeUnretainedValue() }
  }

  func allocate(_ count: Int, zeroed: Bool = false) -> UnsafeMutableRawPointer? {
    let (whole, overflow) = count.addingReportingOverflow(ConnectionMemory.header)
    if overflow { return nil }
    var pages = 0
    let base: UnsafeMutableRawPointer?
    if count < ConnectionMemory.pagedFrom {
      base = zeroed ? calloc(1, whole) : malloc(whole)
    } else {
      let (full, rest) = whole.quotientAndRemainder(dividingBy: ConnectionMemory.pageBytes)
      pages = rest == 0 ? full : full + 1
      base = pages > ConnectionMemory.runPagesMax ? ConnectionMemory.map(pages) : takeRun(pages)
    }
    guard let base else { return nil }
    base.storeBytes(of: pages, as: Int.self)
    base.storeBytes(of: count, toByteOffset: 8, as: Int.self)
    return base + ConnectionMemory.header
  }

  func allocate(_ count: Int, of size: Int) -> UnsafeMutableRawPointer? {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    return overflow ? nil : allocate(bytes, zeroed: true)
  }

  func reallocate(_ pointer: UnsafeMutableRawPointer?, _ count: Int) -> UnsafeMutableRawPointer? {
    guard let new = allocate(count) else { return nil }
    guard let pointer else { return new }
    let old = (pointer - ConnectionMemory.header).load(fromByteOffset: 8, as: Int.self)
    new.copyMemory(from: pointer, byteCount: min(old, count))
    free(pointer)
    return new
  }

  func free(_ pointer: UnsafeMutableRawPointer?) {
    guard let pointer else { return }
    let base = pointer - ConnectionMemory.header
    let pages = base.load(as: Int.self)
    if pages == 0 {
      Glibc.free(base)
    } else if pages > ConnectionMemory.runPagesMax {
      munmap(base, pages * ConnectionMemory.pageBytes)
    } else {
      madvise(base, pages * ConnectionMemory.pageBytes, MADV_DONTNEED)
      freeRuns[pages].append(base)
    }
  }

  /// Pages that hold zeroes. Pools have a few different lengths, so that what one gave back fits the next exactly.
  private func takeRun(_ pages: Int) -> UnsafeMutableRawPointer? {
    if let run = freeRuns[pages].popLast() { return run }
    if pagesLeft < pages {
      if let next, pagesLeft > 0 { freeRuns[pagesLeft].append(next) }
      (next, pagesLeft) = (nil, 0)
      guard let chunk = ConnectionMemory.map(ConnectionMemory.chunkPages) else { return nil }
      // A huge page would hold all the unused rest of the pools in it.
      madvise(chunk, ConnectionMemory.chunkPages * ConnectionMemory.pageBytes, MADV_NOHUGEPAGE)
      chunks.append(chunk)
      (next, pagesLeft) = (chunk, ConnectionMemory.chunkPages)
    }
    let run = next
    next = next.map { $0 + pages * ConnectionMemory.pageBytes }
    pagesLeft -= pages
    return run
  }

  private static func map(_ pages: Int) -> UnsafeMutableRawPointer? {
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: pageBytes)
    if overflow { return nil }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    let base = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0)
    return base == MAP_FAILED ? nil : base
  }
}
