/// A map in the order of its keys for thousands of entries, kept as sorted chunks of at most 64.
///
/// Finding, inserting and removing cost a binary search and the move of one chunk's tail. A copy shares every chunk
/// with its original, and a change copies one chunk and the list of chunks, so that a picture of a large table can be
/// handed to another thread and kept up to date at the price of what changed. Like `OrderedMap` it iterates alike in
/// every process.
public struct ChunkedMap<Key: Comparable, Value> {
  /// The most entries of a chunk.
  @usableFromInline static var chunkMax: Int { 64 }

  @usableFromInline struct Chunk {
    /// Not above any key inside and above every key of the chunk before. It stays when the first key goes. Of the first
    /// chunk it means nothing.
    @usableFromInline var start: Key
    /// How many entries the map has up to and with this chunk's; what ranks are found by.
    @usableFromInline var end: Int
    @usableFromInline var keys: [Key]
    @usableFromInline var values: [Value]

    @inlinable init(start: Key, end: Int, keys: [Key], values: [Value]) {
      self.start = start
      self.end = end
      self.keys = keys
      self.values = values
    }
  }

  /// None of them is empty.
  @usableFromInline var chunks: [Chunk] = []

  /// An empty map.
  @inlinable public init() {}

  /// The number of entries.
  @inlinable public var count: Int { chunks.last?.end ?? 0 }
  /// Whether there is no entry.
  @inlinable public var isEmpty: Bool { chunks.isEmpty }

  /// The value of `key`; assigning nil removes it.
  @inlinable public subscript(key: Key) -> Value? {
    get {
      let place = place(of: key)
      return place.found ? chunks[place.chunk].values[place.index] : nil
    }
    set {
      let place = place(of: key)
      switch (place.found, newValue) {
      case (true, .some(let value)): chunks[place.chunk].values[place.index] = value
      case (true, .none): _ = remove(place)
      case (false, .some(let value)): insert(key, value, at: place)
      case (false, .none): break
      }
    }
  }

  /// Reads the value of `key` in place, without a copy; nil when there is none.
  @inlinable public func read<Result>(_ key: Key, _ body: (Value) -> Result) -> Result? {
    let place = place(of: key)
    return place.found ? body(chunks[place.chunk].values[place.index]) : nil
  }

  /// Changes the value of `key` in place, without a copy unless its chunk is shared; does nothing when there is none.
  @inlinable public mutating func modify<Result>(_ key: Key, _ change: (inout Value) -> Result) -> Result? {
    let place = place(of: key)
    return place.found ? change(&chunks[place.chunk].values[place.index]) : nil
  }

  /// Removes `key` and returns what it held.
  @discardableResult
  @inlinable public mutating func removeValue(forKey key: Key) -> Value? {
    let place = place(of: key)
    return place.found ? remove(place) : nil
  }

  /// Removes everything.
  @inlinable public mutating func removeAll() { chunks = [] }
}

// MARK: By rank

extension ChunkedMap {
  /// The entry that `rank` others precede; nil when there are not as many.
  @inlinable public func element(at rank: Int) -> (key: Key, value: Value)? {
    guard rank >= 0, rank < count else { return nil }
    let place = place(ofRank: rank)
    return (chunks[place.chunk].keys[place.index], chunks[place.chunk].values[place.index])
  }

  /// How many keys precede `key`, whether the map holds it or not.
  @inlinable public func rank(of key: Key) -> Int {
    let place = place(of: key)
    return start(ofChunk: place.chunk) &+ place.index
  }

  /// The first entry behind `key`, which the map needn't hold; behind the last one comes the first. Nil when the map is
  /// empty. What a ring's successor is found by.
  @inlinable public func element(after key: Key) -> (key: Key, value: Value)? {
    let place = place(of: key)
    let rank = start(ofChunk: place.chunk) &+ place.index &+ (place.found ? 1 : 0)
    return element(at: rank < count ? rank : 0)
  }

  /// Where the entry is that `rank` others precede; there must be as many.
  @inlinable func place(ofRank rank: Int) -> Place {
    var low = 0
    var high = chunks.count &- 1
    while low < high {
      let middle = (low &+ high) >> 1
      if chunks[middle].end <= rank { low = middle &+ 1 } else { high = middle }
    }
    return (low, rank &- start(ofChunk: low), true)
  }

  /// How many entries precede the chunk.
  @inlinable func start(ofChunk chunk: Int) -> Int { chunk > 0 ? chunks[chunk &- 1].end : 0 }
}

// MARK: Chunks

extension ChunkedMap {
  /// Where an entry is, or where it would go in.
  @usableFromInline typealias Place = (chunk: Int, index: Int, found: Bool)

