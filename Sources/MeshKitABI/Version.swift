// version: pure values, which a forked child may read as well.
import CMeshKit
import MeshRuntime

/// The version of the loaded library, for people.
@_cdecl("meshkit_version_string") @implementation
public func meshkit_version_string() -> meshkit_bytes_t { Constants.version }

/// The version of the loaded library, for programs: major * 10000 + minor * 100 + patch.
@_cdecl("meshkit_version_number") @implementation
public func meshkit_version_number() -> Int32 { Version.number }

/// The interface of the loaded library.
@_cdecl("meshkit_abi_version") @implementation
public func meshkit_abi_version() -> Int32 { MESHKIT_ABI_VERSION }
