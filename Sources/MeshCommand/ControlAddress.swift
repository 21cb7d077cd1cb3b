import MeshRuntime

/// The control listener that a verb's `--url` names.
enum ControlAddress {
  static func of(_ values: OptionValues) throws(CommandError) -> String {
    let url = values.value("--url") ?? ""
    guard let address = parse(url) else {
      throw CommandError("\(values.title): --url '\(printable(url))' is refused; allowed: http://HOST[:PORT]")
    }
    return address
  }

  /// Scheme and authority of `url`; its path is dropped, as OmniRelay's CLI does.
  static func parse(_ url: String) -> String? {
    let scheme = "http://"
    let authority = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard url.lowercased().hasPrefix(scheme), !authority.isEmpty,
      authority.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") })
    else { return nil }
    return scheme + authority
  }
}
