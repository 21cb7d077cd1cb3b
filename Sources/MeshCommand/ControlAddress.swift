import MeshRuntime
import MeshTransport

/// The control listener that a verb's options name, and how it is asked.
enum ControlAddress {
  /// What every verb that asks a control listener takes.
  static let options = [
    Option(
      name: "--url", short: "-u", placeholder: "URL", summary: "control address of the node, http:// or https://",
      standard: "http://127.0.0.1:8080"),
    Option(name: "--cacert", placeholder: "FILE", summary: "authorities to trust over https, PEM; else the system's"),
    Option(name: "--cert", placeholder: "FILE", summary: "certificate to show over https, PEM"),
    Option(name: "--key", placeholder: "FILE", summary: "its key, PEM; else it is in the file of --cert"),
    Option(
      name: "--token-file", placeholder: "FILE",
      summary: "its first line is the token to show; else the file that MESHKIT_TOKEN_FILE names"),
    Option(name: "--timeout", placeholder: "TIME", summary: "how long to wait for the answer", standard: "10s"),
  ]

  /// Asks for `path` of the listener. *Errors*: of an option, naming it; of the request, after `failing`.
  static func ask(
    _ method: String, _ path: String, _ values: OptionValues, failing: String
  ) throws(CommandError) -> (url: String, response: HTTPResponse) {
    let url = try ControlAddress.of(values) + path
    let timeout = try values.duration("--timeout")
    let tls = try Self.tls(values)
    let token = try Self.token(values, environment: SystemFiles.environment())
    do throws(TransportError) {
      return (url, try HTTPClient.request(method, url: url, timeout: timeout, tls: tls, token: token))
    } catch {
      throw CommandError(
        "\(failing): \(printable(error.description))", exitCode: error.timedOut ? .timeout : .error)
    }
  }

  /// Follows `path` of the listener, whose answer goes on: each piece of it goes to `take`, until that says no. The
  /// answer begins within `--timeout`, and then is never silent for as long as `silence`.
  /// *Errors*: as of `ask`.
  static func follow(
    _ path: String, _ values: OptionValues, silence: Duration, failing: String, take: ([UInt8]) -> Bool
  ) throws(CommandError) -> (url: String, response: HTTPResponse) {
    let url = try of(values) + path
    let timeout = try values.duration("--timeout")
    let tls = try Self.tls(values)
    let token = try Self.token(values, environment: SystemFiles.environment())
    do throws(TransportError) {
      return (
        url,
        try HTTPClient.stream(url: url, timeout: timeout, silence: silence, tls: tls, token: token, take: take)
      )
    } catch {
      throw CommandError(
        "\(failing): \(printable(error.description))", exitCode: error.timedOut ? .timeout : .error)
    }
  }

  private static func tls(_ values: OptionValues) throws(CommandError) -> TLSClientOptions {
    var tls = TLSClientOptions()
    tls.authorityPath = values.value("--cacert")
    tls.certificatePath = values.value("--cert")
    tls.keyPath = values.value("--key")
    if tls.keyPath != nil, tls.certificatePath == nil {
      throw CommandError("\(values.title): --key needs the certificate that it belongs to: --cert FILE")
    }
    return tls
  }

  /// The environment's word for `--token-file`.
  static let tokenVariable = "MESHKIT_TOKEN_FILE"

  /// The token to show; nil without one. It comes from a file, because every user of the machine sees a command's
  /// arguments. *Errors*: name the file; never what is in it.
  static func token(
    _ values: OptionValues, environment: [(name: String, value: String)]
  ) throws(CommandError) -> String? {
    let variable = environment.last { $0.name == tokenVariable && !$0.value.isEmpty }?.value
    let option = values.value("--token-file")
    guard let path = option ?? variable else { return nil }
    let line = try SystemFiles.read(path).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard BearerSyntax.isToken(line) else {
      let source = option == nil ? tokenVariable : "--token-file"
      throw CommandError(
        "\(values.title): the first line of \(path), which \(source) names, is no token; allowed: "
          + "1 to \(BearerSyntax.tokenBytesMax) letters, digits and -._~+/=")
    }
    return String(decoding: line, as: UTF8.self)
  }

  private static func of(_ values: OptionValues) throws(CommandError) -> String {
    let url = values.value("--url") ?? ""
    guard let address = parse(url) else {
      throw CommandError(
        "\(values.title): --url '\(printable(url))' is refused; allowed: http://HOST[:PORT], https://HOST[:PORT]")
    }
    for name in ["--cacert", "--cert", "--key"] where values.value(name) != nil && address.hasPrefix("http://") {
      throw CommandError("\(values.title): \(name) is for https; --url is '\(printable(address))'")
    }
    return address
  }

  /// Scheme and authority of `url`; its path is dropped, as OmniRelay's CLI does.
  static func parse(_ url: String) -> String? {
    let schemes = ["http://", "https://"]
    guard let scheme = schemes.first(where: { url.lowercased().hasPrefix($0) }) else { return nil }
    let authority = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard !authority.isEmpty,
      authority.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") })
    else { return nil }
    return scheme + authority
  }
}
