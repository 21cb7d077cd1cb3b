import Foundation

/// Constructs that must not stand in the code, and where. `// tidy:allow <name>: reason` on the same line or the one
/// before permits one place.
struct Construct: Sendable {
  let name: String
  /// A regular expression over code whose comments and literals are blanked. A match stays within one line.
  let pattern: String
  /// Whether the rule holds for the module.
  let holds: @Sendable (_ module: String) -> Bool
  /// What breaks the rule, and what looks like it but does not; the tests plant both.
  let wrong: [String]
  let right: [String]

  static let all: [Construct] = traps + concurrency + rooms + manners

  private static let everywhere: @Sendable (String) -> Bool = { _ in true }
  private static let inRooms: @Sendable (String) -> Bool = { Layers.rooms.contains($0) }
  private static let exceptMeshKit: @Sendable (String) -> Bool = { $0 != "MeshKit" }
  private static let inTheLibrary: @Sendable (String) -> Bool = {
    !["MeshCommand", "MeshSimCommand"].contains($0)
  }

  /// What would end the host's process.
  private static let traps = [
    Construct(
      name: "fatalError", pattern: #"\bfatalError\("#, holds: everywhere, wrong: ["fatalError(\"x\")"],
      right: ["let fatalErrorCount = 1"]),
    Construct(
      name: "precondition", pattern: #"\bprecondition(Failure)?\("#, holds: everywhere,
      wrong: ["precondition(count > 0)", "preconditionFailure()"], right: ["let preconditions = 1"]),
    Construct(
      name: "assert", pattern: #"\bassert(ionFailure)?\("#, holds: everywhere,
      wrong: ["  assert(true)", "assertionFailure()"], right: ["assertion(1)", "myassert(1)"]),
    Construct(
      name: "try!", pattern: #"\btry!"#, holds: everywhere, wrong: ["let a = try! load()"],
      right: ["let a = try? load()"]),
    Construct(
      name: "as!", pattern: #"\bas!"#, holds: everywhere, wrong: ["let a = b as! Int"], right: ["let a = b as? Int"]),
    Construct(
      name: "force-unwrap", pattern: #"[\w\)\]\}\?`]!(?!=)"#, holds: everywhere,
      wrong: ["let a = list.first!", "call()!.go()", "var late: Int!", "a[0]!", "map[key]! + 1"],
      right: ["if !ready {}", "a != b", "guard !(a && b)", "let all = !list.isEmpty", "x = a ? !b : c"]),
    Construct(
      name: "unsafe-downcast", pattern: #"\bunsafeDowncast\("#, holds: everywhere,
      wrong: ["unsafeDowncast(a, to: B.self)"], right: ["let unsafeDowncasts = 1"]),
    // The parts of a connection point back at the connection that owns them and is the only one to let them go. A weak
    // reference would hide a mistake there, and would be paid for with each packet.
    Construct(
      name: "unowned", pattern: #"\bunowned\b"#, holds: { $0 != "MeshTransport" },
      wrong: ["[unowned self] in", "unowned let owner: Owner"], right: ["let unownedThing = 1"]),
  ]

  private static let concurrency = [
    Construct(
      name: "async", pattern: #"\basync\b|\bawait\b|\bTask\s*[{\(.]|\bactor\s+[A-Z]|@MainActor"#, holds: exceptMeshKit,
      wrong: ["func a() async {}", "await b()", "Task { }", "actor Counter {}", "Task.detached {}"],
      right: ["let factor = 1", "let asynchronous = 2", "struct TaskQueue {}", "case actor"]),
    Construct(
      name: "codable", pattern: #"\b(Codable|Encodable|Decodable|JSONEncoder|JSONDecoder)\b"#, holds: everywhere,
      wrong: ["struct A: Codable {}"], right: ["struct MyCodableThing {}"]),
    Construct(
      name: "mutex", pattern: #"\bMutex[<(]"#, holds: everywhere,
      wrong: ["let lock = Mutex(0)", "let lock: Mutex<Int>"],
      right: ["pthread_mutex_lock(mutex)"]),
  ]

  private static let rooms = [
    Construct(
      name: "hashing",
      pattern: #"\b(Dictionary|Set)\s*[<\(]|\[[A-Z][\w.]*\s*:\s*[A-Z][\w.?<>]*\]|\[:\]|\.hashValue\b|\bHasher\("#,
      holds: inRooms,
      wrong: ["var a: Set<Int> = []", "Dictionary(a)", "var a: [String: Int]", "a = [:]", "a.hashValue"],
      right: ["OptionSet {", "a[first: 1]", "OrderedMap<String, Int>", "var a: [Int] = []", "a[b ? C : D]"]),
    Construct(
      name: "clock", pattern: #"\b(ContinuousClock|SuspendingClock|clock_gettime|gettimeofday)\b"#, holds: inRooms,
      wrong: ["let now = ContinuousClock.now"], right: ["let clock = 1"]),
    Construct(
      name: "randomness",
      pattern:
        #"\bSystemRandomNumberGenerator\b|\.random\(in:[^)\n]*\)(?!.*using:)|\.(randomElement|shuffled|shuffle)\(\)"#,
      holds: inRooms,
      wrong: ["Int.random(in: 0..<9)", "SystemRandomNumberGenerator()", "list.shuffled()", "list.randomElement()"],
      right: ["random.next()", "list.shuffled(using: &generator)"]),
    Construct(
      name: "lock", pattern: #"\bpthread_|\bLock\(|\bAtomic<"#, holds: inRooms,
      wrong: ["pthread_mutex_lock(&a)", "let lock = Lock()", "let a: Atomic<Int>"], right: ["let blocked = 1"]),
  ]

  /// What a library must leave to its host.
  private static let manners = [
    Construct(
      name: "print", pattern: #"(?<![\w.])(print|debugPrint|dump|readLine)\("#, holds: { $0 != "MeshSimCommand" },
      wrong: ["print(\"x\")", "  dump(a)"], right: ["printable(a)", "a.print(b)", "blueprint(c)"]),
    Construct(
      name: "standard-output", pattern: #"\b(stdout|stderr|STDOUT_FILENO|STDERR_FILENO)\b"#, holds: inTheLibrary,
      wrong: ["write(STDERR_FILENO, a, 1)"], right: ["let stdoutput = 1"]),
    Construct(
      name: "process-state",
      pattern:
        #"\b(setenv|putenv|unsetenv|f?chdir|setlocale|umask|atexit|sigaction|_?exit)\(|\babort\(\)|\bsignal\(SIG"#,
      holds: inTheLibrary,
      wrong: ["setenv(\"a\", \"b\", 1)", "signal(SIGTERM, handler)", "exit(1)", "umask(0)", "abort()"],
      right: ["abort(stream: 4)", "on_exit_count", "pthread_cond_signal(c)", "condition.signal()", "func signal() {"]),
  ]

  /// The places in `file` that break this rule.
  func findings(_ file: SourceTree.File) -> [Finding] {
    guard let module = file.module, holds(module), let expression = try? NSRegularExpression(pattern: pattern)
    else { return [] }
    return file.code.lines(matching: expression).filter { !file.code.allows(name, at: $0) }.map {
      Finding(
        path: file.path, line: $0 + 1, rule: name,
        text: file.code.original[$0].trimmingCharacters(in: .whitespaces))
    }
  }
}
