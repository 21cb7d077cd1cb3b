// C images of Swift values: structs, arrays and text in one block of memory, which one release frees.
import CMeshKit
import MeshRuntime

/// Lays values out in one block, front to back. The same code runs twice: first without memory, to measure, then for
/// good, so that the two can't disagree.
struct Arena {
  private let base: UnsafeMutableRawPointer?
  private let capacity: Int
  private var used = 0

  private init(base: UnsafeMutableRawPointer?, capacity: Int) {
    self.base = base
    self.capacity = capacity
  }

  /// Measures `layout`, allocates a block of that size, and lays out again in it. The caller deallocates the block.
  static func build(_ layout: (inout Arena) -> Void) -> UnsafeMutableRawPointer {
    var measure = Arena(base: nil, capacity: .max)
    layout(&measure)
    let base = UnsafeMutableRawPointer.allocate(byteCount: max(measure.used, 16), alignment: 16)
    var arena = Arena(base: base, capacity: measure.used)
    layout(&arena)
    return base
  }

  /// Room for `count` values; nil while measuring.
  mutating func room<T>(for type: T.Type, count: Int = 1) -> UnsafeMutablePointer<T>? {
    let mask = MemoryLayout<T>.alignment &- 1
    let start = (used &+ mask) & ~mask
    let end = start &+ MemoryLayout<T>.stride &* count
    guard count > 0, end <= capacity else { return nil }
    used = end
    return base.map { ($0 + start).bindMemory(to: T.self, capacity: count) }
  }

  /// Places one value.
  @discardableResult
  mutating func place<T>(_ value: T) -> UnsafeMutablePointer<T>? {
    let place = room(for: T.self)
    place?.initialize(to: value)
    return place
  }

  /// Places text; empty text takes no room.
  mutating func text(_ text: String) -> meshkit_bytes_t {
    let count = text.utf8.count
    guard let place = room(for: CChar.self, count: count) else { return meshkit_bytes_t() }
    var text = text
    text.withUTF8 {
      UnsafeMutableRawBufferPointer(start: place, count: count).copyMemory(from: UnsafeRawBufferPointer($0))
    }
    return meshkit_bytes_t(ptr: UnsafePointer(place), len: count)
  }

  /// Places bytes; none take no room.
  mutating func bytes(_ bytes: [UInt8]) -> meshkit_bytes_t {
    guard let place = room(for: CChar.self, count: bytes.count) else { return meshkit_bytes_t() }
    UnsafeMutableRawBufferPointer(start: place, count: bytes.count).copyBytes(from: bytes)
    return meshkit_bytes_t(ptr: UnsafePointer(place), len: bytes.count)
  }

  /// Places an array of names and values.
  mutating func pairs<Values: RandomAccessCollection>(
    _ values: Values, _ pair: (Values.Element) -> (String, String)
  ) -> UnsafePointer<meshkit_pair_t>? {
    let places = room(for: meshkit_pair_t.self, count: values.count)
    for (offset, value) in values.enumerated() {
      let (key, value) = pair(value)
      let image = meshkit_pair_t(key: text(key), value: text(value))
      places.map { ($0 + offset).initialize(to: image) }
    }
    return places.map { UnsafePointer($0) }
  }
}
