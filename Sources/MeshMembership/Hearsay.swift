// What others say about the end of a member that this node doesn't hear itself. One neighbour's word isn't enough: two
// different neighbours must say it, or this node's own attempt to reach the member must fail. So no single peer, though
// it is authenticated, can make a healthy member look dead or gone.
import MeshBasics
import MeshWire

/// A claimed end that waits for a second voice.
struct Hearsay: Equatable, Sendable {
  /// The claim, and the neighbour that brought it first.
  let record: MemberRecord
  let voice: NodeID
  /// Whether that neighbour counts: when it has been one for long enough, and for a newcomer's goodbyes always.
  let isVoice: Bool
  /// What others say in this node's own name, which it doesn't stand by; the accuser is who told it.
  var said: MemberRecord?
  /// A second neighbour has said it while this node was still linked to the member.
  var isSeconded = false
  /// A second neighbour has said it, however young its link.
  var isEchoed = false
  /// This node tries to reach the member itself, and how often it has begun to.
  var isChecking = false
  var looks = 0
  /// The dial came to nothing, and what relays say since decides.
  var isAsked = false
}

extension Membership {
  /// Whether a claimed end may be believed now: said by a second neighbour, or borne out by what this node saw itself.
  /// Otherwise it is kept, and this node goes and looks unless a second voice comes first.
  mutating func believesEnd(_ record: MemberRecord, of node: NodeID, from sender: NodeID, now: Instant) -> Bool {
    if configuration.mutations.contains(.believesOneVoice) { return true }
    if bearsOut(node, now: now) { return true }
    // What a peer believes that just came back from the other side of a partition may be refuted in a moment. But a
    // newcomer, whose links are all young, would have nobody to believe; it takes a goodbye, which few take back.
    let isNewcomer = now.since(startedAt) < MembershipLimits.voiceAge
    let isVoice = (record.state == .left && isNewcomer) || isVoice(sender, now: now)
    if let known = hearsay[node], known.record.epoch == record.epoch, known.record.state == record.state {
      if known.isVoice && isVoice && known.voice != sender {
        marks.insert(.secondVoice)
        return true
      }
      // A look that this node began by itself is nobody's word.
      if known.voice != sender && known.voice != nodeID { _ = hearsay.modify(node) { $0.isEchoed = true } }
      // The first that counts takes the place of one that doesn't.
      guard isVoice && !known.isVoice else { return false }
    }
    guard hearsay.count < MembershipLimits.hearsayMax,
      hearsay.values.count(where: { $0.voice == sender }) < MembershipLimits.hearsayPerVoice
    else { return false }
    var claim = Hearsay(record: record, voice: sender, isVoice: isVoice)
    if let known = hearsay[node] {
      (claim.isChecking, claim.looks, claim.isAsked) = (known.isChecking, known.looks, known.isAsked)
      claim.said = known.said
      let isSame = known.record.epoch == record.epoch && known.record.state == record.state
      claim.isEchoed = isSame && known.voice != sender && known.voice != nodeID
    }
    hearsay[node] = claim
    // The others are likely to say it within a few milliseconds; all looking at once would be a stampede. Another claim
    // doesn't put off the look.
    let patience = Duration.milliseconds(100 &+ Int64(random.below(200)))
    if timers[.check(node)] == nil { timers.set(.check(node), at: now + patience) }
    return false
  }

  /// Whether a neighbour has been one for long enough for its word of a death, or of a life, to count.
  func isVoice(_ node: NodeID, now: Instant) -> Bool {
    peers[node].map { now.since($0.since) >= MembershipLimits.voiceAge } ?? false
  }

  /// Keeps in mind that a linked member is said to have left: should the link end now, that is why.
  mutating func noteVoice(_ record: MemberRecord, of node: NodeID, from sender: NodeID, now: Instant) {
    let isBelieved = believesEnd(record, of: node, from: sender, now: now)
    if isBelieved { _ = hearsay.modify(node) { $0.isSeconded = true } }
  }

  /// The link to a member has ended that others say has left.
  mutating func linkEnded(to node: NodeID, now: Instant, into effects: inout MembershipEffects) -> Bool {
    guard let claim = hearsay[node], claim.record.state == .left, let known = members[node] else { return false }
    if claim.isSeconded && Version(claim.record).supersedes(known.version) {
      dropHearsay(node)
      adopt(claim.record, over: known, node: node, from: claim.voice, path: .news, now: now, into: &effects)
    } else {
      check(node, now: now, into: &effects)
    }
    return true
  }

