/// An immutable value that many holders share: copying it copies a reference, however large the value is. Two that
/// share one box are equal without a look at the value, which makes comparing large tables of them cheap.
public struct Shared<Value: Sendable>: Sendable {
  private let box: Box

  /// Puts `value` in a box of its own.
  public init(_ value: Value) { box = Box(value) }

  /// What the box holds.
  public var value: Value { box.value }

  /// Whether both share one box, so that their values can't differ.
  public func isSame(as other: Shared) -> Bool { box === other.box }

  private final class Box: Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
  }
}

extension Shared: Equatable where Value: Equatable {
  /// Whether both hold equal values.
  public static func == (left: Shared, right: Shared) -> Bool {
    left.isSame(as: right) || left.value == right.value
  }
}
