/// An immutable value that many holders share: copying it copies a reference, however large the value is. Two that
/// share one box are equal without a look at the value, which makes comparing large tables of them cheap. All of it is
/// inlinable, so that reading one field of a large value copies that field alone.
public struct Shared<Value: Sendable>: Sendable {
  @usableFromInline let box: Box

  /// Puts `value` in a box of its own.
  @inlinable public init(_ value: Value) { box = Box(value) }

  /// What the box holds.
  @inlinable public var value: Value { _read { yield box.value } }

  /// Whether both share one box, so that their values can't differ.
  @inlinable public func isSame(as other: Shared) -> Bool { box === other.box }

  @usableFromInline final class Box: Sendable {
    @usableFromInline let value: Value

    @inlinable init(_ value: Value) { self.value = value }
  }
}

extension Shared: Equatable where Value: Equatable {
  /// Whether both hold equal values.
  public static func == (left: Shared, right: Shared) -> Bool {
    left.isSame(as: right) || left.value == right.value
  }
}
