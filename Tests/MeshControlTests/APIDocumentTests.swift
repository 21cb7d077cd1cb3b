import Foundation
import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

@Suite struct APIDocumentTests {
  private let document: JSONValue

  init() throws { document = try JSONValue.parse(OpenAPIDocument.bytes, bytesMax: 1 << 20) }

  private func member(_ path: String...) -> JSONValue? {
    path.reduce(document) { value, name in value?.member(name) }
  }

  @Test func everyRouteIsInTheDocumentWithItsScopeAndItsAnswers() throws {
    for route in Route.all {
      let operation = try #require(member("paths", route.path, route.method.lowercased()), "\(route.path)")
      #expect(operation.member("x-mesh-scope")?.text == route.answer.scope.names)
      for answer in route.answer.document.answers + [.forbidden(route)] {
        #expect(operation.member("responses")?.member("\(answer.status)") != nil)
      }
    }
    guard case .object(let paths)? = member("paths") else { throw CancellationError() }
    #expect(Set(paths.map(\.name)) == Set(Route.all.map(\.path)))
  }

  @Test func idsOfOperationsAreUniqueAndAllSchemasAreThere() throws {
    let text = String(decoding: OpenAPIDocument.bytes, as: UTF8.self)
    let ids = text.matches(of: /"operationId":"(\w+)"/).map { String($0.output.1) }
    #expect(ids.count == Route.all.count && Set(ids).count == ids.count)
    let used = Set(text.matches(of: /#\/components\/schemas\/(\w+)/).map { String($0.output.1) })
    let named = Set(Schemas.all.map(\.name))
    #expect(used == named)
  }

  @Test func itIsServedToWhoMayObserve() throws {
    let response = Control.respond(
      to: ControlRequest(method: "GET", target: "/control/openapi.json", host: "localhost", origin: nil, body: []),
      view: try view([.observe]), metrics: { [] }, perform: { _ in .accepted })
    #expect(response.status == 200 && response.body == OpenAPIDocument.bytes)
    #expect(response.headers == [ControlHeader("Content-Type", "application/json")])
  }

  @Test func theReferenceIsWhatTheTablesSay() throws {
    let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/reference/http-api.md")
    if ProcessInfo.processInfo.environment["MESHKIT_UPDATE_DOCS"] == "1" {
      try HTTPReference.page.write(to: page, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOf: page, encoding: .utf8) == HTTPReference.page, "run with MESHKIT_UPDATE_DOCS=1")
  }

  private func view(_ scopes: ControlScopes) throws -> NodeView {
    NodeView(
      localNodeID: try #require(NodeID("a")), members: [], clock: MemberClock(now: .origin, unixTicks: 0),
      isLeaving: false, notReady: [],
      scopes: scopes, activeRequests: 0)
  }
}
