import MeshBasics
import MeshThreads
import MeshTransport

/// Looks hosts' names up, several at once: the system's resolver may take ten seconds for one, and nothing can hurry or
/// interrupt it. The names of seeds, which operators chose, never wait behind those that peers announced.
final class NameResolver: Sendable {
  typealias Answer = Result<[SocketAddress], TransportError>

  /// Names of each kind that are looked up at once.
  static let threadsMax = 8
  /// Names of each kind that wait for that.
  static let waitingMax = 1_024

  private let seeds: Lane
  private let members: Lane

  /// `report` is told the host and what it stands for, on a thread of the resolver's.
  init(
    lookUp: @escaping @Sendable (Endpoint) -> Answer = NameResolver.askSystem,
    report: @escaping @Sendable (String, Answer) -> Void
  ) {
    let serve: @Sendable (Endpoint) -> Void = { report($0.host, lookUp($0)) }
    seeds = Lane(serve: serve)
    members = Lane(serve: serve)
  }

  /// Looks up the host of `endpoint`. False when too much is waiting already, after `stop`, or without a thread.
  func lookUp(_ endpoint: Endpoint, isSeed: Bool) -> Bool { (isSeed ? seeds : members).add(endpoint) }

  /// Lets the threads end after the lookups at hand: nobody waits for the answers any more.
  func stop() {
    seeds.stop()
    members.stop()
  }

  @Sendable static func askSystem(_ endpoint: Endpoint) -> Answer {
    do throws(TransportError) {
      return .success(try SocketAddress.resolve(endpoint))
    } catch {
      return .failure(error)
    }
  }
}

/// The names of one kind, and the threads for them, which live only as long as there is something to look up: a mesh at
/// rest looks nothing up.
private final class Lane: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private let lock = Lock()
  private let serve: @Sendable (Endpoint) -> Void
  private var waiting: [Endpoint] = []
  private var threads = 0
  private var hasStopped = false

  init(serve: @escaping @Sendable (Endpoint) -> Void) { self.serve = serve }

  func add(_ endpoint: Endpoint) -> Bool {
    let (isAccepted, needsThread) = lock.locked { () -> (Bool, Bool) in
      guard !hasStopped, waiting.count < NameResolver.waitingMax else { return (false, false) }
      waiting.append(endpoint)
      guard threads < NameResolver.threadsMax else { return (true, false) }
      threads &+= 1
      return (true, true)
    }
    guard needsThread else { return isAccepted }
    do throws(MeshError) {
      try LibraryThread.start(name: "meshkit-names") { [self] in run() }.detach()
      return true
    } catch {
      return withoutThread()
    }
  }

  func stop() {
    lock.locked {
      hasStopped = true
      waiting = []
    }
  }

  /// Whether another thread comes to what waits; else it waits no longer.
  private func withoutThread() -> Bool {
    lock.locked {
      threads &-= 1
      if threads == 0 { waiting = [] }
      return threads > 0
    }
  }

  private func run() {
    while let endpoint = next() { serve(endpoint) }
  }

  private func next() -> Endpoint? {
    lock.locked {
      guard waiting.isEmpty else { return waiting.removeFirst() }
      threads &-= 1
      return nil
    }
  }
}
