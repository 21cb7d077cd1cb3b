import CLinux
import Glibc
import MeshBasics

/// One connection of an `HTTPPoster`: a socket, TLS, and the parser of its answers.
final class PosterConnection: ReactorHandler, DeadlineOwner {
  /// One request, ready to be sent, and to be sent again.
  struct Job {
    let request: UInt64
    let address: SocketAddress
    let host: String
    let bytes: [UInt8]
  }

  /// What came of moving bytes.
  enum Step {
    case going
    /// `mayStay`: the connection can carry another request.
    case answered(HTTPResponse, mayStay: Bool)
    case broken(String)
  }

  let descriptor: Int32
  let address: SocketAddress
  let tls: TLSStream
  /// The generation of `NodeSecurity` under which it was opened.
  let generation: UInt64
  var heapIndex: Int?
  /// It carried a request before this one.
  private(set) var wasUsed = false
  /// Something of the answer has come.
  private(set) var hasHeard = false
  private unowned let poster: HTTPPoster
  private var job: Job?
  private var isConnected = false
  private var unsent: ArraySlice<UInt8> = []
  private var parser = HTTP1ResponseParser()

  init(_ descriptor: Int32, address: SocketAddress, tls: TLSStream, generation: UInt64, poster: HTTPPoster) {
    self.descriptor = descriptor
    self.address = address
    self.tls = tls
    self.generation = generation
    self.poster = poster
  }

  /// `job` is next.
  func begin(_ job: Job, limits: HTTPLimits) {
    self.job = job
    (wasUsed, hasHeard) = (isConnected, false)
    unsent = job.bytes[...]
    parser = HTTP1ResponseParser(limits: limits)
  }

  /// Lets go of the request, if there is one.
  func endJob() -> Job? {
    defer { job = nil }
    return job
  }

  func ready(_ descriptor: Int32, _ readiness: Readiness) { poster.move(self) }

  func close() {
    // Why a server was refused is worth an alert.
    if tls.refusal != nil {
      _ = tls.output.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }
    _ = Glibc.close(descriptor)
  }

  /// What the socket is to be watched for.
  var interest: Readiness { isConnected && tls.output.isEmpty ? .readable : [.readable, .writable] }

  /// Moves what can be moved.
  func move() -> Step {
    if !isConnected {
      let code = TCPSocket.outcome(of: descriptor)
      guard code == 0 else { return .broken("\(address): \(systemMessage(code))") }
      isConnected = true
    }
    let heard = hear()
    guard case .going = heard else { return heard }
    return speak()
  }

  private func hear() -> Step {
    var chunk = [UInt8](repeating: 0, count: 16 * 1024)
    // Bounded, so that one server can't hold the thread; what is left wakes it again.
    for _ in 0..<16 {
      // Also before anything came: reading begins the handshake.
      let heard = take()
      guard case .going = heard else { return heard }
      let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
      if count == 0 { return ended() }
      guard count > 0 else {
        return errno == EAGAIN || errno == EINTR ? .going : .broken("\(address): \(systemMessage(errno))")
      }
      tls.receive(chunk.prefix(count))
    }
    return take()
  }

  /// Reads what TLS has.
  private func take() -> Step {
    while let plain = tls.read() {
      guard job != nil else { return .broken("\(address): bytes that nobody asked for") }
      hasHeard = true
      do throws(HTTPFailure) {
        guard let response = try parser.receive(plain) else { continue }
        let isLast = HTTP1Syntax.equalIgnoringCase(response.header("connection") ?? "", "close")
        return .answered(response, mayStay: !isLast && unsent.isEmpty && tls.output.isEmpty)
      } catch {
        return .broken("\(address): \(error)")
      }
    }
    if let refusal = tls.refusal { return .broken("\(address): its certificate was refused: \(refusal.reason)") }
    if let failure = tls.failure { return .broken("\(address): TLS: \(failure)") }
    return tls.hasEnded ? ended() : .going
  }

  /// The server sends no more.
  private func ended() -> Step {
    guard job != nil, tls.hasEnded, let response = try? parser.connectionEnded() else {
      return .broken("\(address): the connection ended before an answer did")
    }
    return .answered(response, mayStay: false)
  }

  private func speak() -> Step {
    while true {
      while !unsent.isEmpty {
        let count = tls.write(unsent)
        guard count > 0 else { break }
        unsent = unsent.dropFirst(count)
      }
      let waiting = tls.output
      guard !waiting.isEmpty else { return .going }
      let count = waiting.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else {
        return errno == EAGAIN || errno == EINTR ? .going : .broken("\(address): \(systemMessage(errno))")
      }
      tls.wrote(count)
    }
  }
}
