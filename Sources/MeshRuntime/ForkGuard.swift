import CLinux
import Glibc

/// Whether this process was forked after the library was first used.
///
/// Threads don't survive `fork`, so a child that called on would wait for ever on locks that nobody holds any more. The
/// guard is one page that the kernel fills with zeros in a child (`MADV_WIPEONFORK`, Linux 4.14), so asking costs one
/// read and takes no lock.
public enum ForkGuard {
  /// Arms the guard on first use in the parent. Any thread; never blocks.
  public static var isForkedChild: Bool { (mark?.load(as: UInt8.self) ?? alive) != alive }

  private static let alive: UInt8 = 1

  /// The page; nil where the kernel gave none, and then forks go unnoticed.
  nonisolated(unsafe) private static let mark: UnsafeMutableRawPointer? = {
    let size = Int(sysconf(Int32(_SC_PAGESIZE)))
    let page = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let page, page != MAP_FAILED, madvise(page, size, MADV_WIPEONFORK) == 0 else { return nil }
    page.storeBytes(of: alive, as: UInt8.self)
    return page
  }()
}
