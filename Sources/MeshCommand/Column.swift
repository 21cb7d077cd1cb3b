/// Text padded to a column's width; longer text is kept whole, as OmniRelay's tables do.
enum Column {
  static func left(_ text: String, _ width: Int) -> String { text + padding(text, width) }
  static func right(_ text: String, _ width: Int) -> String { padding(text, width) + text }

  private static func padding(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width &- text.count))
  }
}
