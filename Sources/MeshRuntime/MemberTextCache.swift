import MeshBasics
import MeshControl
import MeshThreads

/// The JSON of the members that callers were told of last. Any thread.
final class MemberTextCache: MemberTexts, @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards it.
  private let lock = Lock()
  private var texts: [NodeID: MemberText] = [:]

  /// Members that are kept; beyond it all are forgotten, and those that are still asked for come back.
  static let membersMax = 8_192

  subscript(node: NodeID) -> MemberText? {
    get { lock.locked { texts[node] } }
    set {
      lock.locked {
        if texts.count >= MemberTextCache.membersMax { texts = [:] }
        texts[node] = newValue
      }
    }
  }
}