  /// Whether this node has seen enough itself for one voice to do: a refusal, a whole silence, or an accusation that
  /// the member hasn't refuted in all the time that it had.
  private func bearsOut(_ node: NodeID, now: Instant) -> Bool {
    guard let suspicion = suspicions[node], let member = members[node] else { return false }
    if suspicion.refusedAt != nil { return true }
    let shortest = detector.shortestSilence(members: livingCount)
    if suspicion.confirmedAt != nil { return now.since(silentSince(suspicion, member)) >= shortest }
    return now.since(suspicion.beganAt) >= configuration.suspicionInterval
  }

  mutating func checkIsDue(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard let claim = hearsay[node] else { return }
    // A look without a result proves nothing: no dial may have come about at all.
    if claim.looks >= MembershipLimits.looksMax { return dropHearsay(node) }
    check(node, now: now, into: &effects)
  }

  /// Goes and looks: a new link disproves the claim, a failed dial bears it out. `said` is what others tell in this
  /// node's own name.
  mutating func check(
    _ node: NodeID, said: MemberRecord? = nil, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, let member = members[node], !member.version.state.isTerminal else { return dropHearsay(node) }
    guard peers[node] == nil else {
      // Whoever believes it may have no link to the subject, which alone can refute it.
      if let said = said ?? hearsay[node]?.record, mayQuestion(node, now: now) {
        send([said], to: [node], into: &effects)
      }
      lookAt(node, now: now, into: &effects)
      _ = hearsay.modify(node) { $0.looks &+= 1 }
      return timers.set(.check(node), at: hearsay[node] == nil ? nil : now + .seconds(1))
    }
    guard checks.take(1, now: now), wantTemporarily(node, now: now) else {
      timers.set(.check(node), at: now + random.jittered(.seconds(1), percent: 50))
      return
    }
    marks.insert(.checkedHearsay)
    totals.checks &+= 1
    if hearsay[node] == nil {
      // Others only suspect it: should the look fail, the death is this node's own word, which nobody else stands by.
      var record = record(of: node, member, withMetadata: false)
      (record.state, record.accuser, record.accusers, record.refused) = (.dead, nodeID.name, [], false)
      hearsay[node] = Hearsay(record: record, voice: nodeID, isVoice: false, said: said)
    }
    _ = hearsay.modify(node) { claim in
      claim.isChecking = true
      claim.looks &+= 1
    }
    timers.set(.check(node), at: now + configuration.pingTimeout + .seconds(1))
  }

  /// The member doesn't answer this node either. One that hears nobody at all has seen nothing by that. And where no
  /// host refused it the dial itself may have failed, and the one voice be a liar's: relays are asked first.
  mutating func confirmHearsay(
    about node: NodeID, refused isRefused: Bool, now: Instant, into effects: inout MembershipEffects
  ) {
    guard let claim = hearsay[node] else { return }
    // A death of its own finding needs a silence of its own hearing as well.
    let shortest = detector.shortestSilence(members: livingCount)
    guard isRefused || !isCutOff(now: now, into: &effects), let known = members[node],
      Version(claim.record).supersedes(known.version), peers[node] == nil,
      claim.voice != nodeID || now.since(known.evidence) >= shortest
    else { return dropHearsay(node) }
    // A newcomer has all endpoints from others, and only young links: two that say the same, and no answer where both
    // would have it answer, must do. What partitions leave behind an answer disproves.
    guard provesSomething(known, now: now) || claim.isEchoed else { return dropHearsay(node) }
    guard isRefused || claim.isAsked else {
      _ = hearsay.modify(node) { $0.isAsked = true }
      // Those that a probe under way has asked decide as well.
      return askRelays(about: node, now: now, into: &effects)
    }
    // Another dial that comes to nothing says no more than the first: relays have their time.
    guard isRefused || probes[node] == nil else { return }
    dropHearsay(node)
    adopt(claim.record, over: known, node: node, from: claim.voice, path: .look, now: now, into: &effects)
  }

  /// The member answers this node: the claim was wrong, or is out of date. Its subject hears of it.
  mutating func dismissCheck(of node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard let claim = hearsay[node] else { return }
    dropHearsay(node)
    let said = claim.said ?? claim.record
    guard let known = members[node], Version(said).supersedes(known.version) else { return }
    marks.insert(.disproved)
    // What this node looked into of its own accord nobody has said, itself included.
    if claim.voice != nodeID || claim.said != nil { send([said], to: [node], into: &effects) }
  }

  private mutating func dropHearsay(_ node: NodeID) {
    hearsay.removeValue(forKey: node)
    timers.set(.check(node), at: nil)
  }
}
