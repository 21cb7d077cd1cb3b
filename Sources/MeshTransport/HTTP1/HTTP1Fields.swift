/// The field section of a message (RFC 9112 §5), line by line, and the readings of it that decide where a body ends.
struct HTTP1Fields {
  private(set) var list: [HTTPField] = []
  private var bytes = 0
  private let limits: HTTPLimits

  init(limits: HTTPLimits) { self.limits = limits }

  /// Takes lines until the empty one that ends the section. Answers true when it is complete.
  mutating func read(from input: inout HTTP1Input) throws(HTTPFailure) -> Bool {
    while true {
      // The empty line that ends the section is free, so that a section of exactly the limit passes.
      switch input.takeLine(max: Swift.max(0, limits.headerBytesMax &- bytes &- 2)) {
      case .incomplete: return false
      case .tooLong: throw HTTPFailure(431, "The header fields are longer than \(limits.headerBytesMax) bytes.")
      case .malformed: throw HTTPFailure(400, "A header line does not end in CRLF, or holds a bare CR.")
      case .line(let line):
        if line.isEmpty { return true }
        bytes &+= line.count &+ 2
        try add(line)
      }
    }
  }

  private mutating func add(_ line: [UInt8]) throws(HTTPFailure) {
    guard list.count < limits.fieldsMax else {
      throw HTTPFailure(431, "There are more than \(limits.fieldsMax) fields.")
    }
    // [RFC 9112 §5.2] "A server that receives an obs-fold in a request message … MUST either reject … or replace"
    if let first = line.first, HTTP1Syntax.isBlank(first) {
      throw HTTPFailure(400, "A header line begins with a blank; folded lines are refused.")
    }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
      throw HTTPFailure(400, "A header line has no colon.")
    }
    // A blank before the colon fails here too: [RFC 9112 §5.1] "No whitespace is allowed between the field name and
    // colon."
    guard HTTP1Syntax.isToken(line[..<colon]) else { throw HTTPFailure(400, "A field name is not a token.") }
    let value = HTTP1Syntax.trimmed(line[(colon &+ 1)...])
    guard value.allSatisfy(HTTP1Syntax.isValueByte) else {
      throw HTTPFailure(400, "A field value holds a control character.")
    }
    list.append(HTTPField(String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self)))
  }

  /// All values of the field `name`, in order.
  func values(of name: String) -> [String] { list.values(name) }

  /// The members of all `name` fields, in lower case.
  func members(of name: String) -> [String] { values(of: name).flatMap(HTTP1Syntax.listMembers) }

  /// Puts `value` in the place of all fields `name`.
  mutating func replace(_ name: String, with value: String) {
    list.removeAll { HTTP1Syntax.equalIgnoringCase($0.name, name) }
    list.append(HTTPField(name, value))
  }

  /// The `Content-Length`; nil when there is none. Repeated fields must agree; lists are refused.
  func contentLength() throws(HTTPFailure) -> Int? {
    let values = values(of: "Content-Length")
    guard let first = values.first else { return nil }
    guard !first.isEmpty, first.utf8.allSatisfy(HTTP1Syntax.isDigit), values.allSatisfy({ $0 == first }) else {
      throw HTTPFailure(400, "Content-Length is not one number.")
    }
    guard let length = Int(first), length <= limits.bodyBytesMax else {
      throw HTTPFailure(413, "The body is longer than \(limits.bodyBytesMax) bytes.")
    }
    return length
  }

  /// Whether the body is chunked. Any other transfer coding is refused: 501 when we could find its end but not read it,
  /// 400 when not even that (RFC 9112 §6.1, §6.3).
  func isChunked() throws(HTTPFailure) -> Bool {
    guard !values(of: "Transfer-Encoding").isEmpty else { return false }
    let codings = members(of: "Transfer-Encoding")
    guard codings.last == "chunked", codings.filter({ $0 == "chunked" }).count == 1 else {
      throw HTTPFailure(400, "Transfer-Encoding does not end in one chunked.")
    }
    guard codings.count == 1 else { throw HTTPFailure(501, "The only transfer coding supported is chunked.") }
    return true
  }
}
