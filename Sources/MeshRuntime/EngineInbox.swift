import MeshBasics
import MeshTransport

/// The engine's mailbox. It has a place for every message that the peers of open connections may have waiting, so that
/// none of them can take another's; the next part is for hosts, so that nothing from the mesh can keep a host from
/// stopping its node; the rest is kept for what must not be lost: the opening and closing of links, finished writes.
final class EngineInbox: Sendable {
  private static let capacity = LinkTransport.messagesWaitingMax + reserved + reservedForHosts
  /// More than all the links, dials and writes that a node may have under way at once.
  private static let reserved = 8_192
  private static let reservedForHosts = 4_096

  private let mailbox = Mailbox<EngineMessage>(capacity: capacity)

  /// For what peers send. False when there is no room, which takes messages of connections that have ended: the message
  /// is lost, and repaired by the protocol.
  func post(_ message: EngineMessage) -> Bool {
    mailbox.post(message, keepingFree: EngineInbox.reserved &+ EngineInbox.reservedForHosts)
  }

  /// For what a host asks. False when there is no room: the answer is `busy`.
  func postCommand(_ message: EngineMessage) -> Bool { mailbox.post(message, keepingFree: EngineInbox.reserved) }

  /// For what must get through: the places kept for it outnumber what can be under way.
  func mustPost(_ message: EngineMessage) { _ = mailbox.post(message) }

  func wait(timeout: Duration?) { mailbox.wait(timeout: timeout) }

  func drain(into list: inout [EngineMessage]) { mailbox.drain(into: &list) }

  func close() { mailbox.close() }
}
