import MeshBasics
import Testing

@testable import MeshTransport

/// What a session with a server says, as it is told.
private final class Told: HTTP2Handler {
  var heads: [(status: String?, isTrailers: Bool)] = []

  func received(fields: [HTTPField], on stream: Int32, as section: HTTP2Section, refusal: HTTPFailure?) {
    let isTrailers = if case .trailers = section { true } else { false }
    heads.append((fields[":status"], isTrailers))
  }
  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) -> Int { bytes.count }
  func ended(_ stream: Int32) {}
  func took(_ count: Int, on stream: Int32) {}
  func closed(_ stream: Int32, unsent: Int) {}
}

@Test func theAnswerAfterAnInterimOneIsToldAsAnAnswerAndItsTrailersAsTrailers() throws {
  let told = Told()
  let session = try #require(
    HTTP2Session(
      message: HTTPLimits(), streams: StreamLimits(), limits: HTTP2Limits(), handler: told, isClient: true))
  #expect(
    session.submitRequest([
      HTTPField(":method", "POST"), HTTPField(":scheme", "https"), HTTPField(":path", "/"),
      HTTPField(":authority", "x"),
    ]) == 1)
  var output: [UInt8] = []
  session.fill(&output, upTo: 1 << 16)
  let frames: [HTTP2Frame] = [
    .settings(), .headers(1, [(":status", "103")], flags: HTTP2Frame.endHeaders),
    .headers(1, [(":status", "403")], flags: HTTP2Frame.endHeaders), .data(1, [1]),
    .headers(1, [("grpc-status", "0")]),
  ]
  frames.flatMap(\.bytes).withUnsafeBufferPointer { session.receive($0, now: .origin) }
  #expect(told.heads.map(\.status) == ["103", "403", nil])
  #expect(told.heads.map(\.isTrailers) == [false, false, true])
}
