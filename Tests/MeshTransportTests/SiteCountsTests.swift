import Testing

@testable import MeshTransport

@Suite struct SiteCountsTests {
  private func address(_ host: String, _ port: UInt16 = 1) throws -> SocketAddress {
    try #require(SocketAddress(literal: host, port: port))
  }

  @Test func addressesOfOneHostsNetworkCountTogether() throws {
    var counts = SiteCounts()
    for host in ["2001:db8:0:7::1", "2001:db8:0:7:ffff:ffff:ffff:ffff", "2001:db8:0:7::"] {
      try counts.add(address(host, 9))
    }
    #expect(try counts.count(from: address("2001:db8:0:7:1234::5")) == 3)
    for other in ["2001:db8:0:8::1", "2001:db8:0:6:ffff:ffff:ffff:ffff", "::1", "32.1.13.184"] {
      #expect(try counts.count(from: address(other)) == 0, "\(other)")
    }
  }

  @Test func addressesOfIPv4CountEachOnTheirOwnInBothSpellings() throws {
    var counts = SiteCounts()
    try counts.add(address("10.0.0.7", 1))
    try counts.add(address("::ffff:10.0.0.7", 2))
    #expect(try counts.count(from: address("10.0.0.7")) == 2)
    #expect(try counts.count(from: address("10.0.0.8")) == 0)
    #expect(try counts.count(from: address("::ffff:10.0.0.8")) == 0)
  }

  @Test func linkLocalAddressesOfTwoInterfacesAreTwoSites() throws {
    var counts = SiteCounts()
    try counts.add(address("fe80::1%1"))
    #expect(try counts.count(from: address("fe80::2%1")) == 1)
    #expect(try counts.count(from: address("fe80::1%2")) == 0)
  }

  @Test func aSiteIsForgottenWithItsLast() throws {
    var counts = SiteCounts()
    let (one, two) = (try address("2001:db8::1"), try address("2001:db8::2"))
    counts.add(one)
    counts.add(two)
    counts.remove(two)
    #expect(counts.count(from: one) == 1 && counts.siteCount == 1)
    counts.remove(one)
    counts.remove(one)
    #expect(counts.count(from: one) == 0 && counts.siteCount == 0)
  }
}
