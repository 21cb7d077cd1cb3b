import Glibc
import MeshBasics
import MeshRuntime

/// Where the command writes: results to one place, complaints to another. Tests collect both; the process writes them
/// with `write(2)`, unbuffered, so that a reader on a pipe sees each line when it happens.
struct Output: Sendable {
  private let results: @Sendable ([UInt8]) -> Void
  private let complaints: @Sendable ([UInt8]) -> Void

  init(results: @escaping @Sendable ([UInt8]) -> Void, complaints: @escaping @Sendable ([UInt8]) -> Void) {
    self.results = results
    self.complaints = complaints
  }

  /// Standard output and standard error of this process.
  static let process = Output(
    results: { writeAll($0, to: STDOUT_FILENO) }, complaints: { writeAll($0, to: STDERR_FILENO) })

  /// One line, or several, of results.
  func line(_ text: String) { results(Array(text.utf8) + [UInt8(ascii: "\n")]) }

  /// One line of JSON; members that are null are left out.
  func object(_ members: KeyValuePairs<String, JSONValue>) { line(JSONText.object(members)) }

  /// One line, or several, about what went wrong.
  func complain(_ text: String) { complaints(Array(text.utf8) + [UInt8(ascii: "\n")]) }
}

/// A reader that went away is no error of the command: what can't be written is dropped.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count > 0 {
      rest = rest.dropFirst(count)
    } else if count < 0, errno == EINTR {
      continue
    } else {
      return
    }
  }
}

/// `text` with every control character replaced, so that a name from the network can't steer the operator's terminal.
func printable(_ text: String) -> String {
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars { result.append(scalar.steersText ? "?" : scalar) }
  return String(result)
}
