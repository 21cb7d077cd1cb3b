/// A map kept as a sorted array, so that iterating it gives the same order in every process.
///
/// Swift seeds hashing per process, and an order that leaks into an effect breaks replay; rooms use this instead of
/// `Dictionary`. Lookup is a binary search; insertion and removal move the tail, which is cheap at the sizes of a mesh.
/// All of it is inlinable, so that other modules get it specialized for their keys.
public struct OrderedMap<Key: Comparable, Value> {
  @usableFromInline var sortedKeys: [Key] = []
  @usableFromInline var sortedValues: [Value] = []

  /// An empty map.
  @inlinable public init() {}

  /// The keys in order.
  @inlinable public var keys: [Key] { sortedKeys }
  /// The values, each at its key's position.
  @inlinable public var values: [Value] { sortedValues }
  /// The number of entries.
  @inlinable public var count: Int { sortedKeys.count }
  /// Whether there is no entry.
  @inlinable public var isEmpty: Bool { sortedKeys.isEmpty }

  /// The value of `key`; assigning nil removes it.
  @inlinable public subscript(key: Key) -> Value? {
    get {
      let position = position(of: key)
      return position.found ? sortedValues[position.index] : nil
    }
    set {
      let position = position(of: key)
      switch (position.found, newValue) {
      case (true, .some(let value)): sortedValues[position.index] = value
      case (true, .none):
        sortedKeys.remove(at: position.index)
        sortedValues.remove(at: position.index)
      case (false, .some(let value)):
        sortedKeys.insert(key, at: position.index)
        sortedValues.insert(value, at: position.index)
      case (false, .none): break
      }
    }
  }

  /// Changes the value of `key` in place, without a copy; does nothing when there is none.
  @inlinable public mutating func modify<Result>(_ key: Key, _ change: (inout Value) -> Result) -> Result? {
    let position = position(of: key)
    return position.found ? change(&sortedValues[position.index]) : nil
  }

  /// Removes `key` and returns what it held.
  @discardableResult
  @inlinable public mutating func removeValue(forKey key: Key) -> Value? {
    let position = position(of: key)
    guard position.found else { return nil }
    sortedKeys.remove(at: position.index)
    return sortedValues.remove(at: position.index)
  }

  /// Removes everything.
  @inlinable public mutating func removeAll() {
    sortedKeys.removeAll()
    sortedValues.removeAll()
  }

  @inlinable func position(of key: Key) -> (index: Int, found: Bool) {
    var low = 0
    var high = sortedKeys.count
    while low < high {
      let middle = (low &+ high) >> 1
      if sortedKeys[middle] < key { low = middle &+ 1 } else { high = middle }
    }
    return (low, low < sortedKeys.count && sortedKeys[low] == key)
  }
}

extension OrderedMap: Sequence {
  /// Steps through the entries in the order of their keys.
  @inlinable public func makeIterator() -> Zip2Sequence<[Key], [Value]>.Iterator {
    zip(sortedKeys, sortedValues).makeIterator()
  }
}

extension OrderedMap: Sendable where Key: Sendable, Value: Sendable {}
extension OrderedMap: Equatable where Value: Equatable {}
