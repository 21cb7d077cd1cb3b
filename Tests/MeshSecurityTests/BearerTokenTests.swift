import Glibc
import MeshBasics
import Testing

@testable import MeshSecurity

@Test func tokensAreNewEachTimeAndKnownByTheirDigest() throws {
  let directory = try TemporaryDirectory()
  let (first, second) = (BearerToken.make(), BearerToken.make())
  #expect(first != second)
  try first.save(to: directory.file("token"))
  let line = String(decoding: try directory.read("token"), as: UTF8.self)
  #expect(line.hasPrefix("mkt_") && line.hasSuffix("\n") && line.utf8.count == 4 + 64 + 1)
  let text = String(line.dropLast())
  #expect(BearerSyntax.isToken(text.utf8))
  #expect(OpenSSL.hexadecimal(BearerToken.digest(of: text)) == first.sha256 && first.sha256 != second.sha256)
  // FIPS 180-2, appendix B.1.
  #expect(
    OpenSSL.hexadecimal(BearerToken.digest(of: "abc"))
      == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
}

@Test func aTokensFileIsItsOwnersAloneAndNeverReplaced() throws {
  let directory = try TemporaryDirectory()
  let path = directory.file("token")
  try BearerToken.make().save(to: path)
  var status = stat()
  #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
  let before = try directory.read("token")
  let error = #expect(throws: SecurityError.self) { try BearerToken.make().save(to: path) }
  #expect(error?.description.contains("\(path) exists already") == true)
  #expect(try directory.read("token") == before)
  #expect(throws: SecurityError.self) { try BearerToken.make().save(to: directory.file("none/token")) }
}

@Test func aTokenIsNeverPrinted() throws {
  let directory = try TemporaryDirectory()
  let token = BearerToken.make()
  try token.save(to: directory.file("token"))
  let text = String(decoding: try directory.read("token").dropLast(), as: UTF8.self)
  var dumped = ""
  dump(token, to: &dumped)
  for printed in ["\(token)", String(reflecting: token), dumped] { #expect(!printed.contains(text)) }
}

@Test func aFileIsReadAgainOnlyWhenItWasReplacedAndUntilItWasTakenOver() throws {
  let directory = try TemporaryDirectory()
  let path = try directory.write([1], "f")
  var file = ReloadedFile(path: path, role: "principals", sizeMax: 4)
  let first = try #require(try file.changed())
  #expect(first.bytes == [1] && !first.isWritableByAll)
  #expect(try file.changed()?.bytes == [1], "nobody could use it yet")
  file.tookOver(first)
  #expect(try file.changed() == nil)
  try directory.write([2, 3], "f")
  let second = try #require(try file.changed())
  #expect(second.bytes == [2, 3])
  file.tookOver(second)
  try directory.write([1, 2, 3, 4, 5], "f")
  let error = #expect(throws: SecurityError.self) { _ = try file.changed() }
  #expect(error?.description == "principals file \(path) is larger than 4 bytes")
  chmod(try directory.write([7], "f"), 0o602)
  #expect(try file.changed()?.isWritableByAll == true)
}
