/// The membership by sequences of inputs.
func fuzzRoomSequence(_ bytes: [UInt8]) {
  if let problem = brokenRoomSequence(bytes) { found(problem) }
}

/// A whole engine by sequences of inputs.
func fuzzEngineSequence(_ bytes: [UInt8]) {
  if let problem = brokenEngineSequence(bytes) { found(problem) }
}
