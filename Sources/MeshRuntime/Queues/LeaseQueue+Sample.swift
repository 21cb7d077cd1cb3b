// What a node sees of a queue that is attached to it.
import MeshBasics
import MeshTasks
import MeshTransport

/// A queue at one moment.
struct QueueSample {
  let state: TaskQueueState
  let counts: TaskCounts
  let oldestAge: Duration?
  let monitors: [MonitorState]
  /// What its monitors have said that the node doesn't know, each oldest first.
  let signals: [(monitor: MonitorID, signal: BackpressureSignal)]
}

extension LeaseQueue {
  /// The queue now; nil once it is closed, or its owner has let go of it. `known` is the version of the last signal of
  /// a monitor that the node has.
  func sample(_ now: Instant, known: (MonitorID) -> UInt64) -> QueueSample? {
    lock.locked {
      guard !state.pointee.isAbandoned, !state.pointee.room.isClosed else { return nil }
      let monitors = state.pointee.room.monitorStates
      var signals: [(MonitorID, BackpressureSignal)] = []
      for monitor in monitors {
        let version = known(monitor.id)
        guard monitor.latest.version > version else { continue }
        for signal in state.pointee.room.signals(of: monitor.id, after: version)?.signals ?? [] {
          signals.append((monitor.id, signal))
        }
      }
      return QueueSample(
        state: state.pointee.room.state, counts: state.pointee.room.counts,
        oldestAge: state.pointee.room.oldestReadyAt.map { max(.zero, now.since($0)) }, monitors: monitors,
        signals: signals)
    }
  }
}
