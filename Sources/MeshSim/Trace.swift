// The steps of a run in words, for the person who looks for what went wrong.
import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

extension Simulation {
  /// One line: the virtual time in milliseconds, who, and what.
  func say(_ index: Int?, _ what: @autoclosure () -> String) {
    guard let tell else { return }
    let microseconds = now.since(.origin).microseconds
    let fraction = String(1_000 &+ microseconds % 1_000).dropFirst()
    let time = "\(microseconds / 1_000).\(fraction)"
    let padding = String(repeating: " ", count: max(0, 10 &- time.utf8.count))
    tell("\(padding)\(time)  \(index.map { nodes[$0].id.name } ?? "network")  \(what())")
  }

  func words(for input: EngineInput, at index: Int) -> String {
    switch input {
    case .started(let unix): "starts life \(nodes[index].life) at Unix millisecond \(unix)"
    case .linkOpened(let link, let peer): "\(link.words) opens, to \(peer.identity.nodeNames.first ?? "?")"
    case .linkClosed(let link, let end): "\(link.words) ends: \(end)"
    case .received(let link, let bytes): "\(link.words) brings \(words(for: bytes))"
    case .pingCalled(let request, _): "is called, request \(request.rawValue)"
    case .stored(let token): "write \(token.rawValue) is durable"
    case .storeFailed(let token, let reason): "write \(token.rawValue) failed: \(reason)"
    case .command(_, let command): "is told: \(command)"
    case .securityChanged: "has another certificate"
    case .deadlineReached: "wakes up"
    }
  }

  private func words(for bytes: [UInt8]) -> String {
    do {
      switch try MeshMessage.decode(bytes) {
      case .hello(let hello): return "hello of \(hello.record.words)"
      case .ping(let ping): return "ping \(ping.sequence)\(words(for: ping.news))"
      case .ack(let ack): return "ack \(ack.sequence)\(words(for: ack.news))"
      case .news(let news): return "news\(words(for: news.records))"
      case .view(let view): return "view\(words(for: view.records))\(view.replyWanted ? ", wants ours" : "")"
      }
    } catch {
      return "what can't be read: \(error)"
    }
  }

  private func words(for records: [MemberRecord]) -> String {
    records.isEmpty ? "" : ": " + records.map(\.words).joined(separator: ", ")
  }
}

extension MemberRecord {
  fileprivate var words: String {
    "\(nodeID) \(state) (\(epoch), \(incarnation))\(accuser.isEmpty ? "" : " by \(accuser)")"
  }
}

extension LinkID {
  fileprivate var words: String { isDialed ? "dialed link \(rawValue)" : "accepted link \(rawValue & ~(1 << 63))" }
}
