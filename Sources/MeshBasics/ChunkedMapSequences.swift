// Walking through a `ChunkedMap`: its entries, its keys or its values. None of them builds an array, and walking is
// faster than asking for rank after rank.

extension ChunkedMap: Sequence {
  /// Steps through the entries in the order of their keys.
  public struct Iterator: IteratorProtocol {
    @usableFromInline var keys: Keys.Iterator
    @usableFromInline var values: Values.Iterator

    @inlinable init(_ map: ChunkedMap) {
      keys = Keys.Iterator(map)
      values = Values.Iterator(map)
    }

    /// The next entry.
    @inlinable public mutating func next() -> (Key, Value)? {
      guard let key = keys.next(), let value = values.next() else { return nil }
      return (key, value)
    }
  }

  /// Steps through the entries in the order of their keys.
  @inlinable public func makeIterator() -> Iterator { Iterator(self) }
  /// The number of entries.
  @inlinable public var underestimatedCount: Int { count }
}

extension ChunkedMap {
  /// The keys in order.
  @inlinable public var keys: Keys { Keys(self) }
  /// The values in the order of their keys.
  @inlinable public var values: Values { Values(self) }

  /// The keys of a map, in order, with their ranks for indices.
  public struct Keys: RandomAccessCollection {
    @usableFromInline let map: ChunkedMap

    @inlinable init(_ map: ChunkedMap) { self.map = map }

    /// The rank of the first.
    @inlinable public var startIndex: Int { 0 }
    /// One more than the rank of the last.
    @inlinable public var endIndex: Int { map.count }
    /// The key of that rank, found by a search among the chunks. As with an array, there must be one.
    @inlinable public subscript(rank: Int) -> Key {
      let place = map.place(ofRank: rank)
      return map.chunks[place.chunk].keys[place.index]
    }
    /// Steps through the keys in order.
    @inlinable public func makeIterator() -> Iterator { Iterator(map) }

    /// Steps through the keys in order.
    public struct Iterator: IteratorProtocol {
      @usableFromInline let chunks: [Chunk]
      @usableFromInline var following = 0
      @usableFromInline var index = 0
      // Held, so that a step is one subscript.
      @usableFromInline var keys: [Key] = []

      @inlinable init(_ map: ChunkedMap) { chunks = map.chunks }

      /// The next key.
      @inlinable public mutating func next() -> Key? {
        if index == keys.count {
          guard following < chunks.count else { return nil }
          keys = chunks[following].keys
          following &+= 1
          index = 0
        }
        defer { index &+= 1 }
        return keys[index]
      }
    }
  }

  /// The values of a map, in the order of their keys, with their ranks for indices.
  public struct Values: RandomAccessCollection {
    @usableFromInline let map: ChunkedMap

    @inlinable init(_ map: ChunkedMap) { self.map = map }

    /// The rank of the first.
    @inlinable public var startIndex: Int { 0 }
    /// One more than the rank of the last.
    @inlinable public var endIndex: Int { map.count }
    /// The value of that rank, found by a search among the chunks. As with an array, there must be one.
    @inlinable public subscript(rank: Int) -> Value {
      let place = map.place(ofRank: rank)
      return map.chunks[place.chunk].values[place.index]
    }
    /// Steps through the values in the order of their keys.
    @inlinable public func makeIterator() -> Iterator { Iterator(map) }

    /// Steps through the values in the order of their keys.
    public struct Iterator: IteratorProtocol {
      @usableFromInline let chunks: [Chunk]
      @usableFromInline var following = 0
      @usableFromInline var index = 0
      // Held, so that a step is one subscript.
      @usableFromInline var values: [Value] = []

      @inlinable init(_ map: ChunkedMap) { chunks = map.chunks }

      /// The next value.
      @inlinable public mutating func next() -> Value? {
        if index == values.count {
          guard following < chunks.count else { return nil }
          values = chunks[following].values
          following &+= 1
          index = 0
        }
        defer { index &+= 1 }
        return values[index]
      }
    }
  }
}

extension ChunkedMap.Keys: Sendable where Key: Sendable, Value: Sendable {}
extension ChunkedMap.Values: Sendable where Key: Sendable, Value: Sendable {}
