// The steps of a run in words, for the person who looks for what went wrong, and in numbers, for the hash.
import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

extension Simulation {
  /// One line: the virtual time in milliseconds, who, and what.
  func say(_ process: Process?, _ what: @autoclosure () -> String, isDetail: Bool = false) {
    guard let tell else { return }
    let microseconds = now.since(.origin).microseconds
    let fraction = String(1_000 &+ microseconds % 1_000).dropFirst()
    let time = "\(microseconds / 1_000).\(fraction)"
    let padding = String(repeating: " ", count: max(0, 10 &- time.utf8.count))
    let who = process.map { $0.isClone ? "\($0.nodeID.name)'" : $0.nodeID.name } ?? "mesh"
    tell("\(padding)\(time)  \(who)  \(what())", isDetail)
  }

  func trace(_ process: Process, _ input: EngineInput) {
    hash.combine(now.nanoseconds)
    hash.combine(process.index)
    switch input {
    case .received(let link, _): hash.combine(link.rawValue)
    case .unreadable(let link, _): hash.combine(link.rawValue &+ 1)
    case .linkOpened(let link, _): hash.combine(link.rawValue &+ 2)
    case .linkClosed(let link, _): hash.combine(link.rawValue &+ 3)
    case .linkDoubted(let link): hash.combine(link.rawValue &+ 4)
    case .stored(let token), .storeFailed(let token, _): hash.combine(token.rawValue &+ 5)
    case .command(let token, _): hash.combine(token.rawValue &+ 6)
    case .lookupStarted(let link), .lookupEnded(let link): hash.combine(link.rawValue &+ 8)
    case .started, .linksLate, .pingCalled, .securityChanged, .deadlineReached: hash.combine(7)
    }
    guard tell != nil else { return }
    say(process, words(for: input, of: process), isDetail: isDetail(input))
  }

  private func isDetail(_ input: EngineInput) -> Bool {
    switch input {
    case .received, .deadlineReached, .stored: true
    default: false
    }
  }

  private func words(for input: EngineInput, of process: Process) -> String {
    switch input {
    case .started(let unix): "starts life \(process.life) at Unix millisecond \(unix)"
    case .linkOpened(let link, let peer): "\(link.words) opens, to \(peer.identity.nodeNames.first ?? "?")"
    case .lookupStarted(let link): "\(link.words) waits for an address"
    case .lookupEnded(let link): "\(link.words) has an address"
    case .linkClosed(let link, let end): "\(link.words) ends: \(end)"
    case .received(let link, let message): "\(link.words) brings \(message.words)"
    case .unreadable(let link, let reason): "\(link.words) brings what can't be read: \(reason)"
    case .linkDoubted(let link): "\(link.words) may be dead"
    case .linksLate: "is late to its links"
    case .pingCalled(let request, _): "is called, request \(request.rawValue)"
    case .stored(let token): "write \(token.rawValue) is durable"
    case .storeFailed(let token, let reason): "write \(token.rawValue) failed: \(reason)"
    case .command(_, let command): "is told: \(command.words)"
    case .securityChanged: "has another certificate"
    case .deadlineReached: "wakes up"
    }
  }
}

extension Command {
  fileprivate var words: String {
    switch self {
    case .setLabels(let labels): "labels \(labels.map { "\($0.key)=\($0.value.prefix(20))" }.joined(separator: " "))"
    case .setDraining(let isDraining): "draining \(isDraining)"
    case .removeMember(let node): "remove \(node)"
    case .broadcast(let topic, let payload): "broadcast \(topic), \(payload.count) bytes"
    case .leave: "leave"
    }
  }
}

extension MeshMessage {
  fileprivate var words: String {
    switch self {
    case .hello(let hello): "hello of \(hello.record.words)"
    case .ping(let ping): "ping \(ping.sequence)\(words(for: ping.news))"
    case .ack(let ack): "ack \(ack.sequence)\(words(for: ack.news))"
    case .news(let news): "news\(words(for: news.records))"
    case .view(let view): "view\(words(for: view.records))\(view.replyWanted ? ", wants ours" : "")"
    case .probeRequest(let request): "probe request \(request.sequence) for \(request.target)"
    case .probeReply(let reply): "probe reply \(reply.sequence): \(reply.target)\(reply.reached ? "" : " not") reached"
    case .syncDigest: "sync digest"
    case .syncSummary(let summary): "sync summary of \(summary.entries.count)"
    case .syncDelta(let delta): "sync delta, wants \(delta.wanted)\(words(for: delta.records))"
    case .broadcast(let told): "broadcast \(told.topic) of \(told.origin)\(told.payload == nil ? ", announced" : "")"
    case .broadcastPull(let pull): "broadcast pull \(pull.sequence) of \(pull.origin)"
    case .release: "release"
    }
  }

  private func words(for records: [MemberRecord]) -> String {
    records.isEmpty ? "" : ": " + records.map(\.words).joined(separator: ", ")
  }
}

extension MemberRecord {
  fileprivate var words: String {
    let accusation = accuser.isEmpty ? "" : " by \(([accuser] + accusers).joined(separator: " "))"
    return "\(nodeID) \(state) (\(epoch), \(incarnation))\(accusation)\(refused ? " refused" : "")"
  }
}

extension MemberView {
  var version: String { "\(status.rawValue)(\(epoch), \(incarnation))" }
}

extension LinkID {
  fileprivate var words: String { isDialed ? "dialed link \(rawValue)" : "accepted link \(rawValue & ~(1 << 63))" }
}
