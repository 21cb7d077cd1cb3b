import MeshBasics
import MeshControl
import MeshThreads

/// The JSON of the members that callers were told of last. Any thread.
final class MemberTextCache: MemberTexts, @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards it.
  private let lock = Lock()
  private var texts: [MemberTextKey: MemberText] = [:]
  private var lastPages = MembersPages()
  private var events = EventTexts()

  /// Texts that are kept; beyond it all are forgotten, and those that are still asked for come back.
  static let textsMax = 8_192

  subscript(key: MemberTextKey) -> MemberText? {
    get { lock.locked { texts[key] } }
    set {
      lock.locked {
        if texts.count >= MemberTextCache.textsMax { texts = [:] }
        texts[key] = newValue
      }
    }
  }

  var pages: MembersPages {
    get { lock.locked { lastPages } }
    set { lock.locked { lastPages = newValue } }
  }

  func withEvents<R>(_ body: (inout EventTexts) -> R) -> R { lock.locked { body(&events) } }
}
