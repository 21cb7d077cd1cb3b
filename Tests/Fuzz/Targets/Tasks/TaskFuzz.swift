import MeshTasks

/// A lease queue by sequences of inputs, beside the model of it.
func fuzzTaskSequence(_ bytes: [UInt8]) {
  let script = QueueScript(bytes: bytes)
  if let problem = QueueDuel.problem(script) { found("\(problem)\n\(script)") }
}

/// The bytes of a snapshot, and whatever they say in a queue.
func fuzzTaskSnapshot(_ bytes: [UInt8]) {
  if let problem = brokenSnapshot(bytes) { found(problem) }
}
