/// What a broken invariant does. Tests trap. Elsewhere it answers false and the room emits its poison effect: the node
/// stops, because a bug of ours must not kill the host, and the simulator fails the seed and prints how to repeat it.
public enum InvariantPolicy {
  /// Set once, before any room runs, by test bundles.
  nonisolated(unsafe) public static var trapsOnViolation = false
}

/// Checks what must hold if our own code is right. Input of peers or hosts never belongs here.
///
/// Returns `condition`, so that a room can write `guard invariant(...) else { poison }`.
public func invariant(
  _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Bool {
  if !condition && InvariantPolicy.trapsOnViolation {
    // tidy:allow fatalError: the one place where a violation may trap, and only in tests.
    fatalError("invariant violated: \(message())", file: file, line: line)
  }
  return condition
}
