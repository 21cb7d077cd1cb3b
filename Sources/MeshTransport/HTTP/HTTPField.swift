/// One header or trailer field. Names are lower-case on HTTP/2 and HTTP/3; HTTP/1.1 keeps them as they were sent.
public struct HTTPField: Equatable, Sendable {
  /// The name, whose case never matters.
  public var name: String
  /// The value without blanks at its ends.
  public var value: String

  /// The field `name: value`.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

extension [HTTPField] {
  /// The value of the first field named `name`, whose case doesn't matter.
  subscript(name: String) -> String? { first { HTTP1Syntax.equalIgnoringCase($0.name, name) }?.value }

  /// The values of all fields named `name`, in order.
  func values(_ name: String) -> [String] {
    var values: [String] = []
    for field in self where HTTP1Syntax.equalIgnoringCase(field.name, name) { values.append(field.value) }
    return values
  }
}
