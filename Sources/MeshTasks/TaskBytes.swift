/// The bytes of a payload: one block of memory that is written once, never moves, and is shared by all who hold it. An
/// array would cost 16 bytes more for each task, and its bytes have no address that stays.
public struct TaskBytes: @unchecked Sendable {
  // Sendable although it refers to memory: nobody writes to it after `init`.
  private let buffer: ManagedBuffer<Int, UInt8>

  /// A copy of `bytes`.
  public init(_ bytes: UnsafeRawBufferPointer) {
    buffer = ManagedBuffer<Int, UInt8>.create(minimumCapacity: bytes.count) { _ in bytes.count }
    buffer.withUnsafeMutablePointerToElements { elements in
      guard let source = bytes.baseAddress else { return }
      UnsafeMutableRawPointer(elements).copyMemory(from: source, byteCount: bytes.count)
    }
  }

  /// A copy of `bytes`.
  public init(_ bytes: [UInt8]) { self = bytes.withUnsafeBytes { TaskBytes($0) } }

  /// How many there are.
  public var count: Int { buffer.header }

  /// Reads the bytes where they are. Their address stays the same for as long as somebody holds this value.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    buffer.withUnsafeMutablePointers { count, elements in
      body(UnsafeRawBufferPointer(start: elements, count: count.pointee))
    }
  }

  /// A copy of the bytes.
  public var bytes: [UInt8] { withBytes { Array($0) } }

  /// The block itself, for a holder that counts its own references.
  public var owner: AnyObject { buffer }
}

extension TaskBytes: Equatable {
  /// Whether both hold the same bytes.
  public static func == (left: TaskBytes, right: TaskBytes) -> Bool {
    left.buffer === right.buffer || left.withBytes { left in right.withBytes { left.elementsEqual($0) } }
  }
}
