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
    // When members were heard last, and how long a round trip took, change no revision.
    let tag = EntityTag(life: view.life, revision: view.revision)
    if tag.isKnown(to: request) { return ControlResponse(status: 304, headers: [tag.header], body: []) }
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
    response.headers.append(tag.header)
    view.texts?.pages.keep(response, of: request.target, in: view)
    return response
  }

  /// The head of a stream of events; what follows is made while it is read. A browser that comes back by itself says
  /// where it left off in a field, everybody else in the query.
  private static func watch(_ query: MembersQuery, _ request: ControlRequest) -> ControlResponse {
    let token = (request.lastEventID ?? query.after).map(WatchToken.orUnknown)
    return .watch(.members(MembersWatchRequest(query: query, token: token)), type: "text/event-stream")
  }
}
