/// What a broken invariant does. The simulator and the tests trap; the shipped library answers false, and the room
/// emits its poison effect, because a bug of ours must not kill the host.
public enum InvariantPolicy {
  /// Set once, before any room runs, by the simulator and by test bundles.
  nonisolated(unsafe) public static var trapsOnViolation = false
}

/// Checks what must hold if our own code is right. Input of peers or hosts never belongs here.
///
/// Returns `condition`, so that a room can write `guard invariant(...) else { poison }`.
public func invariant(
  _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Bool {
  if !condition && InvariantPolicy.trapsOnViolation {
    // tidy:allow fatalError: the one place where a violation may trap, and only in tests and the simulator.
    fatalError("invariant violated: \(message())", file: file, line: line)
  }
  return condition
}
