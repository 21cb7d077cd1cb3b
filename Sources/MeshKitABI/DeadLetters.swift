// queue: dead letters.
import CMeshKit
import MeshRuntime

/// A list of dead letters as C reads it. Immutable.
final class DeadLettersImage: @unchecked Sendable {
  private let letters: [DeadLetter]
  private let block: UnsafeMutableRawPointer

  init(_ letters: [DeadLetter], now: Instant) {
    self.letters = letters
    block = Arena.build { arena in
      let places = arena.room(for: meshkit_dead_letter_t.self, count: letters.count)
      for (offset, letter) in letters.enumerated() {
        let image = arena.image(letter, now: now)
        places.map { ($0 + offset).initialize(to: image) }
      }
    }
  }

  deinit { block.deallocate() }

  var count: Int { letters.count }

  func letter(_ index: Int) throws(MeshError) -> UnsafePointer<meshkit_dead_letter_t> {
    guard index >= 0, index < count else { throw MeshError(.notFound, "there is no dead letter at that index") }
    return UnsafePointer(block.assumingMemoryBound(to: meshkit_dead_letter_t.self) + index)
  }
}

extension Arena {
  fileprivate mutating func image(_ letter: DeadLetter, now: Instant) -> meshkit_dead_letter_t {
    var image = meshkit_dead_letter_t()
    image.struct_size = UInt32(MemoryLayout<meshkit_dead_letter_t>.size)
    image.cause = Int32(letter.cause.rawValue)
    image.task = meshkit_task_id_t(letter.id)
    image.attempt = letter.attempt
    image.priority = Int32(truncatingIfNeeded: letter.task.priority)
    image.payload = letter.task.payload.view
    let details = TaskText(letter.task.details, &self)
    (image.key, image.request_id) = (details.key, details.requestID)
    (image.content_type, image.last_error) = (details.contentType, details.lastError)
    (image.attributes, image.attribute_count) = (details.attributes, details.attributeCount)
    image.age_ms = max(0, now.since(letter.admittedAt).milliseconds)
    image.dead_for_ms = max(0, now.since(letter.diedAt).milliseconds)
    return image
  }
}

/// Takes a list of dead letters.
@_cdecl("meshkit_queue_dead_letters") @implementation
public func meshkit_queue_dead_letters(
  _ queue: OpaquePointer?, _ after: UnsafePointer<meshkit_task_id_t>?, _ limit: Int,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt { () throws(MeshError) in
    let place = try required(out, "out")
    let queue = try Handles.queues.find(queue)
    let letters = try queue.deadLetters(after: after.map { TaskID($0.pointee) }, limit: batchLength(limit))
    try give(DeadLettersImage(letters, now: LeaseQueue.now), Handles.deadLetters, place)
  }
}

/// How many dead letters the list holds.
@_cdecl("meshkit_dead_letters_count") @implementation
public func meshkit_dead_letters_count(_ letters: OpaquePointer?) -> Int {
  view(Handles.deadLetters, letters, none: 0) { $0.count }
}

/// One dead letter of the list.
@_cdecl("meshkit_dead_letters_get") @implementation
public func meshkit_dead_letters_get(
  _ letters: OpaquePointer?, _ index: Int, _ out: UnsafeMutablePointer<UnsafePointer<meshkit_dead_letter_t>?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt { () throws(MeshError) in
    let place = try required(out, "out")
    place.pointee = try Handles.deadLetters.find(letters).letter(index)
  }
}

/// Releases a list.
@_cdecl("meshkit_dead_letters_release") @implementation
public func meshkit_dead_letters_release(_ letters: OpaquePointer?) { release(Handles.deadLetters, letters) }

/// Makes a dead letter a task again.
@_cdecl("meshkit_queue_redrive") @implementation
public func meshkit_queue_redrive(
  _ queue: OpaquePointer?, _ task: UnsafePointer<meshkit_task_id_t>?
) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.queues.find(queue).redrive(try read(task)) }
}

/// Forgets a dead letter.
@_cdecl("meshkit_queue_purge") @implementation
public func meshkit_queue_purge(
  _ queue: OpaquePointer?, _ task: UnsafePointer<meshkit_task_id_t>?
) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.queues.find(queue).purge(try read(task)) }
}

private func read(_ task: UnsafePointer<meshkit_task_id_t>?) throws(MeshError) -> TaskID {
  guard let task else { throw MeshError(.argument, "task is NULL") }
  return TaskID(task.pointee)
}
