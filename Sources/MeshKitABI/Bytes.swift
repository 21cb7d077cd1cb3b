// bytes: text that the host owns, and text that lives for ever.
import CMeshKit
import MeshRuntime

/// Text in memory that doesn't move.
final class TextObject: @unchecked Sendable {
  private let storage: UnsafeMutableBufferPointer<CChar>

  init(_ bytes: some Collection<UInt8>) {
    storage = .allocate(capacity: bytes.count)
    _ = storage.initialize(from: bytes.lazy.map { CChar(bitPattern: $0) })
  }

  deinit { storage.deallocate() }

  var bytes: meshkit_bytes_t { meshkit_bytes_t(ptr: UnsafePointer(storage.baseAddress), len: storage.count) }
}

/// Views that live as long as the process: each text is copied once.
enum Constants {
  private static let versionText = TextObject(Version.string.utf8)
  private static let unknownName = TextObject("Unknown".utf8)
  private static let statusNames = Status.all.map { (code: $0.code, name: TextObject($0.name.utf8)) }
  private static let configurationKeys = Configuration.keys.map { TextObject($0.utf8) }

  static var version: meshkit_bytes_t { versionText.bytes }
  static func statusName(_ code: Int32) -> meshkit_bytes_t {
    (statusNames.first { $0.code == code }?.name ?? unknownName).bytes
  }
  static var configurationKeyCount: Int { configurationKeys.count }
  static func configurationKey(_ index: Int) -> meshkit_bytes_t {
    configurationKeys.indices.contains(index) ? configurationKeys[index].bytes : meshkit_bytes_t()
  }
}

/// The bytes of a text.
@_cdecl("meshkit_text_bytes") @implementation
public func meshkit_text_bytes(_ text: OpaquePointer?) -> meshkit_bytes_t {
  view(Handles.texts, text, none: meshkit_bytes_t()) { $0.bytes }
}

/// Releases a text.
@_cdecl("meshkit_text_release") @implementation
public func meshkit_text_release(_ text: OpaquePointer?) { release(Handles.texts, text) }
