// What a peer may have waiting with the reader of its messages. Each connection has its own: who sends more than the
// reader takes is held back by QUIC's flow control, alone, and the reader's queue has a bound that no peer can pass.
import MeshBasics
import MeshThreads

/// One message of a peer. It counts against its connection until it is taken.
public struct InboundMessage: Sendable {
  /// The message, without its prefix.
  public let bytes: [UInt8]
  private let credit: InboundCredit

  init(_ bytes: [UInt8], of credit: InboundCredit) {
    self.bytes = bytes
    self.credit = credit
    credit.take(bytes.count)
  }

  /// The reader is done with the message, or drops it: its connection may hand over another. Once for each message;
  /// any thread.
  public func taken() { credit.giveBack(bytes.count) }
}

/// How many messages of one connection, and how many of their bytes, wait with the reader. The link thread takes, the
/// reader gives back.
///
/// When all is used up the link thread stops reading and is woken once, as soon as half is back: so a link that is
/// never full costs no wake-up, and a full one no more than one for half of its credit.
final class InboundCredit: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private let lock = Lock()
  private let messagesMax: Int
  private let bytesMax: Int
  private let wake: @Sendable () -> Void
  private var messages = 0
  private var bytes = 0
  /// The link thread waits for credit. Set under the lock, and only while something is to be given back: so the wake
  /// that ends the wait can't be missed.
  private var isAwaited = false

  /// `wake` is called, on the reader's thread, when a connection that was held back may go on.
  init(messagesMax: Int, bytesMax: Int, wake: @escaping @Sendable () -> Void) {
    self.messagesMax = max(1, messagesMax)
    self.bytesMax = max(1, bytesMax)
    self.wake = wake
  }

  /// Whether one more message may be handed over, of whatever length. After a no the answer stays no until half of the
  /// credit is back; then `wake` is called.
  func hasRoom() -> Bool {
    lock.locked {
      if isAwaited { return false }
      isAwaited = messages >= messagesMax || bytes >= bytesMax
      return !isAwaited
    }
  }

  fileprivate func take(_ count: Int) {
    lock.locked {
      messages &+= 1
      bytes &+= count
    }
  }

  fileprivate func giveBack(_ count: Int) {
    let mayGoOn = lock.locked {
      messages &-= 1
      bytes &-= count
      guard isAwaited, messages <= messagesMax / 2, bytes <= bytesMax / 2 else { return false }
      isAwaited = false
      return true
    }
    if mayGoOn { wake() }
  }
}

/// Tells a link that comes to the end of its credit again and again from one that had a burst. Pure: the time comes in.
struct CreditPressure {
  private var since = Instant.origin
  private var last: Instant?

  /// The link has come to the end of its credit. True when it has done so for `patience` without ever being at ease
  /// for `ease`; from then on that is counted anew.
  mutating func came(_ now: Instant, patience: Duration, ease: Duration) -> Bool {
    let wasAtEase = last.map { now >= $0 + ease } ?? true
    if wasAtEase { since = now }
    last = now
    guard now >= since + patience else { return false }
    since = now
    return true
  }
}
