// Probes in another's place: the relay's side of SWIM's indirect probe, and of Lifeguard's nack.
import MeshBasics
import MeshWire

/// A probe made in another's place.
struct RelayJob: Equatable, Sendable {
  let requester: NodeID
  /// The number of the requester's probe.
  let sequence: UInt64
  let target: NodeID
  /// The requester was told already that there is no answer yet.
  var isNacked = false
}

extension Membership {
  mutating func relay(
    _ request: ProbeRequest, for requester: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, let target = NodeID(request.target), target != requester, target != nodeID,
      let member = members[target], member.version.state != .left,
      hasRoomToRelay(to: target, for: requester, into: &effects),
      // A node that isn't well has no handshakes to spare for others' questions.
      peers[target] != nil || (health.score == 0 && !isLate(now: now))
    else {
      answerRelay(request.sequence, request.target, reached: false, to: requester, into: &effects)
      return
    }
    sequence &+= 1
    relayJobs[sequence] = RelayJob(requester: requester, sequence: request.sequence, target: target)
    // Told before the requester's own time is over (Lifeguard §IV-A): that nothing came is not that this node is deaf.
    let answerTime = detector.answerTime(peers[target]?.smoothedRoundTrip, health: LocalHealth())
    timers.set(
      .relayJob(sequence), at: now + min(answerTime.multiplied(by: 4).divided(by: 5), MembershipLimits.nackTime))
    if peers[target] != nil {
      sendPing(sequence, to: target, into: &effects)
    } else {
      marks.insert(.relayedByNewLink)
      wantTemporarily(target, now: now)
    }
  }

  /// Probes for others have their limits, in all and for each of them, and take no more than half of the temporary
  /// links: the rest is for this node's own questions.
  private func hasRoomToRelay(
    to target: NodeID, for requester: NodeID, into effects: inout MembershipEffects
  ) -> Bool {
    let needsLink = peers[target] == nil && links.temporary[target] == nil
    let limit: String? =
      if relayJobs.count >= MembershipLimits.relayJobsMax {
        "probes for others"
      } else if relayJobs.values.count(where: { $0.requester == requester }) >= MembershipLimits.relayJobsPerPeer {
        "probes for one peer"
      } else if needsLink && links.temporary.count >= MembershipLimits.temporaryLinksForOthers {
        "links to probe for others"
      } else {
        nil
      }
    if let limit { effects.append(.observe(.limitReached(limit))) }
    return limit == nil
  }

  mutating func relayIsOverdue(_ number: UInt64, now: Instant, into effects: inout MembershipEffects) {
    guard var job = relayJobs[number] else { return }
    guard !job.isNacked else {
      relayJobs.removeValue(forKey: number)
      return
    }
    answerRelay(job.sequence, job.target.name, reached: false, to: job.requester, into: &effects)
    job.isNacked = true
    relayJobs[number] = job
    timers.set(.relayJob(number), at: now + configuration.interval.multiplied(by: 2))
  }

  /// `node` was heard: whoever asked about it is told.
  mutating func finishRelayJobs(for node: NodeID, into effects: inout MembershipEffects) {
    guard !relayJobs.isEmpty else { return }
    for (number, job) in relayJobs where job.target == node {
      relayJobs.removeValue(forKey: number)
      timers.set(.relayJob(number), at: nil)
      answerRelay(job.sequence, node.name, reached: true, to: job.requester, into: &effects)
    }
  }

  private func answerRelay(
    _ sequence: UInt64, _ target: String, reached: Bool, to requester: NodeID, into effects: inout MembershipEffects
  ) {
    guard peers[requester]?.isModern == true else { return }
    var reply = ProbeReply()
    reply.sequence = sequence
    reply.target = target
    reply.reached = reached
    effects.append(.send([requester], .probeReply(reply)))
  }
}
