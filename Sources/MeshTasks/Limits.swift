import MeshBasics

/// Everything that this room bounds. What passes a limit is refused with its name and the allowed range.
public enum TaskLimits {
  /// Tasks that a queue may be set to hold.
  public static let capacityRange = 1...(1 << 24)
  /// Tasks that a queue holds unless it is set to another number (OmniRelay's default).
  public static let capacityDefault = 512
  /// Deliveries of one task, the first included.
  public static let attemptsRange = 1...1_000
  /// Dead letters that take no place of the queue's own.
  public static let deadLettersRange = 0...(1 << 24)
  /// Request ids that a queue may remember.
  public static let requestWindowRange = 0...(1 << 20)
  /// Bytes of one payload.
  public static let payloadBytesMax = 64 << 20
  /// Bytes of a name of a queue.
  public static let nameBytesMax = 128
  /// Bytes of a key, a request id, a content type.
  public static let textBytesMax = 256
  /// Attributes of one task.
  public static let attributesMax = 32
  /// Bytes that the names and values of one task's attributes have together.
  public static let attributeBytesMax = 8_192
  /// Bytes that are kept of the reason for which a task failed.
  public static let reasonBytesMax = 1_024
  /// Greater goes first.
  public static let priorityRange: ClosedRange<Int> = -4...3
  /// The shortest lease that may be set.
  public static let leaseDurationMin = Duration.milliseconds(1)
  /// The longest.
  public static let leaseDurationMax = Duration.seconds(7 * 24 * 3_600)
  /// The longest delay before a task is delivered: at its admission, or again.
  public static let delayMax = Duration.seconds(365 * 24 * 3_600)
  /// Calls that may wait at a queue, in each of its two lines.
  public static let waitersMax = 4_096
  /// Monitors of one queue.
  public static let monitorsMax = 16
  /// Signals that a monitor remembers.
  public static let signalsKept = 64
  /// Leases and delays that one turn of the room ends before it comes to what it was asked.
  public static let dueMax = 64
  /// Tasks that a queue remembers to have handed back, and to have taken in from other lives.
  public static let knownMax = 1 << 24
  /// Lives of queues whose tasks one queue may take in from snapshots.
  public static let epochsMax = 1_024
  /// Permits of one limit of a gate.
  public static let permitsMax = 1_000_000
  /// The shortest period or window of such a limit.
  public static let ratePeriodMin = Duration.milliseconds(1)
  /// The longest.
  public static let ratePeriodMax = Duration.seconds(3_600)
  /// Segments in which a window is counted.
  public static let windowSegmentsMax = 64
  /// Gates that follow the monitors of one queue.
  public static let followersMax = 64
  /// Pumps of one queue.
  public static let pumpsMax = 64
  /// Credit of one pump.
  public static let creditMax = 16_383
  /// The longest that a pump may keep the lease of one task alive.
  public static let holdMax = Duration.seconds(7 * 24 * 3_600)
}
