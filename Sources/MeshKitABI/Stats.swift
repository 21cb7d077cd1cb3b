// stats: the figures of a node as one JSON document.
import CMeshKit
import MeshRuntime

/// The node's figures as one JSON document; docs/reference/statistics.md explains every field.
@_cdecl("meshkit_node_stats_json") @implementation
public func meshkit_node_stats_json(
  _ node: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    let place = try required(out, "out")
    try give(TextObject(object.node.statisticsJSON()), Handles.texts, place)
  }
}
