import MeshBasics
import MeshEngine
import MeshStore
import MeshTransport

/// The `disk` thread: makes the engine's writes durable, in order, and says so.
///
/// When it finds several writes of one kind waiting, it does the newest and acknowledges all: an older picture of the
/// same file is worth nothing once a newer one is durable.
final class DiskWorker: @unchecked Sendable {
  private struct Job: Sendable {
    let token: SyncToken
    let write: StoreWrite
  }

  private enum Message: Sendable {
    case job(Job)
    case stop
  }

  /// The engine has at most one epoch and one list of peers under way, so this is never reached.
  private static let mailboxCapacity = 256

  /// For the disk thread alone, which lets go of it at its end: the folder's lock is free once the node has stopped,
  /// even while a host still holds the node.
  private var store: NodeStore?
  private let mailbox: Mailbox<Message>
  private let report: @Sendable (EngineInput) -> Void

  init(store: NodeStore, report: @escaping @Sendable (EngineInput) -> Void) {
    self.store = store
    self.report = report
    mailbox = Mailbox(capacity: DiskWorker.mailboxCapacity)
  }

  /// Asks for a write; false when the mailbox is full.
  func write(_ write: StoreWrite, token: SyncToken) -> Bool { mailbox.post(.job(Job(token: token, write: write))) }

  /// Lets the thread end once all writes before it are done.
  func stop() -> Bool { mailbox.post(.stop) }

  /// The body of the thread.
  func run() {
    var messages: [Message] = []
    while true {
      mailbox.wait(timeout: nil)
      messages.removeAll(keepingCapacity: true)
      mailbox.drain(into: &messages)
      var jobs: [Job] = []
      for message in messages {
        guard case .job(let job) = message else {
          perform(jobs)
          store = nil
          return
        }
        jobs.append(job)
      }
      perform(jobs)
    }
  }

  private func perform(_ jobs: [Job]) {
    for (index, job) in jobs.enumerated() {
      let isSuperseded = jobs[(index + 1)...].contains { $0.write.isSameFile(as: job.write) }
      if isSuperseded { continue }
      let acknowledged = jobs[...index].filter { $0.write.isSameFile(as: job.write) }
      do throws(StoreError) {
        try store?.write(job.write)
        for done in acknowledged { report(.stored(done.token)) }
      } catch {
        for failed in acknowledged { report(.storeFailed(failed.token, reason: error.description)) }
      }
    }
  }
}

extension StoreWrite {
  fileprivate func isSameFile(as other: StoreWrite) -> Bool {
    switch (self, other) {
    case (.epoch, .epoch), (.knownPeers, .knownPeers): return true
    default: return false
    }
  }
}
