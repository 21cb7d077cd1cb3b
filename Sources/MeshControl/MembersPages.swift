import MeshBasics

/// The last pages of `GET /v1/members`, for those who ask the same at nearly the same time: to write the members of a
/// large mesh anew for each caller would be most of the work of an answer.
///
/// *Limits*: `pagesMax` pages, all of one picture of the members, each told for `life` after it was written.
public struct MembersPages: Sendable {
  static let pagesMax = 4
  /// By so much the moments in a page may be older than its answer: that at which the local member, which hears itself
  /// all the time, was heard.
  static let life = Duration.milliseconds(10)

  private struct Page {
    let target: String
    let written: Instant
    let response: ControlResponse
  }

  private var picture: UInt64 = 0
  /// The oldest first.
  private var pages: [Page] = []

  /// No pages.
  public init() {}

  /// The page that `target` is asked for, if it was written just now.
  func page(of target: String, in view: NodeView) -> ControlResponse? {
    guard view.picture == picture else { return nil }
    return pages.first { $0.target == target && view.clock.now < $0.written + MembersPages.life }?.response
  }

  /// Keeps `response`, the page that `target` was asked for.
  mutating func keep(_ response: ControlResponse, of target: String, in view: NodeView) {
    guard let picture = view.picture else { return }
    if picture != self.picture { (self.picture, pages) = (picture, []) }
    pages.removeAll { $0.target == target }
    if pages.count >= MembersPages.pagesMax { pages.removeFirst() }
    pages.append(Page(target: target, written: view.clock.now, response: response))
  }
}
