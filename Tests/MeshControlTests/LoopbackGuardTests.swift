import Testing

@testable import MeshControl

@Test(arguments: [
  "localhost", "LocalHost:80", "127.0.0.1", "127.255.255.255:65535", "127.000.0.01", "[::1]", "[::1]:8443",
  "127.0.0.1:0000080",
])
func aNameOfThisHostIsLoopback(_ authority: String) {
  #expect(LoopbackGuard.isLoopback(authority: authority[...]))
}

@Test(arguments: [
  "", ":", ":80", "localhost:", "localhost:65536", "localhost:8a", "localhost.", "127.1", "127.0.0", "127.0.0.",
  "127..0.1", ".127.0.0", "127.0.0.1.", "127.0.0.0.1", "127.0.0.256", "127.0.0.0001", "128.0.0.1", "0127.0.0.1",
  "127.0.0.1.example.org", "127.0.0.-1", "127.0.0.1:80:80", "::1", "[::1", "[::1]x", "[::2]", "[::1]:99999",
  "127.0.0.\u{661}", "\u{212A}ocalhost",
])
func anyOtherNameIsNot(_ authority: String) {
  #expect(!LoopbackGuard.isLoopback(authority: authority[...]))
}
