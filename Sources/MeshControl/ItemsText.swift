import MeshBasics
import MeshWire

/// How the steps of a watch of `/v1` are told, as events (`EventText.Form.events`): `RESOURCE.snapshot`, `.change`,
/// `.removal` and `.resync`.
struct ItemsText<Item: Sendable> {
  /// What the items are called together, and one of them.
  let resource, item: String
  let localNodeID: NodeID
  /// Writes an item as a value.
  let write: (Item, inout JSONWriter) -> Void
  /// Writes its name as a member.
  let writeName: (Item, inout JSONWriter) -> Void
  /// Gives the text of one event, made now or kept from before.
  var share: (Watch<Item>.Happening, EventTexts.Key, _ make: () -> [UInt8]) -> [UInt8] = { _, _, make in make() }

  /// Adds a step.
  func write(_ step: Watch<Item>.Step, of watch: Watch<Item>, to text: inout EventText) {
    switch step {
    case .items(let items, let revision, let isFirst, let isComplete):
      let document = Problem.document { json in
        json.member("schemaVersion", "v1")
        json.member("localNodeId", localNodeID.name)
        json.member("revision", "\(revision)")
        json.name("first")
        json.bool(isFirst)
        json.name("complete")
        json.bool(isComplete)
        json.name(resource)
        json.beginArray()
        for item in items { write(item, &json) }
        json.endArray()
      }
      text.event("\(resource).snapshot", id: isComplete ? watch.token?.text : nil, data: document)
    case .changes(let happenings): for happening in happenings { write(happening, of: watch, to: &text) }
    case .resync(let reason):
      text.event("\(resource).resync", id: nil, data: Problem.document { $0.member("reason", reason.rawValue) })
    }
  }

  private func write(_ happening: Watch<Item>.Happening, of watch: Watch<Item>, to text: inout EventText) {
    let key = EventTexts.Key(
      place: happening.place, filter: watch.filter, isRemoval: happening.isRemoval, hasID: happening.completesRevision)
    text.written(share(happening, key) { event(of: happening, watch) })
  }

  private func event(of happening: Watch<Item>.Happening, _ watch: Watch<Item>) -> [UInt8] {
    let document = Problem.document { json in
      json.member("revision", "\(happening.revision)")
      if happening.isRemoval { return writeName(happening.item, &json) }
      json.name(item)
      write(happening.item, &json)
    }
    var text = EventText()
    let id = happening.completesRevision ? watch.token(at: happening.revision).text : nil
    text.event("\(resource).\(happening.isRemoval ? "removal" : "change")", id: id, data: document)
    return text.bytes
  }
}
