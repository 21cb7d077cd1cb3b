// The bytes of one blocking client, in clear or through TLS.
import CLinux
import Glibc
import MeshBasics

/// A connected socket of `HTTPClient`. Every call blocks until the deadline at most. *Errors*: what the system or TLS
/// says; `timedOut` tells a timeout from the rest.
final class ClientWire {
  private let socket: Int32
  /// Until when calls may block.
  var deadline: Instant
  private let tls: TLSStream?
  private var chunk = [UInt8](repeating: 0, count: 64 * 1024)

  /// Takes `socket` over, which doesn't block. `tls` nil: in clear.
  init(_ socket: Int32, tls: TLSStream?, deadline: Instant) {
    self.socket = socket
    self.tls = tls
    self.deadline = deadline
  }

  deinit { _ = close(socket) }

  /// Sends all of `bytes`, after the handshake of TLS if that is still to come.
  func send(_ bytes: [UInt8]) throws(TransportError) {
    guard let tls else { return try write(bytes[...]) }
    try shakeHands(tls)
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = tls.write(rest)
      guard count > 0 else { throw TransportError("can't send the request: \(tls.failure ?? "TLS takes nothing")") }
      rest = rest.dropFirst(count)
      try writeWaiting(tls)
    }
  }

  /// The next bytes; empty at the end.
  func receive() throws(TransportError) -> ArraySlice<UInt8> {
    guard let tls else { return try read() }
    while true {
      if let plain = tls.read() { return plain }
      if let failure = tls.failure { throw TransportError("can't read the answer: TLS: \(failure)") }
      if tls.hasEnded { return [] }
      try feed(tls)
    }
  }

  private func shakeHands(_ tls: TLSStream) throws(TransportError) {
    while !tls.isOpen {
      // Reading drives the handshake; nothing plain can come before its end.
      _ = tls.read()
      try writeWaiting(tls)
      if let failure = tls.failure { throw TransportError("TLS: \(failure)") }
      if !tls.isOpen { try feed(tls) }
    }
    try writeWaiting(tls)
  }

  /// Gives TLS what comes next. The end of the connection without TLS's own goodbye is an error: it may be a cut.
  private func feed(_ tls: TLSStream) throws(TransportError) {
    let bytes = try read()
    guard !bytes.isEmpty else { throw TransportError("the connection ended amid TLS") }
    tls.receive(bytes)
  }

  private func writeWaiting(_ tls: TLSStream) throws(TransportError) {
    let waiting = tls.output
    try write(waiting)
    tls.wrote(waiting.count)
  }

  private func write(_ bytes: ArraySlice<UInt8>) throws(TransportError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        try wait(for: POLLOUT)
      } else if errno != EINTR {
        throw TransportError("can't send the request: \(systemMessage(errno))")
      }
    }
  }

  private func read() throws(TransportError) -> ArraySlice<UInt8> {
    while true {
      // Also before each read, so that a peer that sends one byte at a time can't go on for ever.
      try wait(for: POLLIN)
      let count = recv(socket, &chunk, chunk.count, 0)
      if count >= 0 { return chunk.prefix(count) }
      guard errno == EAGAIN || errno == EINTR else {
        throw TransportError("can't read the answer: \(systemMessage(errno))")
      }
    }
  }

  /// Blocks until the socket is ready for `events` of `poll`.
  func wait(for events: Int32) throws(TransportError) {
    while true {
      let left = deadline.since(MonotonicClock.now())
      guard left > .zero else { throw TransportError("timed out", timedOut: true) }
      var item = pollfd(fd: socket, events: Int16(events), revents: 0)
      let milliseconds = Int32(clamping: left.milliseconds.addingReportingOverflow(1).partialValue)
      let count = poll(&item, 1, milliseconds)
      if count > 0 { return }
      if count < 0, errno != EINTR { throw TransportError("can't wait for the answer: \(systemMessage(errno))") }
    }
  }
}
