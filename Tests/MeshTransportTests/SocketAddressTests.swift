import Glibc
import MeshBasics
import Testing

@testable import MeshTransport

@Suite struct SocketAddressTests {
  @Test(arguments: [
    ("10.0.0.7", "10.0.0.7:17421"), ("::1", "[::1]:17421"), ("fe80::1%1", "[fe80::1%1]:17421"),
    ("2001:db8::7", "[2001:db8::7]:17421"), ("::ffff:10.0.0.7", "10.0.0.7:17421"), ("0.0.0.0", "0.0.0.0:17421"),
  ])
  func readsLiterals(_ pair: (String, String)) {
    #expect(SocketAddress(literal: pair.0, port: 17421)?.description == pair.1)
  }

  @Test(arguments: ["", "mesh-a", "10.0.0", "10.0.0.256", "127.1", "1", "[::1]", "::g", "fe80::1%", "::1%none%"])
  func refusesWhatIsNoLiteral(_ text: String) {
    #expect(SocketAddress(literal: text, port: 1) == nil)
  }

  @Test func knowsLoopbackAndUnspecified() throws {
    #expect(try #require(SocketAddress(literal: "127.9.9.9", port: 1)).isLoopback)
    #expect(try #require(SocketAddress(literal: "::1", port: 1)).isLoopback)
    #expect(try !#require(SocketAddress(literal: "128.0.0.1", port: 1)).isLoopback)
    #expect(try #require(SocketAddress(literal: "::", port: 1)).isUnspecified)
    #expect(try !#require(SocketAddress(literal: "::1", port: 1)).isUnspecified)
  }

  @Test(arguments: ["10.0.0.7", "::1", "2001:db8::7"], [false, true])
  func comesBackFromTheKernelsFormUnchanged(_ host: String, _ asIPv6: Bool) throws {
    let address = try #require(SocketAddress(literal: host, port: 443))
    #expect(address.withSockaddr(asIPv6: asIPv6) { raw, _ in SocketAddress(raw) } == address)
  }

  @Test func resolvesLocalhostAndNamesTheHostThatItCannot() throws {
    let local = try SocketAddress.resolve(#require(Endpoint(host: "localhost", port: 80)))
    #expect(!local.isEmpty && local.allSatisfy { $0.isLoopback && $0.port == 80 })
    #expect {
      try SocketAddress.resolve(Endpoint(host: "no-such-host.invalid", port: 80) ?? #require(nil))
    } throws: {
      "\($0)".contains("no-such-host.invalid")
    }
  }
}
