import MeshBasics

/// One caller's stream of text: what its watch has to tell, and signs of life between. A value without IO; its caller
/// writes what it gives.
struct WatchStream<Item: Sendable> {
  private var watch: Watch<Item>
  private let form: EventText.Form
  private var heartbeatAt: Instant?
  private var lastData: [UInt8] = []
  /// How often its reader had to begin anew because it was too slow.
  private(set) var lags: UInt64 = 0

  /// A stream of what `watch` finds.
  init(_ watch: Watch<Item>, _ form: EventText.Form = .events) {
    self.watch = watch
    self.form = form
  }

  /// What comes next. `write` adds a step to the text, with the watch for its tokens.
  mutating func next(
    in resource: any WatchedResource<Item>, now: Instant,
    write: (Watch<Item>.Step, Watch<Item>, inout EventText) -> Void
  ) -> WatchTextPart {
    var text = EventText(form, after: lastData)
    if heartbeatAt == nil { text.retry(after: WatchLimits.retry) }
    // A step may have nothing to say on lines.
    while let step = watch.next(in: resource) {
      if case .resync(.lagged) = step { lags &+= 1 }
      write(step, watch, &text)
      if !text.bytes.isEmpty { return told(text, now) }
    }
    if let due = heartbeatAt, now < due { return .nothing(until: due) }
    text.heartbeat(id: watch.token?.text)
    return told(text, now)
  }

  private mutating func told(_ text: EventText, _ now: Instant) -> WatchTextPart {
    lastData = text.lastData
    let due = now + WatchLimits.heartbeat
    heartbeatAt = due
    return text.bytes.isEmpty ? .nothing(until: due) : .bytes(text.bytes)
  }
}
