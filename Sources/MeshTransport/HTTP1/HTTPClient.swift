// One blocking request for the operator's command. It shares the parsers of the server and nothing else.
import CLinux
import Glibc
import MeshBasics

/// One blocking HTTP/1.1 request, for the command.
public enum HTTPClient {
  /// Sends a request without a body to `url` (`http://` only) and answers the final response, whatever its status;
  /// redirects are not followed.
  ///
  /// Blocks up to `timeout`, to which only a slow name server can add. *Limits*: an answer of 64 MiB.
  /// *Errors*: name the URL and the cause; `timedOut` tells a timeout from the rest.
  public static func request(
    _ method: String, url: String, timeout: Duration
  ) throws(TransportError) -> HTTPResponse {
    let parsed = try HTTPURL(parsing: url)
    let deadline = MonotonicClock.now() + timeout
    do throws(TransportError) {
      guard let endpoint = Endpoint(host: parsed.host, port: parsed.port) else {
        throw TransportError("'\(parsed.host)' is not a host name or an address")
      }
      let socket = try connect(to: SocketAddress.resolve(endpoint), deadline)
      defer { _ = close(socket) }
      let request =
        "\(method) \(parsed.target) HTTP/1.1\r\nHost: \(parsed.authority)\r\nAccept: */*\r\n"
        + "User-Agent: meshkit\r\n\(method == "POST" ? "Content-Length: 0\r\n" : "")Connection: close\r\n\r\n"
      try write(Array(request.utf8), to: socket, deadline)
      return try read(from: socket, deadline)
    } catch {
      let cause = error.timedOut ? "no complete answer within \(timeout.milliseconds) ms" : error.description
      throw TransportError("can't \(method) \(url): \(cause)", timedOut: error.timedOut)
    }
  }

  /// GETs `url`, as `request` does.
  public static func get(url: String, timeout: Duration) throws(TransportError) -> HTTPResponse {
    try request("GET", url: url, timeout: timeout)
  }

  private static func connect(
    to addresses: [SocketAddress], _ deadline: Instant
  ) throws(TransportError) -> Int32 {
    var last = TransportError("the host has no address")
    for address in addresses {
      do throws(TransportError) {
        return try connect(to: address, deadline)
      } catch {
        if error.timedOut { throw error }
        last = error
      }
    }
    throw last
  }

  private static func connect(to address: SocketAddress, _ deadline: Instant) throws(TransportError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = Glibc.socket(address.isIPv6 ? AF_INET6 : AF_INET, type, 0)
    guard socket >= 0 else { throw TransportError("can't open a socket: \(systemMessage(errno))") }
    do throws(TransportError) {
      if address.withSockaddr({ Glibc.connect(socket, $0, $1) }) != 0 {
        guard errno == EINPROGRESS else { throw TransportError("\(address): \(systemMessage(errno))") }
        try wait(for: POLLOUT, on: socket, deadline)
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else { throw TransportError("\(address): \(systemMessage(code))") }
      }
      return socket
    } catch {
      _ = close(socket)
      throw error
    }
  }

  private static func write(_ bytes: [UInt8], to socket: Int32, _ deadline: Instant) throws(TransportError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        try wait(for: POLLOUT, on: socket, deadline)
      } else if errno != EINTR {
        throw TransportError("can't send the request: \(systemMessage(errno))")
      }
    }
  }

  private static func read(from socket: Int32, _ deadline: Instant) throws(TransportError) -> HTTPResponse {
    var parser = HTTP1ResponseParser()
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      // Also before each read, so that a peer that sends one byte at a time can't go on for ever.
      try wait(for: POLLIN, on: socket, deadline)
      let count = recv(socket, &chunk, chunk.count, 0)
      if count < 0 {
        if errno == EAGAIN || errno == EINTR { continue }
        throw TransportError("can't read the answer: \(systemMessage(errno))")
      }
      do throws(HTTPFailure) {
        if count == 0 { return try parser.connectionEnded() }
        if let response = try parser.receive(chunk.prefix(count)) { return response }
      } catch {
        throw TransportError(error.description)
      }
    }
  }

  private static func wait(for events: Int32, on socket: Int32, _ deadline: Instant) throws(TransportError) {
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
