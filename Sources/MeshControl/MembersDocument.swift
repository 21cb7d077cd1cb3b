import MeshMembership
import MeshWire

/// `GET /v1/members`: the members that a query asks for, page by page, with a tag by which a client that has them
/// already gets no second copy.
enum MembersDocument {
  static func answer(_ request: ControlRequest, _ view: NodeView) -> ControlResponse {
    if request.ifNoneMatch == nil, let page = view.texts?.pages.page(of: request.target, in: view) { return page }
    let query: MembersQuery
    do throws(MembersQuery.Failure) {
      query = try MembersQuery(target: request.target)
    } catch {
      return Problem.response(400, error.detail)
    }
    if query.isWatch {
      return view.mayWatch ? MembersDocument.watch(query, request) : Problem.tooManyWatches
    }
    let tag = tag(of: view)
    let header = ControlHeader("ETag", tag)
    if isKnown(tag, to: request) { return ControlResponse(status: 304, headers: [header], body: []) }
    let (members, nextCursor) = query.page(of: view.members)
    var response = Problem.content(
      200,
      Problem.document { json in
        json.member("schemaVersion", "v1")
        json.member("localNodeId", view.localNodeID.name)
        json.member("revision", "\(view.revision)")
        json.name("members")
        json.beginArray()
        for member in members { MemberDocument.writeWithLink(member, at: view.clock, view.texts, to: &json) }
        json.endArray()
        if let nextCursor { json.member("nextCursor", nextCursor) }
      })
    response.headers.append(header)
    view.texts?.pages.keep(response, of: request.target, in: view)
    return response
  }

  /// The state of the view. It is weak (RFC 9110 §8.8.1): when members were heard last, and how long a round trip took,
  /// change all the time and change no tag.
  private static func tag(of view: NodeView) -> String {
    "W/\"\(WatchToken(life: view.life, revision: view.revision).text)\""
  }

  /// The head of a stream of events; what follows is made while it is read. A browser that comes back by itself says
  /// where it left off in a field, everybody else in the query.
  private static func watch(_ query: MembersQuery, _ request: ControlRequest) -> ControlResponse {
    let token = (request.lastEventID ?? query.after).map(WatchToken.orUnknown)
    var response = ControlResponse(
      status: 200,
      headers: [ControlHeader("Content-Type", "text/event-stream"), ControlHeader("Cache-Control", "no-cache")],
      body: [])
    response.watch = MembersWatchRequest(query: query, token: token)
    return response
  }

  /// Whether `If-None-Match` names the tag, by weak comparison (RFC 9110 §13.1.2).
  private static func isKnown(_ tag: String, to request: ControlRequest) -> Bool {
    guard let known = request.ifNoneMatch else { return false }
    let opaque = tag.utf8.dropFirst(2)
    return known.utf8.split(separator: UInt8(ascii: ",")).contains { part in
      var part = part.drop(while: ASCII.isBlank)
      while let last = part.last, ASCII.isBlank(last) { part = part.dropLast() }
      let weak = part.starts(with: "W/".utf8) ? part.dropFirst(2) : part
      return weak.elementsEqual(opaque) || part.elementsEqual("*".utf8)
    }
  }
}
