import MeshWire

/// The small JSON documents of the control plane: liveness, readiness (contracts: http §14) and errors.
enum HealthDocument {
  /// Which question is answered.
  enum Mode: String {
    /// Does the process answer at all? A draining node does.
    case live
    /// Should callers rely on the node?
    case ready
  }

  static func bytes(_ mode: Mode, issues: [String], _ view: NodeView) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.name("status")
    json.string(issues.isEmpty ? "ok" : "unavailable")
    json.name("mode")
    json.string(mode.rawValue)
    json.name("issues")
    json.beginArray()
    for issue in issues { json.string(issue) }
    json.endArray()
    json.name("activeRequests")
    json.integer(Int64(clamping: view.activeRequests))
    json.name("draining")
    json.bool(view.isDraining)
    json.endObject()
    return json.bytes
  }

  static func error(_ message: String) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.name("error")
    json.string(message)
    json.endObject()
    return json.bytes
  }
}
