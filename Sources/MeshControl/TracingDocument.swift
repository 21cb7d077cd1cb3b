import MeshWire

/// How many of the traces are kept, as operators see and set it (contracts: http §4): like OmniRelay's toggle, but that
/// a body which can't be read is 400 or 415, not 500.
enum TracingDocument {
  /// What a request asks for.
  enum Wish: Equatable {
    /// 0 for none, 1 for all.
    case probability(Double)
    case refused(ControlResponse)
  }

  static func bytes(_ probability: Double?) -> [UInt8] {
    Problem.document { json in
      guard let probability else { return }
      json.name("samplingProbability")
      json.double(probability)
    }
  }

  static func wish(in request: ControlRequest) -> Wish {
    switch ToggleBody.read(request) {
    case .refused(let response): return .refused(response)
    case .members(let members): return wish(ToggleBody.value(of: "probability", in: members))
    }
  }

  private static func wish(_ value: JSONValue?) -> Wish {
    let text: String
    switch value {
    // As in OmniRelay: who names no probability wants no traces.
    case nil: return .probability(0)
    // .NET reads numbers in quotes as well.
    case .number(let digits), .string(let digits): text = digits
    default: return .refused(ToggleBody.refusal("Invalid probability: it must be a number."))
    }
    guard isNumber(text), let probability = Double(text) else {
      return .refused(ToggleBody.refusal("Invalid probability: it must be a number."))
    }
    guard (0...1).contains(probability) else {
      return .refused(ToggleBody.refusal("The probability must be between 0 and 1. (Parameter 'probability')"))
    }
    // Without the sign of -0.
    return .probability(probability == 0 ? 0 : probability)
  }

  /// Whether a text in quotes is a number as JSON writes them: Swift reads `nan` and `0x1` too.
  private static func isNumber(_ text: String) -> Bool {
    guard text.utf8.count <= 64, case .number? = try? JSONValue.parse(Array(text.utf8)) else { return false }
    return !text.utf8.contains(where: ASCII.isBlank)
  }
}
