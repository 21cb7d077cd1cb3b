import MeshBasics
import MeshEngine

/// What the queue of the simulator holds.
enum Event {
  /// A process begins a life.
  case start(process: Int)
  /// A deadline of its engine has come.
  case wake(process: Int, life: Int)
  /// Something in its inbox is due.
  case inbox(process: Int, life: Int)
  /// Something happens to its engine.
  indirect case input(process: Int, life: Int, EngineInput)
  /// A dialed or accepted link is open.
  indirect case opened(slot: Int, generation: UInt32, side: Int)
  /// A message reaches the machine of a connection's side.
  case arrival(slot: Int, generation: UInt32, side: Int, Parcel)
  /// A message of a link reaches the process.
  indirect case received(process: Int, life: Int, LinkID, Parcel)
  /// The side of a connection learns of its end.
  indirect case ended(slot: Int, generation: UInt32, side: Int, LinkEnd)
  /// The side of a connection doubts it.
  case doubted(slot: Int, generation: UInt32, side: Int)
  /// Nothing got through towards the side since `since`, for as long as a connection lives.
  indirect case idle(slot: Int, generation: UInt32, side: Int, since: Instant)
  /// A dial reaches the machine that it is meant for.
  indirect case dialed(process: Int, life: Int, LinkID, Endpoint, since: Instant)
  /// A write is on disk.
  indirect case written(process: Int, life: Int, SyncToken, StoreWrite)
  /// A fault of the plan begins or ends.
  case fault(Int)
  case faultEnds(Int)
  /// A burst of loss begins or ends.
  case burst(fault: Int)
  /// A hostile process does its next mischief.
  case mischief(process: Int, life: Int)
  /// The faults are over.
  case calm
  /// It is looked at whether all agree.
  case inspection
}
