import Synchronization

@testable import MeshCommand

/// What a command line printed and how it ended.
struct Collected {
  let results: String
  let complaints: String
  let exitCode: ExitCode

  /// Runs `words` as the command line.
  static func running(_ words: String...) -> Collected { running(words) }

  /// Runs `words` as the command line.
  static func running(_ words: [String]) -> Collected { by { Command(output: $0).run(words) } }

  /// What `body` prints, and how it ends; an error is printed as the command prints it.
  static func by(_ body: (Output) throws(CommandError) -> ExitCode) -> Collected {
    let sink = Sink()
    let output = Output(results: { sink.add($0, to: 0) }, complaints: { sink.add($0, to: 1) })
    let exitCode: ExitCode
    do throws(CommandError) {
      exitCode = try body(output)
    } catch {
      output.complain(error.message)
      exitCode = error.exitCode
    }
    return Collected(results: sink.text(0), complaints: sink.text(1), exitCode: exitCode)
  }
}

private final class Sink: Sendable {
  private let bytes = Mutex<[[UInt8]]>([[], []])

  func add(_ more: [UInt8], to index: Int) { bytes.withLock { $0[index] += more } }
  func text(_ index: Int) -> String { bytes.withLock { String(decoding: $0[index], as: UTF8.self) } }
}
