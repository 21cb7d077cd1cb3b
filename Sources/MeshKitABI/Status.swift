// status: pure values, which a forked child may read as well.
import CMeshKit
import MeshRuntime

private func known(_ code: meshkit_status_t) -> Status? { Status.all.first { $0.code == code } }

/// The name of a status as the control plane's answers spell it.
@_cdecl("meshkit_status_name") @implementation
public func meshkit_status_name(_ status: meshkit_status_t) -> meshkit_bytes_t { Constants.statusName(status) }

/// The category of a status, one of MESHKIT_CATEGORY_*, also for codes newer than this library.
@_cdecl("meshkit_status_category") @implementation
public func meshkit_status_category(_ status: meshkit_status_t) -> Int32 { status < 0 ? 0 &- status / 100 : 0 }

/// 1 when the same call may succeed later, unchanged; else 0.
@_cdecl("meshkit_status_is_retriable") @implementation
public func meshkit_status_is_retriable(_ status: meshkit_status_t) -> Int32 {
  known(status)?.isRetriable == true ? 1 : 0
}

/// The HTTP status that the control plane answers with.
@_cdecl("meshkit_status_http") @implementation
public func meshkit_status_http(_ status: meshkit_status_t) -> Int32 {
  Int32(clamping: known(status)?.httpStatus ?? 500)
}

/// The gRPC status that the control plane answers with.
@_cdecl("meshkit_status_grpc") @implementation
public func meshkit_status_grpc(_ status: meshkit_status_t) -> Int32 { Int32(clamping: known(status)?.grpcStatus ?? 2) }
