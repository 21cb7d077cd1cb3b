import Testing

@testable import MeshTransport

@Test func aTokenIsMadeOfTheBytesThatTheRFCNames() {
  let letters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
  for byte in UInt8.min...UInt8.max {
    #expect(HTTP1Syntax.isTokenByte(byte) == letters.utf8.contains(byte), "\(byte)")
  }
  #expect(HTTP1Syntax.isToken("x-Name".utf8) && !HTTP1Syntax.isToken("".utf8) && !HTTP1Syntax.isToken("a b".utf8))
}

@Test func lettersOfASCIIAloneAreComparedWithoutCase() {
  #expect(HTTP1Syntax.equalIgnoringCase("Content-Type", "cONTENT-tYPE"))
  #expect(!HTTP1Syntax.equalIgnoringCase("Content-Type", "Content-Typf"))
  #expect(!HTTP1Syntax.equalIgnoringCase("a", "ab") && HTTP1Syntax.equalIgnoringCase("", ""))
  // The same text to Unicode, other bytes.
  #expect(!HTTP1Syntax.equalIgnoringCase("\u{2126}a", "\u{3A9}ab"))
  #expect(!HTTP1Syntax.equalIgnoringCase("[", "{") && !HTTP1Syntax.equalIgnoringCase("@", "`"))
  #expect(HTTP1Syntax.lowercased("Rpc-Transport-And-Much-More") == "rpc-transport-and-much-more")
  #expect(HTTP1Syntax.lowercased("etag") == "etag" && HTTP1Syntax.lowercased("\u{C4}A") == "\u{C4}a")
}

@Test(arguments: ["", "a", "a.b:1", "a:", "127.0.0.1:65535", "[::1]", "[::1]:80", "[1.2:f]:", "a:00080"])
func aHostIsANameOrAnAddressAndMaybeAPort(_ host: String) { #expect(HTTP1Syntax.isHost(host)) }

@Test(arguments: [
  "a:65536", "a:8x", "a:1:2", "a b", "a@b", "[]", "[]:80", "[::1", "[::1]x", "[::g]", "[::1]:x", "a/b", "\u{E4}",
])
func whatElseStandsThereIsNone(_ host: String) { #expect(!HTTP1Syntax.isHost(host)) }
