// log: the C image of a structured record. It has no functions: records arrive as events.
import CMeshKit
import MeshRuntime

extension Arena {
  /// One record, with its text and fields in the arena.
  mutating func image(_ record: LogRecord) -> meshkit_log_t {
    var image = meshkit_log_t()
    image.struct_size = UInt32(MemoryLayout<meshkit_log_t>.size)
    image.level = record.level.rawValue
    image.event_id = record.eventID
    image.category = text(record.category)
    image.event_name = text(record.eventName)
    image.message = text(record.message)
    image.fields = pairs(record.fields) { ($0.name, $0.value) }
    image.field_count = record.fields.count
    image.correlation = record.correlation
    return image
  }
}
