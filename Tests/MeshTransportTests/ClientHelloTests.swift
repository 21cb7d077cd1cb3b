import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite struct ClientHelloTests {
  /// What OpenSSL says first when it offers `protocols`.
  private func hello(_ protocols: [String]) throws -> [UInt8] {
    let mesh = try TestMesh()
    let client = try TLSNodeClient(mesh.security("node-a"), protocols: protocols)
    let stream = try #require(TLSStream(client, to: "peer.example"))
    #expect(stream.read() == nil)
    return Array(stream.output)
  }

  @Test func whatOpenSSLOffersIsRead() throws {
    #expect(try ClientHello.offer(in: hello([])) == .protocols([]))
    #expect(try ClientHello.offer(in: hello(["h2"])) == .protocols([Array("h2".utf8)]))
    #expect(
      try ClientHello.offer(in: hello(["http/1.1", "h2"])) == .protocols([Array("http/1.1".utf8), Array("h2".utf8)]))
  }

  @Test func aHelloThatIsNotAllThereIsWaitedFor() throws {
    let whole = try hello(["h2"])
    for count in 0..<whole.count { #expect(ClientHello.offer(in: Array(whole.prefix(count))) == .incomplete) }
    #expect(ClientHello.offer(in: whole + [1, 2, 3]) == .protocols([Array("h2".utf8)]))
  }

  @Test func whatIsNoHelloOffersNothingAndIsNotWaitedFor() throws {
    for bytes: [UInt8] in [[0x54], [21, 3, 1, 0, 2], Array("GET / HTTP/1.1".utf8)] {
      #expect(ClientHello.offer(in: bytes) == .protocols([]))
    }
    // A record that is longer than anything that is waited for.
    let long: [UInt8] = [22, 3, 1, 0xff, 0xff] + [UInt8](repeating: 1, count: ClientHello.bytesMax - 5)
    #expect(ClientHello.offer(in: long) == .protocols([]))
    #expect(ClientHello.offer(in: Array(long.dropLast())) == .incomplete)
  }

  @Test func noBytesMakeItTrap() throws {
    let whole = try hello(["h2", "http/1.1"])
    var random = SeededRandom(seed: 5)
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0...(random.next() % 4) {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      _ = ClientHello.offer(in: Array(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1)))))
    }
  }
}
