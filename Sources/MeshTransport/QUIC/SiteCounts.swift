/// How many of something came from each site (`SocketAddress.site`).
struct SiteCounts {
  private var counts: [SocketAddress: Int] = [:]

  /// How many are counted from the site of `address`.
  func count(from address: SocketAddress) -> Int { counts[address.site, default: 0] }

  mutating func add(_ address: SocketAddress) { counts[address.site, default: 0] += 1 }

  /// Takes back one `add`. A site without any is forgotten.
  mutating func remove(_ address: SocketAddress) {
    guard let count = counts[address.site] else { return }
    counts[address.site] = count > 1 ? count - 1 : nil
  }

  /// How many sites are remembered.
  var siteCount: Int { counts.count }
}
