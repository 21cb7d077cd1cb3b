// error: what went wrong in one call, owned by the host.
import CMeshKit
import MeshRuntime

/// An error with its message where C can read it.
final class ErrorObject: Sendable {
  let error: MeshError
  let message: TextObject

  init(_ error: MeshError) {
    self.error = error
    message = TextObject(error.message.utf8)
  }
}

/// The status that the failed call returned.
@_cdecl("meshkit_error_status") @implementation
public func meshkit_error_status(_ error: OpaquePointer?) -> meshkit_status_t {
  guard error != nil else { return Status.ok.code }
  return number { () throws(MeshError) in try Handles.errors.find(error).error.status.code }
}

/// A sentence for people, that names the thing, the value and what is allowed.
@_cdecl("meshkit_error_message") @implementation
public func meshkit_error_message(_ error: OpaquePointer?) -> meshkit_bytes_t {
  view(Handles.errors, error, none: meshkit_bytes_t()) { $0.message.bytes }
}

/// 1 when the same call may succeed later, unchanged; else 0.
@_cdecl("meshkit_error_is_retriable") @implementation
public func meshkit_error_is_retriable(_ error: OpaquePointer?) -> Int32 {
  view(Handles.errors, error, none: 0) { $0.error.status.isRetriable ? 1 : 0 }
}

/// 1 when the node is beyond repair and has stopped or will; else 0.
@_cdecl("meshkit_error_is_fatal") @implementation
public func meshkit_error_is_fatal(_ error: OpaquePointer?) -> Int32 {
  view(Handles.errors, error, none: 0) { $0.error.isFatal ? 1 : 0 }
}

/// After how many milliseconds a retry makes sense; -1 when that isn't known.
@_cdecl("meshkit_error_retry_after_ms") @implementation
public func meshkit_error_retry_after_ms(_ error: OpaquePointer?) -> Int64 {
  view(Handles.errors, error, none: -1) { $0.error.retryAfterMilliseconds }
}

/// Releases an error.
@_cdecl("meshkit_error_release") @implementation
public func meshkit_error_release(_ error: OpaquePointer?) { release(Handles.errors, error) }
