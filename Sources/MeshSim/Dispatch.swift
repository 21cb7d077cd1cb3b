// What each event of the queue does, and what a process that doesn't run at full speed holds back.
import MeshBasics
import MeshEngine

extension Simulation {
  func handle(_ event: Event) {
    switch event {
    case .start(let index): boot(processes[index])
    case .wake(let index, let life): wake(processes[index], life)
    case .inbox(let index, let life): lookIntoInbox(of: processes[index], life)
    case .input(let index, let life, let input): give(input, to: processes[index], life: life)
    case .opened(let slot, let generation, let side):
      if connections.isCurrent(slot, generation) { opened(slot, side) }
    case .arrival(let slot, let generation, let side, let parcel):
      if connections.isCurrent(slot, generation) { arrived(slot, side, parcel) }
    case .received(let index, let life, let link, let parcel):
      if processes[index].life == life { receive(parcel, on: link, by: processes[index]) }
    case .ended(let slot, let generation, let side, let end):
      if connections.isCurrent(slot, generation) { ended(slot, side, end) }
    case .doubted(let slot, let generation, let side):
      if connections.isCurrent(slot, generation) { doubted(slot, side) }
    case .idle(let slot, let generation, let side, let since):
      if connections.isCurrent(slot, generation) { idled(slot, side, since: since) }
    case .dialed(let index, let life, let link, let endpoint, let since):
      if processes[index].life == life { dialed(link, of: processes[index], at: endpoint, since: since) }
    case .written(let index, let life, let token, let write): written(write, token, by: processes[index], life)
    case .fault(let number): begin(number)
    case .faultEnds(let number): end(number)
    case .burst(let number): burst(number)
    case .mischief(let index, let life): mischief(processes[index], life)
    case .calm: becomeCalm()
    case .inspection: inspect()
    }
  }

  /// Something happens to a process, now or when it gets round to it. Without a life it is meant for any.
  func give(_ input: EngineInput, to process: Process, life: Int?) {
    let life = life ?? process.life
    guard process.life == life else { return }
    if holdsBack(process, .input(process: process.index, life: life, input)) { return }
    if process.hostile != nil { return react(process, input) }
    step(process, input)
  }

  func receive(_ parcel: Parcel, on link: LinkID, by process: Process) {
    if process.hostile != nil { return overhear(process, link, parcel) }
    if isSmall { process.hear(processes[parcel.sender].name, by: link, isHello: parcel.isHello, at: now) }
    switch parcel.message {
    case .success(let message):
      if isSmall { checks.received(message, from: parcel.sender, by: process, in: self) }
      if case .hello = message { noteDial(link, of: process, found: processes[parcel.sender].name) }
      hash.combine(parcel.digest)
      step(process, .received(link, message))
    case .failure(let error):
      tally(.unreadable)
      step(process, .unreadable(link, reason: error.description))
    }
  }

  private func wake(_ process: Process, _ life: Int) {
    guard process.life == life, let wakeAt = process.wakeAt, wakeAt == now else { return }
    if process.pausedUntil > now {
      process.wakeAt = process.pausedUntil
      return queue.schedule(.wake(process: process.index, life: life), at: process.pausedUntil)
    }
    process.wakeAt = nil
    // The deadline that this was for may have gone meanwhile.
    guard let deadline = process.engine?.nextDeadline else { return }
    if deadline <= process.clock.local(now) { step(process, .deadlineReached) } else { rearm(process) }
  }

  /// Whether the process can't handle it now; it waits in the inbox then, in order.
  func holdsBack(_ process: Process, _ event: Event) -> Bool {
    let isPaused = process.pausedUntil > now
    guard isPaused || process.inputDelay > .zero || process.hasInbox else { return false }
    if process.inboxCount >= process.inboxLimit, case .received = event {
      tally(.inboxOverflowed)
      return true
    }
    let delay = process.random.below(UInt64(process.inputDelay.nanoseconds))
    let readyAt = max(now + Duration(nanoseconds: Int64(clamping: delay)), process.pausedUntil)
    if let at = process.keep(event, readyAt: readyAt) {
      queue.schedule(.inbox(process: process.index, life: process.life), at: at)
    }
    return true
  }

  private func lookIntoInbox(of process: Process, _ life: Int) {
    guard process.life == life else { return }
    while violation == nil, process.life == life, let readyAt = process.inboxReadyAt {
      let at = max(readyAt, process.pausedUntil)
      guard at <= now else {
        return queue.schedule(.inbox(process: process.index, life: life), at: at)
      }
      switch process.takeFromInbox() {
      case .input(_, let life, let input):
        guard process.life == life else { break }
        if process.hostile != nil { react(process, input) } else { step(process, input) }
      case .received(_, let life, let link, let parcel):
        if process.life == life { receive(parcel, on: link, by: process) }
      default: break
      }
    }
  }
}
