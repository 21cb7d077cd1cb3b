/// What the store asks of a file system: few calls, each one step, so that tests can cut the power between any two.
///
/// Errors carry the call and the cause in words, without the path. Calls come from one thread at a time.
protocol FileSystem: AnyObject {
  /// Creates the folder and its missing parents, mode 0700, durable; a folder that exists is left as it is.
  func createFolder(_ path: String) throws(FileFault)
  /// Takes an exclusive lock on the file, creating it, for as long as this object lives. False: someone else holds it.
  func lock(_ path: String) throws(FileFault) -> Bool
  /// The content up to `bytesMax` bytes and one, or nil when there is no file.
  func read(_ path: String, bytesMax: Int) throws(FileFault) -> [UInt8]?
  /// Creates or empties the file, mode 0600, and writes the bytes. Not durable yet.
  func write(_ path: String, _ bytes: [UInt8]) throws(FileFault)
  /// Makes the file's content durable.
  func sync(_ path: String) throws(FileFault)
  /// Puts a file in the place of another, in one step.
  func rename(_ path: String, to target: String) throws(FileFault)
  /// Makes names in the folder durable.
  func syncFolder(_ path: String) throws(FileFault)
}

/// Why a call of the file system failed.
struct FileFault: Error, Equatable {
  /// The call and the cause, such as `fsync: No space left on device`.
  let reason: String
}
