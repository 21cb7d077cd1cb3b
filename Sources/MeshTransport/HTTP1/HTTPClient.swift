// One blocking request for the operator's command. It shares the parsers of the server and nothing else.
import CLinux
import Glibc
import MeshBasics

/// One blocking HTTP/1.1 request, for the command.
public enum HTTPClient {
  /// Sends a request without a body to `url` (`http://` or `https://`) and answers the final response, whatever its
  /// status; redirects are not followed. Over TLS the server must show a certificate that `tls` trusts, for the host of
  /// the URL. `token` goes with it, which takes TLS or an address of this host.
  ///
  /// Blocks up to `timeout`, to which only a slow name server can add. *Limits*: an answer of 64 MiB.
  /// *Errors*: name the URL and the cause; `timedOut` tells a timeout from the rest.
  public static func request(
    _ method: String, url: String, timeout: Duration, tls: TLSClientOptions = TLSClientOptions(), token: String? = nil
  ) throws(TransportError) -> HTTPResponse {
    do throws(TransportError) {
      return try read(from: try ask(method, url, tls, token, MonotonicClock.now() + timeout))
    } catch {
      let cause = error.timedOut ? "no complete answer within \(timeout.milliseconds) ms" : error.description
      throw TransportError("can't \(method) \(url): \(cause)", timedOut: error.timedOut)
    }
  }

  /// GETs `url` and gives each piece of the answer's body to `take` as it comes, until that says no or the answer
  /// ends. Gives the answer without what was taken; of any status but 200 nothing is.
  ///
  /// Blocks for as long as the answer goes on. *Errors*: those of `request`; `timedOut` when the head of the answer
  /// isn't there within `timeout`, or the server then says nothing for as long as `silence`.
  public static func stream(
    url: String, timeout: Duration, silence: Duration, tls: TLSClientOptions = TLSClientOptions(), token: String? = nil,
    take: ([UInt8]) -> Bool
  ) throws(TransportError) -> HTTPResponse {
    var parser = HTTP1ResponseParser()
    do throws(TransportError) {
      let wire = try ask("GET", url, tls, token, MonotonicClock.now() + timeout)
      while true {
        if parser.head != nil { wire.deadline = MonotonicClock.now() + silence }
        if let answer = try step(&parser, wire.receive(), take) { return answer }
      }
    } catch {
      let late =
        parser.head == nil
        ? "no answer within \(timeout.milliseconds) ms" : "nothing came for \(silence.milliseconds) ms"
      throw TransportError(
        "can't GET \(url): \(error.timedOut ? late : error.description)", timedOut: error.timedOut)
    }
  }

  /// Takes what came; gives the answer when it is over, or nobody wants more.
  private static func step(
    _ parser: inout HTTP1ResponseParser, _ bytes: ArraySlice<UInt8>, _ take: ([UInt8]) -> Bool
  ) throws(TransportError) -> HTTPResponse? {
    do throws(HTTPFailure) {
      if bytes.isEmpty { return try parser.connectionEnded() }
      let whole = try parser.receive(bytes)
      guard let head = parser.head, head.status == 200 else { return whole }
      let piece = parser.takeBody()
      if !piece.isEmpty, !take(piece) { return head }
      return whole.map { _ in head }
    } catch {
      throw TransportError(error.description)
    }
  }

  private static func ask(
    _ method: String, _ url: String, _ tls: TLSClientOptions, _ token: String?, _ deadline: Instant
  ) throws(TransportError) -> ClientWire {
    let parsed = try HTTPURL(parsing: url)
    guard let endpoint = Endpoint(host: parsed.host, port: parsed.port) else {
      throw TransportError("'\(parsed.host)' is not a host name or an address")
    }
    let stream = parsed.isSecure ? try makeStream(tls, to: parsed.host) : nil
    let addresses = try SocketAddress.resolve(endpoint)
    let authorization = try authorization(token, isSafe: parsed.isSecure || addresses.allSatisfy(\.isLoopback))
    let wire = try connect(to: addresses, tls: stream, deadline)
    let request =
      "\(method) \(parsed.target) HTTP/1.1\r\nHost: \(parsed.authority)\r\nAccept: */*\r\n\(authorization)"
      + "User-Agent: meshkit\r\n\(method == "POST" ? "Content-Length: 0\r\n" : "")Connection: close\r\n\r\n"
    try wire.send(Array(request.utf8))
    return wire
  }

  /// The field that shows `token`; none without one. Whoever sees it on its way has it for good.
  private static func authorization(_ token: String?, isSafe: Bool) throws(TransportError) -> String {
    guard let token else { return "" }
    guard isSafe else { throw TransportError("a token is sent over https, or to this host, only") }
    guard BearerSyntax.isToken(token.utf8) else { throw TransportError("the token can't be one") }
    return "Authorization: Bearer \(token)\r\n"
  }

  /// GETs `url`, as `request` does.
  public static func get(
    url: String, timeout: Duration, tls: TLSClientOptions = TLSClientOptions()
  ) throws(TransportError) -> HTTPResponse {
    try request("GET", url: url, timeout: timeout, tls: tls)
  }

  private static func makeStream(_ options: TLSClientOptions, to host: String) throws(TransportError) -> TLSStream {
    guard let stream = TLSStream(try TLSClient(options), to: host) else {
      throw TransportError("OpenSSL is out of memory")
    }
    return stream
  }

  private static func connect(
    to addresses: [SocketAddress], tls: TLSStream?, _ deadline: Instant
  ) throws(TransportError) -> ClientWire {
    var last = TransportError("the host has no address")
    for address in addresses {
      do throws(TransportError) {
        return try connect(to: address, tls: tls, deadline)
      } catch {
        if error.timedOut { throw error }
        last = error
      }
    }
    throw last
  }

  private static func connect(
    to address: SocketAddress, tls: TLSStream?, _ deadline: Instant
  ) throws(TransportError) -> ClientWire {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = Glibc.socket(address.isIPv6 ? AF_INET6 : AF_INET, type, 0)
    guard socket >= 0 else { throw TransportError("can't open a socket: \(systemMessage(errno))") }
    let wire = ClientWire(socket, tls: tls, deadline: deadline)
    guard address.withSockaddr({ Glibc.connect(socket, $0, $1) }) != 0 else { return wire }
    guard errno == EINPROGRESS else { throw TransportError("\(address): \(systemMessage(errno))") }
    try wire.wait(for: POLLOUT)
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &length)
    guard code == 0 else { throw TransportError("\(address): \(systemMessage(code))") }
    return wire
  }

  private static func read(from wire: ClientWire) throws(TransportError) -> HTTPResponse {
    var parser = HTTP1ResponseParser()
    while true {
      let bytes = try wire.receive()
      do throws(HTTPFailure) {
        if bytes.isEmpty { return try parser.connectionEnded() }
        if let response = try parser.receive(bytes) { return response }
      } catch {
        throw TransportError(error.description)
      }
    }
  }
}
