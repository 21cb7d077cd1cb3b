// The border between C and Swift. Every exported function is: check, copy in, call, map, write out. The helpers here do
// the checking and the mapping, so that no argument of a host can trap and each body says only what is its own.
import CMeshKit
import MeshRuntime

/// Where a call may put an error object; NULL when the host doesn't want one.
typealias ErrorOut = UnsafeMutablePointer<OpaquePointer?>?

/// Runs a call that ends in a status, and puts what went wrong into `errorOut`.
@inline(__always)
func attempt(_ errorOut: ErrorOut = nil, _ body: () throws(MeshError) -> Void) -> meshkit_status_t {
  errorOut?.pointee = nil
  guard !ForkGuard.isForkedChild else { return Status.forked.code }
  do {
    try body()
    return MESHKIT_OK
  } catch {
    return failure(error, errorOut)
  }
}

/// `attempt` for a call on the object behind a handle, which takes no reference of its own to it.
@inline(__always)
func attempt<Object: AnyObject>(
  _ table: HandleTable<Object>, _ handle: OpaquePointer?, _ errorOut: ErrorOut = nil,
  _ body: (Object) throws(MeshError) -> Void
) -> meshkit_status_t {
  errorOut?.pointee = nil
  guard !ForkGuard.isForkedChild else { return Status.forked.code }
  let status = table.use(handle) { object in
    do throws(MeshError) {
      try body(object)
      return MESHKIT_OK
    } catch {
      return failure(error, errorOut)
    }
  }
  return status ?? failure(table.refusal(handle), errorOut)
}

/// The status of what went wrong, which goes into `errorOut`.
private func failure(_ error: MeshError, _ errorOut: ErrorOut) -> meshkit_status_t {
  if let errorOut { errorOut.pointee = Handles.errors.insert(ErrorObject(error)) }
  return error.status.code
}

/// Runs a call that ends in a number of its own, or in a negative status.
@inline(__always)
func number(_ body: () throws(MeshError) -> Int32) -> Int32 {
  guard !ForkGuard.isForkedChild else { return Status.forked.code }
  do { return try body() } catch { return error.status.code }
}

/// Reads a property of the object behind a handle; `none` when the handle isn't live.
@inline(__always)
func view<Object: AnyObject, Value>(
  _ table: HandleTable<Object>, _ handle: OpaquePointer?, none: Value, _ read: (Object) -> Value
) -> Value {
  guard !ForkGuard.isForkedChild, let object = try? table.find(handle) else { return none }
  return read(object)
}

/// Takes an object out of its table and gives it to `end`. NULL, stale and foreign handles are ignored.
func release<Object: AnyObject>(
  _ table: HandleTable<Object>, _ handle: OpaquePointer?, _ end: (Object) -> Void = { _ in }
) {
  guard !ForkGuard.isForkedChild, let object = table.remove(handle) else { return }
  end(object)
}

/// The place for a result, which must not be NULL.
func required<T>(_ out: UnsafeMutablePointer<T>?, _ name: StaticString) throws(MeshError) -> UnsafeMutablePointer<T> {
  guard let out else { throw MeshError(.argument, "\(name) is NULL") }
  return out
}

/// Puts a new object into its table and its handle into `out`.
func give<Object: AnyObject>(
  _ object: Object, _ table: HandleTable<Object>, _ out: UnsafeMutablePointer<OpaquePointer?>
) throws(MeshError) {
  try give(table.insert(object), out)
}

/// Puts the handle of a new object, which is nil when its table is full, into `out`.
func give(_ handle: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>) throws(MeshError) {
  guard let handle else { throw MeshError(.resource, "too many live objects of one kind") }
  out.pointee = handle
}

/// The bytes at `pointer`. The length is checked before anything is read.
func input(
  _ pointer: UnsafePointer<CChar>?, _ length: Int, max: Int32, _ name: StaticString
) throws(MeshError) -> UnsafeRawBufferPointer {
  guard length >= 0, length <= Int(max) else {
    throw MeshError(.argument, "\(name) has \(UInt(bitPattern: length)) bytes; at most \(max) are allowed")
  }
  guard pointer != nil || length == 0 else { throw MeshError(.argument, "\(name) is NULL but has a length") }
  return UnsafeRawBufferPointer(start: pointer, count: length)
}

/// The text at `pointer`, which must be UTF-8 without NUL.
func text(
  _ pointer: UnsafePointer<CChar>?, _ length: Int, max: Int32 = MESHKIT_CONFIG_TEXT_LEN_MAX, _ name: StaticString
) throws(MeshError) -> String {
  let bytes = try input(pointer, length, max: max, name)
  guard !bytes.contains(0) else { throw MeshError(.argument, "\(name) holds a NUL byte") }
  guard let text = String(validating: bytes, as: UTF8.self) else { throw MeshError(.argument, "\(name) is not UTF-8") }
  return text
}

/// A copy of a struct that says its own size in its first four bytes: what the host knows of it, zero beyond. Its
/// memory is never loaded as our struct, which may be longer than theirs.
func sized<T: BitwiseCopyable>(
  _ pointer: UnsafePointer<T>, into value: T, least: Int = 4, _ name: StaticString
) throws(MeshError) -> T {
  let source = UnsafeRawPointer(pointer)
  let size = Int(source.loadUnaligned(as: UInt32.self))
  // The host knows the same struct as we do: the rest of this is for those that don't.
  if size == MemoryLayout<T>.size { return source.loadUnaligned(as: T.self) }
  guard (least...4096).contains(size) else {
    throw MeshError(.argument, "\(name): struct_size is \(size), and must be sizeof the struct, \(least) to 4096")
  }
  let theirs = UnsafeRawBufferPointer(start: source, count: size)
  guard theirs.dropFirst(MemoryLayout<T>.size).allSatisfy({ $0 == 0 }) else {
    throw MeshError(.unsupported, "\(name) has fields set that this library does not know")
  }
  var copy = value
  withUnsafeMutableBytes(of: &copy) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: theirs.prefix($0.count))) }
  return copy
}

/// Zeroes what the host knows of its own struct at `out`, but for its size.
func clear<T: BitwiseCopyable>(_ out: UnsafeMutablePointer<T>?) {
  guard let out else { return }
  let memory = UnsafeMutableRawPointer(out)
  let size = Int(memory.loadUnaligned(as: UInt32.self))
  guard (4...4096).contains(size) else { return }
  UnsafeMutableRawBufferPointer(start: memory, count: size).dropFirst(4).initializeMemory(as: UInt8.self, repeating: 0)
}

/// Writes into the host's own struct what the host knows of `value`; its memory may be shorter than ours, or longer.
func write<T: BitwiseCopyable>(
  _ value: T, to out: UnsafeMutablePointer<T>, least: Int = 4, _ name: StaticString
) throws(MeshError) {
  let memory = UnsafeMutableRawPointer(out)
  let size = Int(memory.loadUnaligned(as: UInt32.self))
  guard (least...4096).contains(size) else {
    throw MeshError(.argument, "\(name): struct_size is \(size), and must be sizeof the struct, \(least) to 4096")
  }
  withUnsafeBytes(of: value) { bytes in
    let known = UnsafeRawBufferPointer(rebasing: bytes.prefix(size).dropFirst(4))
    UnsafeMutableRawBufferPointer(start: memory + 4, count: size - 4).copyMemory(from: known)
  }
}

/// How long a wait may last: nil is for ever.
func timeout(milliseconds: Int64) -> Duration? { milliseconds < 0 ? nil : .milliseconds(milliseconds) }