  @inlinable func place(of key: Key) -> Place {
    guard !chunks.isEmpty else { return (0, 0, false) }
    // The last chunk that doesn't start above the key; the first one takes what is below all.
    var chunk = 0
    var above = chunks.count
    while above &- chunk > 1 {
      let middle = (chunk &+ above) >> 1
      if key < chunks[middle].start { above = middle } else { chunk = middle }
    }
    let keys = chunks[chunk].keys
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low &+ high) >> 1
      if keys[middle] < key { low = middle &+ 1 } else { high = middle }
    }
    return (chunk, low, low < keys.count && keys[low] == key)
  }

  @inlinable mutating func insert(_ key: Key, _ value: Value, at place: Place) {
    guard !chunks.isEmpty else {
      chunks.append(Chunk(start: key, end: 1, keys: [key], values: [value]))
      return
    }
    var place = place
    if chunks[place.chunk].keys.count == Self.chunkMax {
      if place.chunk == chunks.count &- 1, place.index == Self.chunkMax {
        // A map that is filled in order gets full chunks.
        chunks.append(Chunk(start: key, end: count &+ 1, keys: [key], values: [value]))
        return
      }
      split(place.chunk)
      let half = chunks[place.chunk].keys.count
      if place.index > half { place = (place.chunk &+ 1, place.index &- half, false) }
    }
    chunks[place.chunk].insert(key, value, at: place.index)
    for chunk in place.chunk..<chunks.count { chunks[chunk].end &+= 1 }
  }

  @inlinable mutating func remove(_ place: Place) -> Value {
    let value = chunks[place.chunk].remove(at: place.index)
    for chunk in place.chunk..<chunks.count { chunks[chunk].end &-= 1 }
    let rest = chunks[place.chunk].keys.count
    if rest == 0 {
      chunks.remove(at: place.chunk)
    } else if rest < Self.chunkMax / 4, !merge(after: place.chunk &- 1) {
      _ = merge(after: place.chunk)
    }
    return value
  }

  @inlinable mutating func split(_ chunk: Int) {
    let whole = chunks[chunk]
    let half = whole.keys.count / 2
    let upper = Chunk(
      start: whole.keys[half], end: whole.end, keys: Array(whole.keys[half...]), values: Array(whole.values[half...]))
    chunks.insert(upper, at: chunk &+ 1)
    chunks[chunk].end = whole.end &- (whole.keys.count &- half)
    chunks[chunk].keys = Array(whole.keys[..<half])
    chunks[chunk].values = Array(whole.values[..<half])
  }

  /// Joins a chunk with the one behind it, if there are both and the result is not about to be split again.
  @inlinable mutating func merge(after chunk: Int) -> Bool {
    guard chunk >= 0, chunk < chunks.count &- 1,
      chunks[chunk].keys.count &+ chunks[chunk &+ 1].keys.count <= Self.chunkMax / 4 * 3
    else { return false }
    let next = chunks.remove(at: chunk &+ 1)
    chunks[chunk].end = next.end
    chunks[chunk].keys = Self.joined(chunks[chunk].keys, next.keys)
    chunks[chunk].values = Self.joined(chunks[chunk].values, next.values)
    return true
  }

  @inlinable static func joined<Element>(_ first: [Element], _ second: [Element]) -> [Element] {
    var both: [Element] = []
    both.reserveCapacity(first.count &+ second.count)
    both.append(contentsOf: first)
    both.append(contentsOf: second)
    return both
  }
}

extension ChunkedMap.Chunk {
  @inlinable mutating func insert(_ key: Key, _ value: Value, at index: Int) {
    Self.makeRoom(in: &keys)
    Self.makeRoom(in: &values)
    keys.insert(key, at: index)
    values.insert(value, at: index)
  }

  @inlinable mutating func remove(at index: Int) -> Value {
    keys.remove(at: index)
    let value = values.remove(at: index)
    Self.giveBackRoom(of: &keys)
    Self.giveBackRoom(of: &values)
    return value
  }

  /// Grows a full array by a quarter. An array by itself would double, and a simulated mesh holds millions of entries.
  @inlinable static func makeRoom<Element>(in elements: inout [Element]) {
    guard elements.count == elements.capacity else { return }
    elements.reserveCapacity(elements.count &+ elements.count / 4 &+ 1)
  }

  /// Moves an array that has become small for its room.
  @inlinable static func giveBackRoom<Element>(of elements: inout [Element]) {
    guard elements.capacity > elements.count &+ elements.count / 2 &+ 8 else { return }
    elements = ChunkedMap.joined(elements, [])
  }
}

extension ChunkedMap: Sendable where Key: Sendable, Value: Sendable {}
extension ChunkedMap.Chunk: Sendable where Key: Sendable, Value: Sendable {}

extension ChunkedMap: Equatable where Value: Equatable {
  /// Whether both hold the same entries; how these are cut into chunks doesn't count.
  @inlinable public static func == (left: ChunkedMap, right: ChunkedMap) -> Bool {
    left.count == right.count && left.elementsEqual(right) { $0.0 == $1.0 && $0.1 == $1.1 }
  }
}
