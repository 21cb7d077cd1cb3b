// node: its life, its subscribers, and pictures of its mesh.
import CMeshKit
import MeshRuntime
import MeshThreads

/// A node, and the C image of its newest picture.
final class NodeObject: @unchecked Sendable {
  let node: Node
  private let lock = Lock()
  private var newest: MembersImage?

  init(_ node: Node) { self.node = node }

  /// The image of the newest snapshot, laid out by the first who asks after a change.
  func members() -> MembersImage {
    let snapshot = node.members()
    if let image = lock.locked({ newest }), image.snapshot === snapshot { return image }
    let image = MembersImage(snapshot)
    return lock.locked {
      // Another thread may have laid out this picture, or a newer one, meanwhile: keep the newest.
      if let other = newest, other.snapshot.revision >= snapshot.revision { return other }
      newest = image
      return image
    }
  }
}

/// Opens a node: checks the configuration as a whole, binds its ports, loads keys and state, starts its threads.
@_cdecl("meshkit_node_open") @implementation
public func meshkit_node_open(
  _ config: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let object = try Handles.configs.take(config)
    let place = try required(out, "out")
    let node = NodeObject(try Node.open(try object.resolve()))
    try give(node, Handles.nodes, place)
  }
}

/// Delivers the node's events of `topics` (MESHKIT_TOPIC_*) to a stream until either ends.
@_cdecl("meshkit_node_subscribe") @implementation
public func meshkit_node_subscribe(
  _ node: OpaquePointer?, _ events: OpaquePointer?, _ topics: UInt32, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    let stream = try Handles.events.find(events)
    guard Topics.all.isSuperset(of: Topics(rawValue: topics)) else {
      throw MeshError(.unsupported, "topics \(topics): this library knows \(Topics.all.rawValue)")
    }
    try object.node.subscribe(stream, topics: Topics(rawValue: topics))
  }
}

/// Replaces this node's labels; the mesh hears of it.
@_cdecl("meshkit_node_set_labels") @implementation
public func meshkit_node_set_labels(
  _ node: OpaquePointer?, _ labels: UnsafePointer<meshkit_pair_t>?, _ label_count: Int, _ events: OpaquePointer?,
  _ token: UInt64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    let labels = try copyLabels(labels, label_count)
    try object.node.setLabels(labels, stream: try optionalStream(events), token: token)
  }
}

private func copyLabels(_ labels: UnsafePointer<meshkit_pair_t>?, _ count: Int) throws(MeshError) -> [Label] {
  guard count >= 0, count <= Int(MESHKIT_NODE_LABELS_MAX) else {
    throw MeshError(
      .argument, "label_count \(UInt(bitPattern: count)): a node may have at most \(MESHKIT_NODE_LABELS_MAX) labels")
  }
  guard labels != nil || count == 0 else { throw MeshError(.argument, "labels is NULL but has a count") }
  var copies: [Label] = []
  for pair in UnsafeBufferPointer(start: labels, count: count) {
    let key = try text(pair.key.ptr, pair.key.len, "a label's key")
    copies.append(Label(key: key, value: try text(pair.value.ptr, pair.value.len, "a label's value")))
  }
  return copies
}

/// Tells the mesh that this node wants no new work, or wants it again.
@_cdecl("meshkit_node_set_draining") @implementation
public func meshkit_node_set_draining(
  _ node: OpaquePointer?, _ draining: Int32, _ events: OpaquePointer?, _ token: UInt64,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    guard draining == 0 || draining == 1 else {
      throw MeshError(.argument, "draining is \(draining); 0 and 1 are allowed")
    }
    try object.node.setDraining(draining == 1, stream: try optionalStream(events), token: token)
  }
}

/// Declares a dead or lost member gone, in the whole mesh at once, on an operator's word.
@_cdecl("meshkit_node_remove_member") @implementation
public func meshkit_node_remove_member(
  _ node: OpaquePointer?, _ node_id: meshkit_bytes_t, _ events: OpaquePointer?, _ token: UInt64,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    let name = try text(node_id.ptr, node_id.len, max: Int32(NodeID.lengthMax), "node_id")
    guard let member = NodeID(name) else {
      let shown = name.unicodeScalars.map { $0.escaped(asASCII: true) }.joined()
      throw MeshError(
        .argument,
        "node_id '\(shown)' is no name of a node; allowed: 1 to \(NodeID.lengthMax) letters, digits, '.', '-' and '_'"
      )
    }
    try object.node.removeMember(member, stream: try optionalStream(events), token: token)
  }
}

/// Tells every other member `payload` under `topic`.
@_cdecl("meshkit_node_broadcast") @implementation
public func meshkit_node_broadcast(
  _ node: OpaquePointer?, _ topic: meshkit_bytes_t, _ payload: meshkit_bytes_t, _ events: OpaquePointer?,
  _ token: UInt64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    let name = try text(topic.ptr, topic.len, max: MESHKIT_BROADCAST_TOPIC_LEN_MAX, "topic")
    let bytes = try input(payload.ptr, payload.len, max: MESHKIT_BROADCAST_PAYLOAD_LEN_MAX, "payload")
    let stream = try optionalStream(events)
    try object.node.broadcast(topic: name, payload: [UInt8](bytes), stream: stream, token: token)
  }
}

/// The stream that wants the completion; NULL when nobody does.
private func optionalStream(_ events: OpaquePointer?) throws(MeshError) -> EventStream? {
  events == nil ? nil : try Handles.events.find(events)
}

/// Says goodbye to the mesh and stops.
@_cdecl("meshkit_node_stop") @implementation
public func meshkit_node_stop(
  _ node: OpaquePointer?, _ events: OpaquePointer?, _ token: UInt64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    try object.node.stop(stream: try optionalStream(events), token: token)
  }
}

/// meshkit_node_stop(), and waits up to `timeout_ms` for the end; negative waits for ever.
@_cdecl("meshkit_node_stop_wait") @implementation
public func meshkit_node_stop_wait(
  _ node: OpaquePointer?, _ timeout_ms: Int64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    try Handles.nodes.find(node).node.stopAndWait(timeout: timeout(milliseconds: timeout_ms))
  }
}

/// The port of the mesh listener, of use when 0 was configured.
@_cdecl("meshkit_node_mesh_port") @implementation
public func meshkit_node_mesh_port(_ node: OpaquePointer?) -> Int32 {
  number { () throws(MeshError) in Int32(try Handles.nodes.find(node).node.meshPort) }
}

/// The port of the control listener.
@_cdecl("meshkit_node_control_port") @implementation
public func meshkit_node_control_port(_ node: OpaquePointer?) -> Int32 {
  number { () throws(MeshError) in Int32(try Handles.nodes.find(node).node.controlPort) }
}

/// Takes a picture of the membership.
@_cdecl("meshkit_node_members") @implementation
public func meshkit_node_members(
  _ node: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    try give(object.members(), Handles.members, try required(out, "out"))
  }
}

/// Releases a node.
@_cdecl("meshkit_node_release") @implementation
public func meshkit_node_release(_ node: OpaquePointer?) { release(Handles.nodes, node) { $0.node.abandon() } }
