// How fast and at what cost a mesh of simulated nodes does its work, on a network without faults or with steady loss.
import MeshBasics
import MeshEngine
import MeshWire

/// One measurement of a mesh.
public struct Measurement: Equatable, Sendable {
  /// How many nodes.
  public var nodes = 100
  /// From this everything random follows.
  public var seed: UInt64 = 1
  /// Packets lost, in per cent.
  public var loss: UInt64 = 0
  /// Nodes that handle each input up to 2 s late, in per cent.
  public var slow: UInt64 = 0
  /// For how long false alarms are counted; nil measures times and costs on a quiet network.
  public var minutes: UInt64?

  /// What UDP, IP and QUIC add to each message: 20 + 8 bytes of headers, and about 30 of the QUIC packet and stream
  /// frame, the HTTP/3 frame and the length of the message.
  static let overhead = 58

  /// Also print what happens, but for single messages.
  public var isTraced = false
  /// Whether programs read what is printed: each figure on a line, as name, unit and values with tabs between them.
  public var isForPrograms = false

  /// A measurement of 100 nodes.
  public init() {}

  /// Runs it; each line of the table goes to `output`. Returns the exit status.
  public func run(output: @escaping (String) -> Void) -> Int32 {
    var options = SimulationOptions(seed: seed)
    options.nodes = nodes
    options.profile = .calm
    let stage = MeasurementStage(
      Simulation(options, tell: isTraced ? { line, isDetail in if !isDetail { output(line) } } : nil))
    if !isForPrograms { output("nodes \(nodes), one way 0.1 to 0.6 ms, loss \(loss) %, slow \(slow) %, seed \(seed)") }
    if let minutes {
      stage.countAlarms(loss: loss, slow: slow, minutes: minutes) { line in
        if !isForPrograms { output(line) }
      }
    } else {
      stage.measure()
    }
    for line in isForPrograms ? stage.figures.separated : stage.figures.table { output(line) }
    if let violation = stage.world.violation { output("FAILED \(violation)") }
    return stage.world.violation == nil ? 0 : 1
  }
}
