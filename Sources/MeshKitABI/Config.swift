// config: settings on their way to a node.
import CMeshKit
@preconcurrency import Glibc
import MeshRuntime
import MeshThreads

/// A configuration that is being put together. The lock makes a host's race an odd order, not a crash.
final class ConfigObject: @unchecked Sendable {
  private let lock = Lock()
  private var configuration = Configuration()

  func read<R>(_ body: (Configuration) -> R) -> R { lock.locked { body(configuration) } }

  /// Changes a copy, and keeps it only when all of the change was right.
  func change(_ body: (inout Configuration) throws(ConfigurationError) -> Void) throws(MeshError) {
    try lock.locked { () throws(MeshError) in
      var changed = configuration
      do throws(ConfigurationError) { try body(&changed) } catch { throw MeshError(.configuration, error.description) }
      configuration = changed
    }
  }

  /// The checked configuration that a node opens with.
  func resolve() throws(MeshError) -> NodeConfiguration {
    let configuration = read { $0 }
    do throws(ConfigurationError) { return try configuration.resolve(hostName: HostName.current) } catch {
      throw MeshError(.configuration, error.description)
    }
  }
}

/// The variables of this process that are UTF-8.
private func environmentVariables() -> [(name: String, value: String)] {
  var variables: [(name: String, value: String)] = []
  var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
  while let place = next, let entry = place.pointee {
    if let text = String(validatingCString: entry), let equals = text.firstIndex(of: "=") {
      variables.append((String(text[..<equals]), String(text[text.index(after: equals)...])))
    }
    next = place + 1
  }
  return variables
}

/// Makes an empty configuration: every key has its default.
@_cdecl("meshkit_config_create") @implementation
public func meshkit_config_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    try give(ConfigObject(), Handles.configs, try required(out, "out"))
  }
}

/// Merges a JSON document.
@_cdecl("meshkit_config_load_json") @implementation
public func meshkit_config_load_json(
  _ config: OpaquePointer?, _ json: UnsafePointer<CChar>?, _ json_len: Int,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.configs.find(config)
    let document = [UInt8](try input(json, json_len, max: MESHKIT_CONFIG_JSON_LEN_MAX, "json"))
    try object.change { (configuration) throws(ConfigurationError) in try configuration.load(json: document) }
  }
}

/// Merges the environment variables that are MeshKit's.
@_cdecl("meshkit_config_load_environment") @implementation
public func meshkit_config_load_environment(
  _ config: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.configs.find(config)
    let variables = environmentVariables()
    try object.change { (configuration) throws(ConfigurationError) in try configuration.load(environment: variables) }
  }
}

/// Sets one key.
@_cdecl("meshkit_config_set") @implementation
public func meshkit_config_set(
  _ config: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ key_len: Int, _ value: UnsafePointer<CChar>?,
  _ value_len: Int, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.configs.find(config)
    let path = try text(key, key_len, "key")
    let setting = try text(value, value_len, "value")
    try object.change { (configuration) throws(ConfigurationError) in try configuration.set(path, setting) }
  }
}

/// The current text of a key.
@_cdecl("meshkit_config_copy_value") @implementation
public func meshkit_config_copy_value(
  _ config: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ key_len: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let object = try Handles.configs.find(config)
    let path = try text(key, key_len, "key")
    let place = try required(out, "out")
    guard let value = object.read({ $0.value(path) }) else {
      throw MeshError(.notFound, "\(path) has no value to show")
    }
    try give(TextObject(value.utf8), Handles.texts, place)
  }
}

/// How many keys this library knows.
@_cdecl("meshkit_config_key_count") @implementation
public func meshkit_config_key_count() -> Int { Constants.configurationKeyCount }

/// The name of one key, for bindings that list them; empty when `index` is not below meshkit_config_key_count().
@_cdecl("meshkit_config_key_at") @implementation
public func meshkit_config_key_at(_ index: Int) -> meshkit_bytes_t { Constants.configurationKey(index) }

/// Releases a configuration that no node was opened with.
@_cdecl("meshkit_config_release") @implementation
public func meshkit_config_release(_ config: OpaquePointer?) { release(Handles.configs, config) }
