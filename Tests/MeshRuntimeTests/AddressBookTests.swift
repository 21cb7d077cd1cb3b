import MeshBasics
import MeshTransport
import Testing

@testable import MeshRuntime

/// Which address of a name is dialed.
struct AddressBookTests {
  private let now = Instant.origin + .seconds(100)
  private let endpoint = Endpoint(host: "mesh-a", port: 17_421)
  private let four = ["127.0.0.1", "10.0.0.2"]
  private let both = ["::1", "127.0.0.1", "10.0.0.2"]

  private func addresses(_ hosts: [String]) throws -> Result<[SocketAddress], TransportError> {
    .success(try hosts.map { try #require(SocketAddress(literal: $0, port: 17_421)) })
  }

  private func hosts(_ answer: AddressBook<LinkID>.Answer) -> [String] { answer.dials.map(\.address.description) }

  /// A resolver puts ::1 first; most nodes listen on 0.0.0.0 alone.
  @Test(arguments: [
    ("0.0.0.0", "127.0.0.1:17421"), ("127.0.0.1", "127.0.0.1:17421"), ("::", "[::1]:17421"), ("::1", "[::1]:17421"),
  ])
  func theFirstAddressThatTheSocketSpeaksIsDialed(_ bound: String, _ dialed: String) throws {
    var book = AddressBook<LinkID>(bindAddress: bound)
    #expect(book.dial(.dialed(1), try #require(endpoint), now: now) == .lookUp)
    let answer = book.answered("mesh-a", try addresses(both), now: now)
    #expect(hosts(answer) == [dialed] && answer.lost.isEmpty && answer.dials.first?.id == .dialed(1))
  }

  @Test(arguments: [("0.0.0.0", ["::1", "fe80::1"], "no IPv4"), ("::1", ["127.0.0.1"], "no IPv6")])
  func aNameWithoutAnAddressOfUseIsNamed(_ bound: String, _ found: [String], _ words: String) throws {
    var book = AddressBook<LinkID>(bindAddress: bound)
    _ = book.dial(.dialed(1), try #require(endpoint), now: now)
    let answer = book.answered("mesh-a", try addresses(found), now: now)
    #expect(answer.dials.isEmpty && answer.lost == [.dialed(1)])
    for word in found + [words, bound, "mesh-a"] { #expect(answer.reason.contains(word)) }
  }

  @Test func theOtherAddressesAreTriedOnLaterDials() throws {
    var book = AddressBook<LinkID>(bindAddress: "0.0.0.0")
    let endpoint = try #require(endpoint)
    var dialed: [String] = []
    for number in 1...6 {
      let link = LinkID.dialed(UInt64(number))
      switch book.dial(link, endpoint, now: now) {
      case .dial(let address): dialed.append(address.host)
      case .lookUp: dialed += book.answered("mesh-a", try addresses(four), now: now).dials.map(\.address.host)
      case .wait: Issue.record("nothing is under way")
      }
      // The fourth works, and its address is kept although the link ends later.
      if number == 4 { book.opened(link) }
      book.closed(link)
    }
    #expect(dialed == ["127.0.0.1", "10.0.0.2", "127.0.0.1", "10.0.0.2", "10.0.0.2", "127.0.0.1"])
  }

  @Test func aDialThatIsGivenUpSaysNothingOfItsAddress() throws {
    var book = AddressBook<LinkID>(bindAddress: "0.0.0.0")
    let endpoint = try #require(endpoint)
    _ = book.dial(.dialed(1), endpoint, now: now)
    book.giveUp(.dialed(1))
    #expect(book.answered("mesh-a", try addresses(four), now: now) == AddressBook<LinkID>.Answer())
    let first = try #require(SocketAddress(literal: "127.0.0.1", port: 17_421))
    #expect(book.dial(.dialed(2), endpoint, now: now) == .dial(first))
    book.giveUp(.dialed(2))
    book.closed(.dialed(2))
    #expect(book.dial(.dialed(3), endpoint, now: now) == .dial(first))
  }

  @Test func anAnswerStandsForAMomentAndAsLongAsNoNewOneIsThere() throws {
    var book = AddressBook<LinkID>(bindAddress: "0.0.0.0")
    let endpoint = try #require(endpoint)
    let (old, new) = (
      SocketAddress(literal: "10.0.0.2", port: 17_421), SocketAddress(literal: "10.0.0.3", port: 17_421)
    )
    _ = book.dial(.dialed(1), endpoint, now: now)
    _ = book.answered("mesh-a", try addresses(["10.0.0.2"]), now: now)
    let fresh = now + (AddressBook<LinkID>.freshness - Duration.microseconds(1))
    #expect(book.dial(.dialed(2), endpoint, now: fresh) == .dial(try #require(old)))
    let later = now + AddressBook<LinkID>.freshness
    #expect(book.dial(.dialed(3), endpoint, now: later) == .lookUp)
    // The resolver is slow: who asks again gets what was known.
    #expect(book.dial(.dialed(4), endpoint, now: later) == .dial(try #require(old)))
    let failed = book.answered("mesh-a", .failure(TransportError("no answer")), now: later)
    #expect(failed.dials.map(\.address) == [try #require(old)] && failed.lost.isEmpty)
    #expect(book.dial(.dialed(5), endpoint, now: later) == .lookUp)
    let moved = book.answered("mesh-a", try addresses(["10.0.0.3"]), now: later)
    #expect(moved.dials.map(\.address) == [try #require(new)])
  }

  @Test func allThatWaitForOneNameHearItsAnswerOnce() throws {
    var book = AddressBook<LinkID>(bindAddress: "0.0.0.0")
    let other = try #require(Endpoint(host: "mesh-a", port: 9))
    #expect(book.dial(.dialed(2), try #require(endpoint), now: now) == .lookUp)
    #expect(book.dial(.dialed(1), other, now: now) == .wait)
    let answer = book.answered("mesh-a", try addresses(["10.0.0.2"]), now: now)
    #expect(hosts(answer) == ["10.0.0.2:9", "10.0.0.2:17421"] && answer.dials.map(\.id) == [.dialed(1), .dialed(2)])
    #expect(book.answered("mesh-a", .failure(TransportError("late")), now: now).lost.isEmpty)
  }

  @Test func aNameThatIsUnknownIsLostWithItsReason() throws {
    var book = AddressBook<LinkID>(bindAddress: "0.0.0.0")
    _ = book.dial(.dialed(1), try #require(endpoint), now: now)
    let answer = book.answered("mesh-a", .failure(TransportError("no such name")), now: now)
    #expect(answer.lost == [.dialed(1)] && answer.reason == "no such name")
    #expect(book.dial(.dialed(2), try #require(endpoint), now: now) == .lookUp)
  }

  @Test func theOldestNameMakesRoom() throws {
    var book = AddressBook<LinkID>(bindAddress: "0.0.0.0")
    for number in 0...AddressBook<LinkID>.namesMax {
      let name = try #require(Endpoint(host: "n\(number)", port: 1))
      let at = now + .microseconds(Int64(number))
      #expect(book.dial(.dialed(UInt64(number)), name, now: at) == .lookUp)
      _ = book.answered("n\(number)", try addresses(["10.0.0.2"]), now: at)
    }
    let later = now + .milliseconds(100)
    #expect(book.dial(.dialed(5_000), try #require(Endpoint(host: "n0", port: 1)), now: later) == .lookUp)
    guard case .dial = book.dial(.dialed(5_001), try #require(Endpoint(host: "n1", port: 1)), now: later) else {
      return #expect(Bool(false), "n1 is forgotten too")
    }
  }
}
