import CLinux
import Glibc
import Synchronization

/// Whether this process was forked after the library was first used.
///
/// Threads don't survive `fork`, so a child that called on would wait for ever on locks that nobody holds any more. The
/// guard is one page that the kernel fills with zeros in a child (`MADV_WIPEONFORK`, Linux 4.14), so asking costs two
/// reads and takes no lock.
public enum ForkGuard {
  /// Arms the guard on first use in the parent. Any thread; never blocks.
  public static var isForkedChild: Bool {
    guard let mark = UnsafeRawPointer(bitPattern: address.load(ordering: .acquiring)) else { return isForkedNow }
    return mark.load(as: UInt8.self) != alive
  }

  private static let alive: UInt8 = 1

  /// Where the page is; 0 before the first use. A number that is there from the start: the page itself is made on its
  /// first use, and Swift would ask at each whether it is.
  private static let address = Atomic<UInt>(0)

  private static var isForkedNow: Bool {
    address.store(UInt(bitPattern: page), ordering: .releasing)
    return (page?.load(as: UInt8.self) ?? alive) != alive
  }

  /// The page; nil where the kernel gave none, and then forks go unnoticed.
  nonisolated(unsafe) private static let page: UnsafeMutableRawPointer? = {
    let size = Int(sysconf(Int32(_SC_PAGESIZE)))
    let page = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let page, page != MAP_FAILED, madvise(page, size, MADV_WIPEONFORK) == 0 else { return nil }
    page.storeBytes(of: alive, as: UInt8.self)
    return page
  }()
}
