import MeshBasics
import MeshWire

/// `grpc.reflection.v1.ServerReflection`: which services there are, and the files that declare them. Each message of
/// the caller is answered by one.
struct ReflectionRPC: RPCMethod {
  /// Answers that wait for their reader; with more, the caller is held back.
  private static let waitingMax = 4

  private var answers: [[UInt8]] = []
  private var hasEnded = false
  private var failure: RPCStatus?

  var wantsMessage: Bool { failure == nil && answers.count < ReflectionRPC.waitingMax }
  var lags: UInt64 { 0 }
  var heldBytes: Int { answers.reduce(0) { $0 + $1.count } }

  mutating func received(_ message: [UInt8], _ world: RPCWorld) {
    do throws(RPCStatus) {
      let question = try RPCTable.reading { () throws(WireError) in try GRPCReflection.question(in: message) }
      answers.append(GRPCReflection.response(to: message, ReflectionRPC.answer(question)))
    } catch {
      failure = error
    }
  }

  mutating func ended() { hasEnded = true }

  mutating func next(_ world: RPCWorld) -> RPCPart {
    if !answers.isEmpty { return .message(answers.removeFirst()) }
    if let failure { return .end(failure) }
    return hasEnded ? .end(.ok) : .nothing(until: .distantFuture)
  }

  private static func answer(_ question: GRPCReflection.Question) -> GRPCReflection.Answer {
    switch question {
    case .services: return .services(RPCTable.services)
    case .file(let name): return files(DescriptorFile.all.first { $0.name == name })
    case .symbol(let name): return files(DescriptorFile.all.first { $0.symbols.contains(name) })
    case .extensions: return .failure(code: 5, "no message here has extensions")
    case .unknown: return .failure(code: 12, "the question is of a kind that this node doesn't know")
    }
  }

  /// The encoded files, made of their texts once.
  private static let decoded = DescriptorFile.all.map { (name: $0.name, bytes: Base64.decode($0.encoded) ?? []) }

  /// The file and those that it imports.
  private static func files(_ file: DescriptorFile?) -> GRPCReflection.Answer {
    guard let file else { return .failure(code: 5, "no file here has or declares that") }
    let imports = DescriptorFile.all.filter { file.imports.contains($0.name) }
    let names = ([file] + imports).map(\.name)
    return .files(names.compactMap { name in decoded.first { $0.name == name }?.bytes })
  }
}

/// One `.proto` file as `FileDescriptorProto`.
struct DescriptorFile: Sendable {
  let name: String
  let imports: [String]
  /// Full names of what it declares: messages, enums, services and methods.
  let symbols: [String]
  /// In base64.
  let encoded: String
}
